"""A registry with several nodes is reached at the first one that answers."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from p2pchat.errors import NotTrusted, P2PError, Unreachable
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.tls.certificates import fingerprint_of_file, make_certificate, server_context
from p2pchat.net.tls.engine import StandardEngine
from p2pchat.net.tls.signing import Signer
from p2pchat.net.tls.transport import TlsTransport
from p2pchat.net.transport import Wire
from p2pchat.peer.registry_client.dialer import RegistryDialer
from p2pchat.peer.registry_client.url import parse_registry_url
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.address import Address
from p2pchat.protocol.proofs import SignedNodes, nodes_statement
from tests.fakes import MemoryInternet, settle
from tests.world import certificate, signer

RIGHT = fingerprint_of_file(certificate()[0])
WRONG = "a" * 52
WALL = int(time.time())


def signed(
    *nodes: str, by: Signer | None = None, issued: int = 0, lifetime: int = 3600
) -> SignedNodes:
    """Return a node list signed by the registry's key, or by another one."""
    by = by or signer()
    issued_at, expires_at = WALL + issued, WALL + issued + lifetime
    signature = by.sign(nodes_statement(nodes, issued_at, expires_at))
    return SignedNodes(nodes, issued_at, expires_at, by.public, signature)


class Machines:
    """A network in which some hosts answer by TLS; `came` lists the hosts that were dialled."""

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

    def learn(self, signed: SignedNodes | None) -> RegistryDialer:
        """Dial the first host, which sends this list; return the dialler."""
        dialer = self.dialer(f"p2p://10.0.0.1#{RIGHT}")
        links: list[Link] = []
        dialer.dial(links.append, lambda error: pytest.fail(error.what))
        settle(self.loop)
        dialer.learn(signed, links[0])
        links[0].abort()
        settle(self.loop)
        return dialer

    def dial(self, dialer: RegistryDialer) -> P2PError | None:
        """Return the error, or None if a link was made."""
        outcome: list[P2PError | None] = []
        dialer.dial(lambda _: outcome.append(None), outcome.append)
        settle(self.loop)
        assert len(outcome) == 1
        return outcome[0]


@pytest.fixture
def machines(loop: Loop, tmp_path: Path) -> Iterator[Machines]:
    with closing(Profile(tmp_path / "p.sqlite3")) as profile:
        yield Machines(loop, profile)


def test_named_nodes_are_tried_in_order(machines: Machines) -> None:
    """The nodes of a URL are tried in order, and the one that answered is tried first next time."""
    machines.up("10.0.0.2")
    dialer = machines.dialer(f"p2p://10.0.0.1#{RIGHT},p2p://10.0.0.2#{RIGHT}")
    assert machines.dial(dialer) is None
    assert dialer.reached.host == "10.0.0.2"
    machines.up("10.0.0.1")
    assert machines.dial(dialer) is None
    assert machines.came == ["10.0.0.2"] * 2


def test_hung_node_is_tried_last(machines: Machines) -> None:
    """A node that hangs is tried after the others, once; then the one that answered stays first."""
    for host in ("10.0.0.1", "10.0.0.2"):
        machines.up(host)
    dialer = machines.dialer(f"p2p://10.0.0.1#{RIGHT},p2p://10.0.0.2#{RIGHT}")
    assert machines.dial(dialer) is None
    dialer.try_others_first()
    assert machines.dial(dialer) is None
    assert machines.dial(dialer) is None
    assert machines.came == ["10.0.0.1", "10.0.0.2", "10.0.0.2"]


def test_other_nodes_are_learned(machines: Machines) -> None:
    """Nodes learned from the registry are known to the next process; malformed ones are ignored."""
    machines.up("10.0.0.1")
    machines.learn(signed(f"p2p://10.0.0.3#{RIGHT}", "nonsense"))
    machines.internet.listeners.clear()
    machines.up("10.0.0.3")
    assert machines.dial(machines.dialer("p2p://10.0.0.1")) is None
    assert machines.profile.pinned_registry("p2p://10.0.0.3:7117") is None


def test_learned_nodes_must_be_secure(machines: Machines) -> None:
    """A learned node in clear or without a key is not dialled."""
    machines.up("10.0.0.1")
    dialer = machines.learn(signed("original://10.0.0.3", "p2p://10.0.0.3"))
    machines.internet.listeners.clear()
    machines.came.clear()
    machines.up("10.0.0.3")
    assert isinstance(machines.dial(dialer), Unreachable)
    assert machines.came == []


EVIL = f"p2p://10.6.6.6#{RIGHT}"


def another_key() -> Signer:
    """Return a key that no client has pinned."""
    folder = Path(tempfile.mkdtemp())
    try:
        make_certificate(folder / "c", folder / "k", "evil")
        return Signer(folder / "k")
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "lie",
    [
        lambda: None,
        lambda: signed(EVIL, by=another_key()),
        lambda: msgspec.structs.replace(signed(EVIL, by=another_key()), key=signer().public),
        lambda: msgspec.structs.replace(signed("p2p://10.0.0.3"), nodes=(EVIL,)),
        lambda: msgspec.structs.replace(signed(EVIL), expires_at=2**39),
        lambda: msgspec.structs.replace(signed(EVIL), signature=b""),
        lambda: msgspec.structs.replace(signed(EVIL), key=b"nonsense"),
    ],
)
def test_only_the_pinned_key_vouches_for_other_nodes(
    machines: Machines, lie: Callable[[], SignedNodes | None]
) -> None:
    """A list that the pinned key did not sign is ignored."""
    machines.up("10.0.0.1")
    dialer = machines.learn(lie())
    machines.internet.listeners.clear()
    machines.came.clear()
    machines.up("10.6.6.6")
    assert isinstance(machines.dial(dialer), Unreachable)
    assert isinstance(machines.dial(machines.dialer("p2p://10.0.0.1")), Unreachable)
    assert machines.came == []


def test_node_list_expires(machines: Machines) -> None:
    """After a list expires, only the node named in the URL is dialled."""
    machines.up("10.0.0.1")
    dialer = machines.learn(signed(f"p2p://10.0.0.3#{RIGHT}", lifetime=24 * 3600))
    machines.internet.listeners.clear()
    machines.up("10.0.0.3")
    assert machines.dial(dialer) is None
    assert dialer.other_machine is not None
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "time", lambda: WALL + 25 * 3600)
        assert isinstance(machines.dial(dialer), Unreachable)
    assert machines.came.count("10.0.0.3") == 1


def test_newest_node_list_wins_even_if_empty(machines: Machines) -> None:
    """The newest list replaces older ones, even if it is empty; an older one is ignored."""
    machines.up("10.0.0.1")
    old = signed(EVIL, issued=-100)
    machines.learn(old)
    assert machines.profile.machines("p2p://10.0.0.1:7117") == [EVIL]
    machines.learn(signed())
    assert machines.profile.machines("p2p://10.0.0.1:7117") == []
    machines.learn(old)
    assert machines.profile.machines("p2p://10.0.0.1:7117") == []


def test_link_does_not_replace_the_pinned_key(machines: Machines) -> None:
    """A join link with another key does not replace the pinned one."""
    machines.up("10.0.0.1")
    assert machines.dial(machines.dialer(f"p2p://10.0.0.1#{RIGHT}")) is None
    machines.came.clear()
    assert isinstance(machines.dial(machines.dialer(f"p2p://10.0.0.1#{WRONG}")), NotTrusted)
    assert machines.came == []
    assert machines.profile.pinned_registry("p2p://10.0.0.1:7117") == RIGHT


def test_changed_key_stops_the_dial_at_the_first_node(machines: Machines) -> None:
    """A changed key is an error at the first node; at others the next one is tried."""
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


def test_first_error_is_reported(machines: Machines) -> None:
    """If no node answers, the error is that of the first one."""
    error = machines.dial(machines.dialer("p2p://10.0.0.1,p2p://10.0.0.2"))
    assert isinstance(error, Unreachable)
    assert "10.0.0.1" in error.what


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "169.254.1.1"]
)
def test_remote_registry_cannot_name_local_addresses(machines: Machines, host: str) -> None:
    """A remote registry cannot make the client dial addresses on the client's own machine."""
    machines.up("10.0.0.1")
    machines.learn(signed(f"p2p://{host}#{RIGHT}"))
    machines.internet.listeners.clear()
    machines.up(host.strip("[]"))
    error = machines.dial(machines.dialer("p2p://10.0.0.1"))
    assert error is not None
    assert machines.came == ["10.0.0.1"]


def test_circuit_is_dialled_at_the_registrys_own_machines_only(machines: Machines) -> None:
    """They are those of the URL, by its key or the pinned one, and those of the signed list."""
    machines.up("10.0.0.1")
    dialer = machines.learn(signed(f"p2p://10.0.0.2#{RIGHT}"))
    for relay in (f"p2p://10.0.0.1#{RIGHT}", f"p2p://10.0.0.2:7117#{RIGHT}", ""):
        machine = dialer.machine_at(relay)
        assert machine is not None, relay
    for relay in (
        f"p2p://10.0.0.1#{WRONG}",
        f"p2p://10.0.0.3#{RIGHT}",
        "p2p://10.0.0.1",
        "original://10.0.0.1",
        "nonsense",
    ):
        assert dialer.machine_at(relay) is None, relay
    without_key = machines.dialer("p2p://10.0.0.1")
    assert machines.dial(without_key) is None  # trusted on first use, and pinned
    assert without_key.machine_at(f"p2p://10.0.0.1#{RIGHT}") is not None
    assert without_key.machine_at(f"p2p://10.0.0.1#{WRONG}") is None
