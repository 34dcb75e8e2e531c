"""A compartment contains the errors of its own callbacks."""

import pytest

from p2pchat.net.compartment import Compartment
from p2pchat.net.loop import Loop
from tests.fakes import FakeClock, advance, settle


def bug() -> None:
    raise LookupError("a bug")


@pytest.mark.parametrize("how", ["soon", "later", "at"])
def test_exception_in_a_callback_breaks_only_its_compartment(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The exception is logged with a traceback and counted; other compartments go on."""
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


def test_cancelled_timer_does_not_run() -> None:
    """A cancelled timer of a compartment does not run."""
    loop = Loop(FakeClock())
    part = Compartment(loop, "a part", bug)
    part.call_later(1, bug).cancel()
    advance(loop, 2)
    assert loop.contained == 0
    loop.close()


def test_strict_loop_raises_the_exception(loop: Loop) -> None:
    """With the strict loop of the tests, the exception is raised instead of contained."""
    Compartment(loop, "a part", lambda: None).call_soon(bug)
    with pytest.raises(LookupError):
        settle(loop)
