"""How a node of the secure dialect is reached and reaches contacts, as the user has chosen.

Joins the parts: ways to contacts, circuits of callers, a port of the router, the local network.
Knows no chats.
"""

from collections.abc import Callable

from p2pchat.errors import P2PError
from p2pchat.net.address import is_this_machine
from p2pchat.net.endpoints import Network, every_host
from p2pchat.net.loop import Loop
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.calls.listen_address import ListenAddress
from p2pchat.peer.calls.peer_links import SecureLinks
from p2pchat.peer.calls.peer_server import PeerServer
from p2pchat.peer.reach.direct_paths import DirectPaths
from p2pchat.peer.reach.lan import Lan
from p2pchat.peer.reach.met_callers import MetCallers
from p2pchat.peer.reach.port_mapper import PortMapper
from p2pchat.peer.reach.ways import Ways
from p2pchat.peer.registry_client.circuits import Circuits
from p2pchat.peer.registry_client.credentials import Credentials
from p2pchat.peer.registry_client.dialer import RegistryDialer
from p2pchat.peer.registry_client.session import RegistrySession
from p2pchat.protocol.address import Address


class Reachability:
    """The paths of one node, from `open` until `close`.

    `server` accepts calls, at the address that `listen_address` opens.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        dialer: RegistryDialer,
        credentials: Credentials,
        registry: RegistrySession,
        contacts: Contacts,
        links: SecureLinks,
        server: PeerServer,
        listen_address: ListenAddress,
    ) -> None:
        self._reach = reach = credentials.reach
        self._url = dialer.url
        self._loop = loop
        self._network = network
        self._identity = credentials.identity
        self._username = credentials.username
        self._registry = registry
        self._contacts = contacts
        self._server = server
        self._listen_address = listen_address
        self._lan: Lan | None = None
        self._port_mapper = PortMapper(loop, network, registry.announce_external)
        circuits = Circuits(loop, dialer)
        self._met_callers = MetCallers(loop, contacts, circuits, server.take)
        registry.on_meeting = self._met_callers.answer
        self.ways = Ways(
            loop,
            links,
            circuits,
            registry.meet,
            DirectPaths(
                loop,
                network,
                links,
                self._listen_port,
                lambda: registry.announcement.confirmed,
                lan=reach.lan,
                is_hidden=reach.is_hidden,
            ),
            may_dial=registry.may_send_to,
            is_hidden=reach.is_hidden,
        )
        """The ways to contacts."""

    def open(self, missed: Callable[[], list[str]], found: Callable[[str, Address], None]) -> None:
        """Answer in the local network, and look there for contacts.

        `missed()` returns the contacts that need a link and have none; `found(contact, address)` is
        called when one of them answers.
        """
        if self._url.secure and self._reach.uses_lan:
            self._lan = Lan(
                self._loop,
                self._network,
                self._identity,
                self._username,
                self._contacts,
                listening=lambda: self._server.address,
                wanted=missed,
                on_found=found,
            )
            self._lan.open()

    def went_online(self) -> None:
        """Ask the router for a port: we have just logged in."""
        address = self._server.address
        if self._url.secure and self._reach.maps_ports and address is not None:
            self._port_mapper.begin(address, self._registry.host)

    def look_nearby(self) -> None:
        """Look for contacts in the local network: one of them or the registry is missing.

        The peer server is opened even if we have not logged in yet, unless the registry is on this
        machine: then it will only listen here.
        """
        if self._lan is None:
            return
        if self._server.address is None and not is_this_machine(self._url.host):
            try:
                self._listen_address.open(every_host(), again=False)
            except P2PError:
                return  # reported at the login
        self._lan.look()

    def close(self) -> None:
        """Abandon all circuits under way; give the router's port back; leave the local network."""
        self._met_callers.close()
        self._port_mapper.close()
        if self._lan is not None:
            self._lan.close()

    def _listen_port(self) -> int | None:
        return None if self._server.address is None else self._server.address.port
