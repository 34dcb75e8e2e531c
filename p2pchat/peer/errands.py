"""Errands at the registry that need no node: make an account, look somebody up.

Each runs the loop until it is done.
"""

from functools import partial

from p2pchat.errors import RegistrationRefused
from p2pchat.net.address import Address
from p2pchat.net.endpoints import Network
from p2pchat.net.loop import Loop
from p2pchat.peer.registry_client import RegistryClient
from p2pchat.peer.registry_url import RegistryUrl
from p2pchat.protocol.messages import (
    AnnouncePort,
    Message,
    Outcome,
    Register,
    RegisterResult,
    Search,
    SearchResult,
)


def register(loop: Loop, network: Network, url: RegistryUrl, username: str, password: str) -> None:
    """Make the account.

    Raises RegistrationRefused where the registry says no, Unreachable, LinkLost, TimedOut.
    """
    client = RegistryClient(loop, network, url.address)
    try:
        link = loop.wait_for(client.connect)
        answer: Message = loop.wait_for(partial(client.ask, Register(username, password)))
        if not isinstance(answer, RegisterResult) or answer.outcome is not Outcome.OK:
            raise RegistrationRefused(
                f"the registry at {url.address} refused to register {username}",
                likely="the name is taken",
                advice="p2p register with another name, or p2p login if it is yours",
            )
        # The original program reads a port next, and nothing else: a LOGOUT without it would be
        # lost, and leave a ghost online that later searches find.
        port = network.listen(Address(link.local.host, 0), lambda transport: transport.abort())
        try:
            loop.wait_for(partial(client.ask, AnnouncePort(port.address.port)))
        finally:
            port.close()
    finally:
        client.close()


def search(loop: Loop, network: Network, url: RegistryUrl, username: str) -> SearchResult:
    """Look somebody up, without being logged in; raises Unreachable, LinkLost, TimedOut."""
    client = RegistryClient(loop, network, url.address)
    try:
        loop.wait_for(client.connect)
        answer: Message = loop.wait_for(partial(client.ask, Search(username)))
        assert isinstance(answer, SearchResult)
        return answer
    finally:
        client.close()
