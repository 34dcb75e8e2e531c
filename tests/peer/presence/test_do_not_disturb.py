"""Do not disturb: until it is taken back, or for a while."""

from p2pchat.net.loop import Loop
from p2pchat.peer.presence.do_not_disturb import DoNotDisturb
from tests.fakes import advance


def test_it_ends_by_itself_after_a_while(loop: Loop) -> None:
    """And says so; turned on again it is the newer while that counts."""
    quiet, ended = DoNotDisturb(loop), list[str]()
    quiet.turn(on=True, seconds=60, at_end=lambda: ended.append("first"))
    advance(loop, 30)
    quiet.turn(on=True, seconds=60, at_end=lambda: ended.append("second"))
    advance(loop, 59)
    assert quiet.is_on
    advance(loop, 2)
    assert not quiet.is_on
    assert ended == ["second"]


def test_it_can_be_taken_back(loop: Loop) -> None:
    """Nothing ends then, nor at the end of the node."""
    quiet, ended = DoNotDisturb(loop), list[str]()
    quiet.turn(on=True, seconds=60, at_end=lambda: ended.append("x"))
    quiet.turn(on=False)
    quiet.turn(on=True)
    advance(loop, 100)
    assert quiet.is_on
    quiet.turn(on=True, seconds=60, at_end=lambda: ended.append("x"))
    quiet.close()
    advance(loop, 100)
    assert ended == []
    assert loop.idle
