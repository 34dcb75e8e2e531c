"""Do not disturb lasts until it is turned off, or for a given time."""

from p2pchat.net.loop import Loop
from p2pchat.peer.presence.do_not_disturb import DoNotDisturb
from tests.fakes import advance


def test_it_ends_after_its_time(loop: Loop) -> None:
    """It ends after its time and reports that; turning it on again restarts the time."""
    quiet, ended = DoNotDisturb(loop), list[str]()
    quiet.turn(on=True, seconds=60, at_end=lambda: ended.append("first"))
    advance(loop, 30)
    quiet.turn(on=True, seconds=60, at_end=lambda: ended.append("second"))
    advance(loop, 59)
    assert quiet.is_on
    advance(loop, 2)
    assert not quiet.is_on
    assert ended == ["second"]


def test_it_can_be_turned_off(loop: Loop) -> None:
    """Turning it off, or closing it, reports no end."""
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
