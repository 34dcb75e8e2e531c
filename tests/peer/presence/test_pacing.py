"""A value that changes quickly is reported at a limited rate, ending with the last one."""

from p2pchat.net.loop import Loop
from p2pchat.peer.presence.pacing import Paced
from tests.fakes import advance


def test_one_value_a_second_and_the_last(loop: Loop) -> None:
    """The first value is reported at once, then at most one a second, and the last one always."""
    told: list[int] = []
    paced = Paced(loop, 0, told.append)
    for n in range(1, 1000):
        paced.set(n)
    assert told == [1]
    assert paced.value == 999
    advance(loop, 1.1)
    assert told == [1, 999]
    advance(loop, 10)
    assert told == [1, 999]
    paced.set(5)
    assert told == [1, 999, 5]


def test_unchanged_value_is_not_reported(loop: Loop) -> None:
    """A value equal to the last reported one is not reported, even if it differed for a moment."""
    told: list[bool] = []
    paced = Paced(loop, False, told.append)
    paced.set(False)
    paced.set(True)
    paced.set(False)
    paced.set(True)
    advance(loop, 5)
    assert told == [True]
