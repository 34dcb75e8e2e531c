"""Whose person is away: told to whom we are linked to, once, and to whoever links later."""

from p2pchat.net.loop import Loop
from p2pchat.peer.presence.away_status import AwayStatus
from p2pchat.protocol.client.events import ContactIdle, Event
from p2pchat.protocol.messages import Message
from p2pchat.protocol.talk import Idle
from tests.fakes import advance


class Wire:
    """What was said on it."""

    def __init__(self) -> None:
        self.said: list[Message] = []

    def send(self, message: Message) -> None:
        self.said.append(message)


def test_contacts_are_told_of_each_change_once(loop: Loop) -> None:
    """Those who come later, too, on each new link."""
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


def test_what_contacts_say_is_told_when_it_is_new(loop: Loop) -> None:
    """Whatever link it comes on."""
    told: list[Event] = []
    away_status = AwayStatus(loop, list, told.append)
    for idle in (False, True, True, False, True):
        away_status.hear("bob", Idle(idle))
        advance(loop, 1)
    assert told == [ContactIdle("bob", True), ContactIdle("bob", False), ContactIdle("bob", True)]
    assert away_status.of("bob")


def test_a_contact_that_toggles_is_told_of_once_a_second(loop: Loop) -> None:
    """However often: the newest state counts, and it is told."""
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
