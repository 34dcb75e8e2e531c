"""A registry of several machines is reached at the first that answers."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.errors import NotTrusted, P2PError, Unreachable
from p2pchat.net.address import Address
from p2pchat.net.certificates import fingerprint_of_file, server_context
from p2pchat.net.loop import Loop
from p2pchat.net.tls import StandardEngine, TlsTransport
from p2pchat.net.transport import Wire
from p2pchat.peer.profile import Profile
from p2pchat.peer.registry_dialer import RegistryDialer
from p2pchat.peer.registry_url import parse_registry_url
from tests.fakes import MemoryInternet, settle
from tests.world import certificate

RIGHT = fingerprint_of_file(certificate()[0])
WRONG = "a" * 52


class Machines:
    """An internet on which some machines answer by TLS; `came` are the hosts that were dialled."""

    def __init__(self, loop: Loop, profile: Profile) -> None:
        self.loop = loop
        self.profile = profile
        self.internet = MemoryInternet(loop)
        self.came: list[str] = []
        self.outcome: list[str] = []
        self._context = server_context(*certificate())

    def up(self, host: str) -> None:
        def accept(wire: Wire) -> None:
            self.came.append(host)
            TlsTransport(self.loop, wire, StandardEngine(self._context))

        self.internet.machine(host).listen(Address(host, 7117), accept)

    def dialer(self, urls: str) -> RegistryDialer:
        network = self.internet.machine("10.0.0.9")
        url = parse_registry_url(urls)
        return RegistryDialer(self.loop, network, url, self.profile, lambda _: None)

    def dial(self, dialer: RegistryDialer) -> P2PError | None:
        """Give the error, or None where a link came."""
        outcome: list[P2PError | None] = []
        dialer.dial(lambda _: outcome.append(None), outcome.append)
        settle(self.loop)
        assert len(outcome) == 1
        return outcome[0]


@pytest.fixture
def machines(loop: Loop, tmp_path: Path) -> Iterator[Machines]:
    with closing(Profile(tmp_path / "p.sqlite3")) as profile:
        yield Machines(loop, profile)


def test_the_named_ones_are_tried_in_turn(machines: Machines) -> None:
    """And the one that answered is tried first the next time."""
    machines.up("10.0.0.2")
    dialer = machines.dialer(f"p2p://10.0.0.1#{RIGHT},p2p://10.0.0.2#{RIGHT}")
    assert machines.dial(dialer) is None
    assert dialer.reached.host == "10.0.0.2"
    machines.up("10.0.0.1")
    assert machines.dial(dialer) is None
    assert machines.came == ["10.0.0.2"] * 2


def test_the_others_are_learned(machines: Machines) -> None:
    """And known to the next program that starts; nonsense that was told does no harm."""
    machines.up("10.0.0.1")
    first = machines.dialer(f"p2p://10.0.0.1#{RIGHT}")
    first.learn((f"p2p://10.0.0.3#{RIGHT}", "nonsense"))
    machines.internet.listeners.clear()
    machines.up("10.0.0.3")
    assert machines.dial(machines.dialer("p2p://10.0.0.1")) is None
    first.learn(())  # the others may just be starting again
    assert machines.dial(machines.dialer("p2p://10.0.0.1")) is None


def test_what_is_told_lowers_no_guard(machines: Machines) -> None:
    """A machine in clear, or whose key nobody has named, is not gone to."""
    dialer = machines.dialer(f"p2p://10.0.0.1#{RIGHT}")
    dialer.learn(("original://10.0.0.3", "p2p://10.0.0.3"))
    machines.up("10.0.0.3")
    assert isinstance(machines.dial(dialer), Unreachable)
    assert machines.came == []


def test_a_key_that_has_changed(machines: Machines) -> None:
    """Stops everything at the machine that was asked for; of the others the next is tried."""
    machines.up("10.0.0.1")
    machines.up("10.0.0.2")
    bad_first = machines.dialer(f"p2p://10.0.0.1#{WRONG},p2p://10.0.0.2#{RIGHT}")
    assert isinstance(machines.dial(bad_first), NotTrusted)
    assert machines.came == ["10.0.0.1"]
    bad_second = machines.dialer(
        f"p2p://10.0.0.5#{RIGHT},p2p://10.0.0.1#{WRONG},p2p://10.0.0.2#{RIGHT}"
    )
    assert machines.dial(bad_second) is None
    assert bad_second.reached.host == "10.0.0.2"


def test_the_first_reason_is_told_if_none_answers(machines: Machines) -> None:
    """Of the machine that the person named."""
    error = machines.dial(machines.dialer("p2p://10.0.0.1,p2p://10.0.0.2"))
    assert isinstance(error, Unreachable)
    assert "10.0.0.1" in error.what
