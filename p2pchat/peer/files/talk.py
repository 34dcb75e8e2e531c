"""A conversation with one key of a contact, as transfers of files see it."""

from typing import NamedTuple, Protocol

from p2pchat.protocol.address import Address
from p2pchat.protocol.files.offers import Offer
from p2pchat.protocol.messages import Message


class Route(NamedTuple):
    """How the link of the conversation runs.

    `remote`: where it ends, if it is direct and was dialled, not punched; None otherwise.
    `is_ours`: whether we have dialled it. `relayed`: the registry passes it on. `address`: where
    the registry says that the contact is, if it does.
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
        """How the link runs; None if there is none to a program that knows files."""

    @property
    def is_old(self) -> bool:
        """Whether the contact's program does not know files, as far as is known."""

    def send(self, message: Message) -> None:
        """Send a message on the link, if there is one."""

    def look_for_link(self) -> None:
        """Call the contact, if a link is needed and there is none."""

    def offer(self, text: str, uid: str, offer: Offer) -> int:
        """Write a line with an offer to disk, and send it now or later; return its number."""

    def number_of(self, uid: str) -> int:
        """Return the number of a line of ours that waits; 0 if it is delivered."""
