"""Adapts a conversation for file transfers: its link, and lines with offers."""

from p2pchat.peer.chat.chat_session import ChatSession
from p2pchat.peer.chat.link_place import LinkPlace
from p2pchat.peer.chat.reconnector import Reconnector
from p2pchat.peer.files.talk import Route
from p2pchat.protocol.files.messages import CAN_FILES
from p2pchat.protocol.files.offers import Offer
from p2pchat.protocol.messages import Abilities, Message


class ConversationFileTalk:
    """Implements files.talk.FileTalk with the parts of one conversation."""

    def __init__(
        self,
        contact: str,
        key: bytes,
        session: ChatSession,
        place: LinkPlace,
        reconnector: Reconnector,
    ) -> None:
        self.contact = contact
        self.key = key
        self._session = session
        self._place = place
        self._reconnector = reconnector
        self._can: Abilities | None = None
        self._is_ours = False

    def linked(self, can: Abilities, *, dialled: bool) -> None:
        """Record a new link, the abilities of the contact, and whether we dialled it."""
        self._can, self._is_ours = can, dialled

    def moved(self, *, dialled: bool) -> None:
        """Record that another link has replaced the current one."""
        self._is_ours = dialled

    @property
    def route(self) -> Route | None:
        """The route of the link; None without a link to a program that supports files."""
        link = self._place.link
        if link is None or self._can is None or CAN_FILES not in self._can:
            return None
        is_dialled = not (link.relayed or self._place.is_punched)
        return Route(
            link.remote if is_dialled else None,
            self._is_ours,
            link.relayed,
            self._reconnector.address,
        )

    @property
    def is_old(self) -> bool:
        """Whether the contact's program is known not to support files."""
        return self._place.link is not None and CAN_FILES not in (self._can or ())

    def send(self, message: Message) -> None:
        """Send a message, if there is a link to a program that supports files."""
        if self.route is not None and self._place.link is not None:
            self._place.link.send(message)

    def look_for_link(self) -> None:
        """Call the contact if a link is needed and none is open."""
        self._reconnector.call()

    def offer(self, text: str, uid: str, offer: Offer) -> int:
        """Write a line with an offer to disk, send it when possible, and return its number."""
        number = self._session.say(text, uid, offer)
        self._session.flush()
        self._reconnector.call()
        return number

    def number_of(self, uid: str) -> int:
        """Return the number of a queued line; 0 if it was delivered."""
        return self._session.number_of(uid)
