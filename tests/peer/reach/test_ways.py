"""The race of the ways to a contact: the first that proves the key wins, and errors name all."""

from typing import Any

import pytest

from p2pchat.errors import NotTrusted, P2PError, Unreachable
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.peer.reach.ways import Ways
from p2pchat.protocol.address import Address
from p2pchat.protocol.meeting import MeetResult
from p2pchat.protocol.messages import Outcome, Reason
from tests.fakes import advance, settle

KEY = b"k" * 32
PLACE = Address("5.5.5.5", 4000)


class FakeLink:
    """A link that notes whether it was aborted."""

    aborted = False

    def abort(self) -> None:
        self.aborted = True


class Way:
    """One way that a test ends as it likes."""

    def __init__(self, then: Any, failed: Any) -> None:
        self.then, self.failed = then, failed
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Race:
    """A race to bob; `dials` and `circuits` are the ways that were begun."""

    def __init__(self, loop: Loop, address: Address | None = PLACE, **how: Any) -> None:
        self.loop = loop
        self.dials: list[Way] = []
        self.asked: list[Way] = []
        self.circuits: list[Way] = []
        self.won: list[Link] = []
        self.errors: list[P2PError] = []
        me: Any = self
        self.race = Ways(
            loop, me, me, self.meet, me, may_dial=lambda host: host == PLACE.host
        ).connect("bob", address, KEY, self.won.append, self.errors.append, **how)

    def dial(self, *args: Any) -> Way:
        """Dial an address, or a circuit by its ticket."""
        way = Way(*args[-2:])
        (self.circuits if len(args) == 5 else self.dials).append(way)
        return way

    def shake_as_dialler(self, wire: Any, then: Any, failed: Any) -> Way:
        then(wire, KEY)
        return Way(then, failed)

    def meet(self, username: str, then: Any, failed: Any) -> None:
        assert username == "bob"
        self.asked.append(Way(then, failed))

    def grant(self) -> None:
        """Let the registry give a ticket."""
        self.asked[-1].then(MeetResult(Outcome.OK, ticket=bytes(16)))


def link() -> Any:
    return FakeLink()


def test_dial_has_a_head_start(loop: Loop) -> None:
    """The registry is asked only if the dial takes a while."""
    race = Race(loop)
    advance(loop, 0.1)
    race.dials[0].then(link(), KEY)
    advance(loop, 60)
    assert (len(race.won), race.asked, race.errors) == (1, [], [])


@pytest.mark.parametrize("how", ["both at once", "no address", "dial fails"])
def test_registry_is_asked_at_once_where_that_is_better(loop: Loop, how: str) -> None:
    """Without an address, after a relayed link, and once the dial has failed."""
    address = None if how == "no address" else PLACE
    race = Race(loop, address, both_at_once=how == "both at once")
    if how == "dial fails":
        race.dials[0].failed(Unreachable("refused"))
    settle(loop)
    assert len(race.asked) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "bob.example"])
def test_address_that_may_not_be_dialled_leaves_the_circuit(loop: Loop, host: str) -> None:
    """Bob logs in on the registry's own machine, so that it gives an address of loopback."""
    race = Race(loop, Address(host, 4000))
    settle(loop)
    assert (race.dials, len(race.asked)) == ([], 1)
    race.asked[0].then(MeetResult(Outcome.FAIL, Reason.OFFLINE))
    (error,) = race.errors
    assert error.what == (
        f"cannot reach bob at {host}: not dialled: it is no IP address, or one of this machine;"
        " through the registry: it cannot be met there"
    )


def test_circuit_wins_and_the_dial_is_abandoned(loop: Loop) -> None:
    """The first that proves the key is used; the other is closed without a word."""
    race = Race(loop)
    advance(loop, 0.3)
    race.grant()
    race.circuits[0].then(link())
    assert (len(race.won), race.dials[0].closed) == (1, True)
    advance(loop, 60)
    assert race.errors == []


def test_another_key_at_the_address_leaves_the_circuit(loop: Loop) -> None:
    """An impostor loses its own way only; if no other is left, that is the error."""
    race = Race(loop)
    impostor = link()
    race.dials[0].then(impostor, b"x" * 32)
    assert impostor.aborted
    assert race.errors == []
    race.asked[0].then(MeetResult(Outcome.FAIL, Reason.OFFLINE))
    (error,) = race.errors
    assert isinstance(error, NotTrusted)


def test_another_key_of_the_registry_says_nothing_of_the_contact(loop: Loop) -> None:
    """It ends the circuit's way, as any other failure."""
    race = Race(loop)
    race.dials[0].failed(Unreachable("no answer", reason="no answer"))
    race.grant()
    race.circuits[0].failed(NotTrusted("the registry presents a different key"))
    (error,) = race.errors
    assert isinstance(error, Unreachable)
    assert error.what == (
        "cannot reach bob at 5.5.5.5:4000: no answer;"
        " through the registry: the registry presents a different key"
    )


def test_race_ends_in_time(loop: Loop) -> None:
    """What has not answered after twelve seconds is named as such."""
    race = Race(loop)
    advance(loop, 13)
    (error,) = race.errors
    assert error.what == (
        "cannot reach bob at 5.5.5.5:4000: no answer; through the registry: no answer"
    )
    assert race.dials[0].closed
    race.grant()
    assert race.circuits == []


def test_given_up_race(loop: Loop) -> None:
    """No callback follows, whatever still comes."""
    race = Race(loop)
    advance(loop, 0.3)
    race.race.close()
    race.asked[0].failed(Unreachable("lost"))
    advance(loop, 60)
    assert (race.won, race.errors, race.dials[0].closed) == ([], [], True)


def test_another_key_in_the_local_network_is_nobody(loop: Loop) -> None:
    """Anybody there may have passed on an answer; the contact is only not reached."""
    race = Race(loop, nearby=True)
    settle(loop)
    race.dials[0].then(link(), b"x" * 32)
    race.asked[0].then(MeetResult(Outcome.FAIL, Reason.OFFLINE))
    (error,) = race.errors
    assert isinstance(error, Unreachable)
    assert "another program answers there" in error.what
