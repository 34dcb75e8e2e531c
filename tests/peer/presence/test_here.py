"""Whether a conversation is open: sent on change only, and reported at a limited rate."""

from typing import Any

from p2pchat.net.loop import Loop
from p2pchat.peer.presence.here import HereStatus
from p2pchat.protocol.talk import Here
from tests.fakes import advance


class Recorder:
    """A fake link that records what was sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, message: Any) -> None:
        self.sent.append(message)


def test_closing_is_sent_only_after_opening(loop: Loop) -> None:
    """A link is told that the conversation was closed only if it was told that it was open."""
    link: Any = Recorder()
    status = HereStatus(loop, lambda _: None)
    status.say(link, here=False)
    assert link.sent == []
    status.say(link, here=True)
    status.say(link, here=False)
    status.say(link, here=False)
    assert link.sent == [Here(here=True), Here(here=False)]


def test_contact_state_is_reported_at_most_once_a_second(loop: Loop) -> None:
    """A contact's state is reported at most once a second, and the last one always."""
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
