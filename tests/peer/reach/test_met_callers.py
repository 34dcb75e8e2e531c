"""Circuits that callers ask for: contacts are met although strangers flood us."""

from p2pchat.errors import P2PError, Unreachable
from p2pchat.peer.reach.met_callers import MetCallers
from p2pchat.protocol.meeting import TICKET_BYTES, Meeting
from tests.fakes import advance
from tests.peer.chat.test_conversations import friends
from tests.world import Person, World


class Dials:
    """Circuits under way."""

    def __init__(self) -> None:
        self.open: list[Dial] = []
        self.names: list[str] = []

    def dial(
        self, username: str, ticket: bytes, relay: str, then: object, failed: object
    ) -> "Dial":
        self.names.append(username)
        self.open.append(Dial(self, then, failed))
        return self.open[-1]


class Dial:
    """A circuit under way."""

    def __init__(self, dials: Dials, then: object, failed: object) -> None:
        self._dials = dials
        self._then, self._failed = then, failed

    def close(self) -> None:
        self._dials.open.remove(self)

    def join(self) -> None:
        self._dials.open.remove(self)
        self._then(None)  # type: ignore[operator]

    def fail(self, error: P2PError) -> None:
        self._dials.open.remove(self)
        self._failed(error)  # type: ignore[operator]


class Desk:
    """Alice's answers to meetings; bob is her contact."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.alice: Person = friends(world)[0]
        self.dials = Dials()
        self.taken: list[str] = []
        self.callers = MetCallers(
            world.loop,
            self.alice.node.contacts,
            self.dials,  # type: ignore[arg-type]
            lambda _, name: self.taken.append(name),
        )

    def met(self, name: str) -> bool:
        """Let somebody ask for a circuit; return whether alice comes."""
        before = len(self.dials.names)
        self.callers.answer(Meeting(name, bytes(TICKET_BYTES)))
        return len(self.dials.names) > before


def test_circuit_is_passed_on_with_the_name(secure_world: World) -> None:
    """The wire is taken for a call of that user; a failure is only forgotten."""
    desk = Desk(secure_world)
    assert desk.met("bob")
    assert desk.met("stranger")
    desk.dials.open[1].join()
    desk.dials.open[0].fail(Unreachable("no circuit"))
    assert desk.taken == ["stranger"]
    assert desk.dials.open == []


def test_second_meeting_of_a_user_replaces_the_first(secure_world: World) -> None:
    """One circuit with each user is under way at a time."""
    desk = Desk(secure_world)
    assert desk.met("bob")
    (first,) = desk.dials.open
    assert desk.met("bob")
    assert len(desk.dials.open) == 1
    assert desk.dials.open[0] is not first


def test_one_stranger_is_limited(secure_world: World) -> None:
    """A stranger is met three times a minute, a contact ten times."""
    desk = Desk(secure_world)
    assert [desk.met("stranger") for _ in range(5)] == [True] * 3 + [False] * 2
    assert [desk.met("bob") for _ in range(12)] == [True] * 10 + [False] * 2
    advance(secure_world.loop, 60)
    assert desk.met("stranger")


def test_strangers_cannot_use_up_what_contacts_need(secure_world: World) -> None:
    """Few strangers are met at once, and few in a minute; contacts are met all the same."""
    desk = Desk(secure_world)
    assert [desk.met(f"s{n}") for n in range(6)] == [True] * 4 + [False] * 2
    for dial in tuple(desk.dials.open):
        dial.join()
    came = 0
    for n in range(10, 40):
        came += desk.met(f"s{n}")
        for dial in tuple(desk.dials.open):
            dial.join()
    assert came == 16
    assert desk.met("bob")


def test_name_that_no_registry_accepts_is_ignored(secure_world: World) -> None:
    """A lying registry cannot have us note other names."""
    desk = Desk(secure_world)
    assert not desk.met("Bob:x")


def test_end_abandons_what_is_under_way(secure_world: World) -> None:
    """A node that stops waits for no circuit."""
    desk = Desk(secure_world)
    desk.met("bob")
    desk.callers.close()
    assert desk.dials.open == []
