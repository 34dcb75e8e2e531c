"""However fast it toggles: a few are told, and the last is true."""

from p2pchat.net.loop import Loop
from p2pchat.peer.presence.pacing import Paced
from tests.fakes import advance


def test_one_a_second_and_the_last(loop: Loop) -> None:
    """The first at once."""
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


def test_what_is_as_it_was_is_not_told(loop: Loop) -> None:
    """Also after it was something else for a moment."""
    told: list[bool] = []
    paced = Paced(loop, False, told.append)
    paced.set(False)
    paced.set(True)
    paced.set(False)
    paced.set(True)
    advance(loop, 5)
    assert told == [True]
