"""A node's side of the original dialect: its peer server, its calls, its one chat.

In the secure dialect it is there for those alone who are to be talked to in clear.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.errors import ContactOffline, NoSuchUser, NotTrusted, P2PError
from p2pchat.net.endpoints import Network
from p2pchat.net.loop import Loop
from p2pchat.peer.calls.calls import in_clear_though_known, wrong_address
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.calls.peer_links import ClearLinks
from p2pchat.peer.calls.peer_server import OnCall, PeerServer
from p2pchat.peer.original.calls import OriginalCalls
from p2pchat.peer.registry_client.link import SearchUser
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import Event
from p2pchat.protocol.messages import Presence, SearchResult

_ANY_PORT: Final = 0


class OriginalService:
    """`server` listens, `calls` knows who calls and chats. `among_secure`: the registry knows
    users of both dialects, and those with a key are not to be called in clear.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        username: str,
        search: SearchUser,
        limits: PeerLimits,
        contacts: Contacts,
        may_send_to: Callable[[str], bool],
        *,
        among_secure: bool,
        on_call: OnCall,
        on_event: Callable[[Event], None],
        on_drained: Callable[[], None],
    ) -> None:
        self.calls = OriginalCalls(loop, username, on_event)
        self.calls.on_drained = on_drained
        self._search = search
        self._contacts = contacts
        self._may_send_to = may_send_to
        self._among_secure = among_secure
        self._links = ClearLinks(loop, network)
        self.server = PeerServer(
            loop,
            network,
            self._links,
            limits,
            on_call=on_call,
            on_text=self.calls.take_text,
            on_silent_gone=self.calls.silent_gone,
            may_be_silent=self.calls.chats_with_host,
        )

    def call(self, contact: str, host: str) -> None:
        """Ask a contact for a chat, listening at the host for their way back."""

        def found(result: SearchResult) -> None:
            try:
                self._call_found(contact, host, result)
            except P2PError as error:
                failed(error)

        def failed(error: P2PError) -> None:
            self.calls.call_failed(contact, error)

        self.calls.seek(contact)
        self._search(contact, found, failed)

    def close(self) -> None:
        """Leave the chat, refuse who waits, listen no more."""
        self.calls.close()
        self.server.close()

    def _call_found(self, contact: str, host: str, result: SearchResult) -> None:
        if result.presence is Presence.NOT_FOUND:
            raise NoSuchUser(f"there is no user named {contact}")
        if result.presence is Presence.OFFLINE:
            raise ContactOffline(f"{contact} is offline")
        if self._among_secure and not result.in_clear:
            raise NotTrusted(
                f"{contact} can be talked to encrypted", advice=f"/chat {contact}, no --in-clear"
            )
        if self._contacts.get(contact).key is not None:
            raise in_clear_though_known(contact)
        if not self._may_send_to(result.host):
            raise wrong_address(contact, result.host)
        here = self.server.address or self.server.ensure_open(host, _ANY_PORT, again=False)
        self.calls.call(self._links, contact, Address(result.host, result.port), here.port)
