"""The idle state of users: sent to linked contacts once per change and on new links."""

from p2pchat.net.loop import Loop
from p2pchat.peer.presence.away_status import AwayStatus
from p2pchat.protocol.client.events import ContactIdle, Event
from p2pchat.protocol.messages import Message
from p2pchat.protocol.talk import Idle
from tests.fakes import advance


class Wire:
    """A fake link that records what was sent."""

    def __init__(self) -> None:
        self.said: list[Message] = []

    def send(self, message: Message) -> None:
        self.said.append(message)


def test_contacts_are_told_of_each_change_once(loop: Loop) -> None:
    """Each link is told each change once, and a later link the current state."""
    wires = [Wire(), Wire()]
    away_status = AwayStatus(loop, lambda: wires, lambda _: None)  # type: ignore[arg-type,return-value]
    away_status.linked(wires[0])  # type: ignore[arg-type]
    assert wires[0].said == [Idle(False)]
    away_status.be(idle=True)
    away_status.be(idle=True)
    late = Wire()
    away_status.linked(late)  # type: ignore[arg-type]
    away_status.be(idle=False)
    assert wires[0].said == [Idle(False), Idle(True), Idle(False)]
    assert wires[1].said == [Idle(True), Idle(False)]
    assert late.said == [Idle(True)]


def test_contact_state_is_reported_when_it_changes(loop: Loop) -> None:
    """A contact's idle state is reported only when it changes, whatever link it comes on."""
    told: list[Event] = []
    away_status = AwayStatus(loop, list, told.append)
    for idle in (False, True, True, False, True):
        away_status.hear("bob", Idle(idle))
        advance(loop, 1)
    assert told == [ContactIdle("bob", True), ContactIdle("bob", False), ContactIdle("bob", True)]
    assert away_status.of("bob")


def test_toggling_contact_is_reported_once_a_second(loop: Loop) -> None:
    """A contact that toggles is reported at most once a second, ending with the newest state."""
    told: list[Event] = []
    away_status = AwayStatus(loop, list, told.append)
    for n in range(12_001):
        away_status.hear("bob", Idle(n % 2 == 0))
    assert told == [ContactIdle("bob", True)]
    away_status.hear("bob", Idle(False))
    advance(loop, 1)
    assert told == [ContactIdle("bob", True), ContactIdle("bob", False)]
    advance(loop, 5)
    assert len(told) == 2
