"""The interface of a conversation with one key of a contact that file transfers use."""

from typing import NamedTuple, Protocol

from p2pchat.protocol.address import Address
from p2pchat.protocol.files.offers import Offer
from p2pchat.protocol.messages import Message


class Route(NamedTuple):
    """The route of a conversation's link.

    `remote`: the remote address of a direct, dialled link; None if it is punched or relayed.
    `is_ours`: whether we dialled it. `relayed`: whether the registry relays it. `address`: the
    contact's address according to the registry, if known.
    """

    remote: Address | None
    is_ours: bool
    relayed: bool
    address: Address | None


class FileTalk(Protocol):
    """The part of `conversation.Conversation` that transfers need."""

    contact: str
    key: bytes

    @property
    def route(self) -> Route | None:
        """The route of the link; None without a link to a program that supports files."""

    @property
    def is_old(self) -> bool:
        """Whether the contact's program is known not to support files."""

    def send(self, message: Message) -> None:
        """Send a message if a link is open."""

    def look_for_link(self) -> None:
        """Call the contact if a link is needed and none is open."""

    def offer(self, text: str, uid: str, offer: Offer) -> int:
        """Write a line with an offer to disk, send it when possible, and return its number."""

    def number_of(self, uid: str) -> int:
        """Return the number of a queued line; 0 if it was delivered."""
