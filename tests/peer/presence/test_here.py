"""Who has a conversation open: told once each way, and no more often than it matters."""

from typing import Any

from p2pchat.net.loop import Loop
from p2pchat.peer.presence.here import HereStatus
from p2pchat.protocol.talk import Here
from tests.fakes import advance


class Recorder:
    """A link that keeps what is sent on it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, message: Any) -> None:
        self.sent.append(message)


def test_that_we_have_gone_is_said_to_who_knew_that_we_were_there(loop: Loop) -> None:
    """To others it says nothing."""
    link: Any = Recorder()
    status = HereStatus(loop, lambda _: None)
    status.say(link, here=False)
    assert link.sent == []
    status.say(link, here=True)
    status.say(link, here=False)
    status.say(link, here=False)
    assert link.sent == [Here(here=True), Here(here=False)]


def test_the_contacts_is_told_at_most_once_a_second(loop: Loop) -> None:
    """However often it changes; the last one is told in any case."""
    told: list[bool] = []
    status = HereStatus(loop, told.append)
    assert not status.theirs
    for _ in range(50):
        status.hear(Here(here=True))
        status.hear(Here(here=False))
    assert not status.theirs
    assert told == [False]
    status.hear(Here(here=True))
    assert status.theirs
    advance(loop, 2)
    assert told == [False, True]
