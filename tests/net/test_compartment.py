"""A part of a program whose callbacks fail: it is broken, and nothing else."""

import pytest

from p2pchat.net.compartment import Compartment
from p2pchat.net.loop import Loop
from tests.fakes import FakeClock, advance, settle


def bug() -> None:
    raise LookupError("a bug")


@pytest.mark.parametrize("how", ["soon", "later", "at"])
def test_what_a_callback_raises_breaks_its_part_alone(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Logged with its traceback, and counted; what others have scheduled goes on."""
    loop = Loop(FakeClock())
    broken: list[str] = []
    part = Compartment(loop, "the talk with bob", lambda: broken.append("bob"))
    other = Compartment(loop, "the talk with carol", lambda: broken.append("carol"))
    done: list[str] = []
    for compartment, callback in ((part, bug), (other, lambda: done.append("carol"))):
        match how:
            case "soon":
                compartment.call_soon(callback)
            case "later":
                compartment.call_later(1, callback)
            case "at":
                compartment.call_at(loop.now() + 1, callback)
    advance(loop, 2)
    assert broken == ["bob"]
    assert done == ["carol"]
    assert loop.contained == 1
    (record,) = caplog.records
    assert "the talk with bob" in record.getMessage()
    assert record.exc_info is not None
    loop.close()


def test_a_cancelled_timer_breaks_nothing() -> None:
    """As with the loop itself."""
    loop = Loop(FakeClock())
    part = Compartment(loop, "a part", bug)
    part.call_later(1, bug).cancel()
    advance(loop, 2)
    assert loop.contained == 0
    loop.close()


def test_in_tests_it_is_raised(loop: Loop) -> None:
    """No bug is hidden from them."""
    Compartment(loop, "a part", lambda: None).call_soon(bug)
    with pytest.raises(LookupError):
        settle(loop)
