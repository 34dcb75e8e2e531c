"""The link of one conversation: established, lost and re-established below one session.

Knows one contact and one key. The owner passes in the contact's address; lines are the session's. A
bug in one of its timers costs its link, but does not affect other conversations.
"""

from collections.abc import Callable, Sequence

from p2pchat.callbacks import ignore
from p2pchat.errors import CallRejected, NotTrusted, P2PError, StorageError
from p2pchat.net.compartment import Compartment
from p2pchat.net.link import Link
from p2pchat.peer.chat.chat_session import ChatSession
from p2pchat.peer.chat.chat_wish import ChatWish, WishState
from p2pchat.peer.chat.file_talk import ConversationFileTalk
from p2pchat.peer.chat.intake import Intake
from p2pchat.peer.chat.lingering import Lingering
from p2pchat.peer.chat.link_path import why_lost
from p2pchat.peer.chat.link_place import LinkPlace
from p2pchat.peer.chat.mailbox_talk import MailboxTalk
from p2pchat.peer.chat.reconnector import Reconnector
from p2pchat.peer.chat.side_messages import SideMessages
from p2pchat.peer.chat.surroundings import Surroundings
from p2pchat.peer.store.lines import NewLine
from p2pchat.peer.store.thread import Thread
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import (
    Delivered,
    LinesMissing,
    NotKept,
    QuotaFull,
    Renumbered,
    Said,
    TextReceived,
)
from p2pchat.protocol.client.lines import KeptLine
from p2pchat.protocol.client.state import CameBy, Security
from p2pchat.protocol.messages import Abilities, Message
from p2pchat.protocol.talk import Here


class Conversation:
    """A conversation with one key of a contact.

    `on_accepted` is called when the contact accepts a call of ours, `on_rejected` when they reject
    it.
    """

    def __init__(
        self,
        around: Surroundings,
        contact: str,
        key: bytes,
        thread: Thread,
        *,
        invitation: Callable[[], str],
        on_accepted: Callable[["Conversation"], Security],
        on_rejected: Callable[["Conversation", P2PError], None],
    ) -> None:
        self.contact = contact
        self.key = key
        self.security = Security.UNVERIFIED
        self._loop = Compartment(around.loop, f"the conversation with {contact}", self._broken)
        self._on_event = around.on_event
        self._wish = ChatWish(contact, around.on_event)
        self._on_room = around.on_room
        self._on_accepted = on_accepted
        self._on_rejected = on_rejected
        self._mailbox = around.mailbox
        self.place = LinkPlace(
            self._loop,
            around.username,
            contact,
            key,
            around.ways.direct,
            on_move=self._move,
            on_event=around.on_event,
        )
        """The link, and its move from a circuit to a direct one."""
        self.reconnector = Reconnector(
            self._loop,
            around.username,
            contact,
            key,
            around.ways,
            around.rng,
            invitation=invitation,
            needed=lambda: self.is_missed,
            on_call=self._wish.calling,
            on_accepted=self._accepted,
            on_failed=self._not_accepted,
        )
        """Calls the contact while a link is needed."""
        self.session = ChatSession(thread, self, self._loop.call_soon, around.clock)
        """The lines, and how far they have come."""
        self.intake = Intake(
            self._loop,
            thread.unread,
            around.limits,
            on_full=lambda unread: self._on_event(QuotaFull(contact, *unread)),
            on_failed=lambda error: self.on_not_kept(error, ()),
        )
        """Decides whether to read from the contact now."""
        self._lingering = Lingering(
            self._loop, around.limits.idle_link_timeout, self._link_is_needed, self.close_idle_link
        )
        self.talk = MailboxTalk(
            contact, key, self.session, self.intake, self.place, self.reconnector
        )
        """The conversation as the mailbox sees it."""
        self.file_talk = ConversationFileTalk(
            contact, key, self.session, self.place, self.reconnector
        )
        """The conversation as transfers of files see it."""
        self._files = around.files
        self._beside = SideMessages(
            self._loop,
            around,
            self.talk,
            self.file_talk,
            on_here=lambda here: self._wish.here(here=here),
            flush=self.session.flush,
        )
        self._held = False  # because the contact has another key
        self._closed = False

    @property
    def wished(self) -> bool:
        """Whether the user wants to chat, rather than only have queued lines delivered."""
        return self._wish.wished

    @property
    def link(self) -> Link | None:
        """The link, if there is one."""
        return self.place.link

    @property
    def is_opening(self) -> bool:
        """Whether a wanted chat is not open yet but may be soon."""
        return self.wished and not (self._wish.started or self.is_away)

    @property
    def is_away(self) -> bool:
        """Whether the contact is not known to be online, or could not be reached."""
        return self.link is None and (
            not self.reconnector.is_online or self._wish.state is WishState.UNREACHABLE
        )

    @property
    def waiting(self) -> int:
        """The number of our lines that are neither acknowledged nor given up."""
        return self.session.waiting

    def wish_to_talk(self, *, stranger: bool) -> None:
        """Request a chat; a stranger must be asked first."""
        self._wish.begin(stranger=stranger)
        self.reconnector.rest()
        if self.link is not None:
            self._begin_to_talk()

    def say(self, text: str, uid: str = "") -> int:
        """Send a line now or later, with that id; return its number.

        Raise UsageError if it is too long.
        """
        number = self.session.say(text, uid)
        self.reconnector.call()
        return number

    def flush(self) -> None:
        """Write the lines of this turn to disk."""
        self.session.flush()

    def say_again(self, lines: Sequence[KeptLine]) -> list[int]:
        """Replace failed lines by new ones; return their numbers."""
        numbers = self.session.say_again(lines)
        self.reconnector.call()
        return numbers

    def give_up(self, fetched: int) -> int:
        """Cancel waiting lines; see ChatSession."""
        return self.session.give_up(fetched)

    def expire(self, uids: Sequence[str], fetched: int) -> int:
        """Cancel those of these lines that wait; see ChatSession."""
        return self.session.expire(uids, fetched)

    def waiting_up_to(self, number: int) -> int:
        """Return how many of our lines up to that number wait."""
        return self.session.waiting_up_to(number)

    def leave(self) -> bool:
        """Stop wanting to chat, if we do; the link stays open for a while for further lines."""
        if not self.wished:
            return False
        self._wish.end()
        self.session.flush()
        self._loop.call_soon(self._rest_if_done)
        return True

    def at(self, address: Address | None, *, is_news: bool = False, nearby: bool = False) -> None:
        """Record that the contact is online, there or hidden; see Reconnector."""
        self.reconnector.at(address, is_news=is_news, nearby=nearby)

    @property
    def is_missed(self) -> bool:
        """Whether a link is needed and there is none."""
        needed = self.wished or self.session.waiting > 0 or self._files.needs_link(self.contact)
        return needed and self.link is None and not self._closed

    def away(self) -> None:
        """Record that the contact appears to be offline."""
        was_there = self.reconnector.is_online
        self.reconnector.away()
        if was_there and self.link is None:
            self._wish.away()
            self._mailbox.look()

    def hold(self, error: P2PError) -> None:
        """Do not call the contact until the user has decided about their key."""
        self.away()
        is_news = self.session.waiting > 0 and not self._held
        self._held = True
        self._wish.fail(error, even_if_unwished=is_news)

    def attach(self, link: Link, security: Security, can: Abilities, *, dialled: bool) -> None:
        """Use this link from now on, whichever side dialled it; the contact can do that.

        It replaces an older link, which must be dead if the contact dials again.
        """
        self.reconnector.give_up()
        self._drop_link()
        self.security = security
        self.place.fill(link)
        self._use(link, dialled=dialled)
        self._beside.linked(link, can, dialled=dialled)
        self.place.improve(dialled=dialled)
        if self.wished:
            self._begin_to_talk()
        else:
            self._wish.linked(security)

    def _move(self, link: Link, dialled: bool) -> None:
        """Continue on this link, without telling the user.

        Lines under way are sent again, and those that had come are known by their numbers.
        """
        self.session.flush()
        self.session.link_down()
        self._use(link, dialled=dialled)
        self._beside.moved(link, here=self.wished, dialled=dialled)

    def _use(self, link: Link, *, dialled: bool) -> None:
        link.on_message = self._received
        link.on_closed = self._lost
        link.on_drained = self._has_room_again
        self.session.link_up(link)
        self.intake.attach(link)
        self._lingering.begin(dialled=dialled)

    def close_idle_link(self) -> None:
        """Close the link if neither side needs it; a side that needs one later dials."""
        if self.link is not None and not self._link_is_needed():
            self.link.close()

    def close(self) -> None:
        """Write our lines to disk, send what can be sent, and end."""
        self._closed = True
        self.place.stay()
        self.reconnector.give_up()
        self.session.flush()
        if self._wish.started:
            self._wish.end()
        if self.link is not None:
            self.link.send(Here(here=False))
            self.link.close()

    def on_kept(self, lines: Sequence[NewLine]) -> None:
        """Emit an event for each line of ours; see session_listener."""
        for line in lines:
            self._on_event(Said(self.contact, line.text, line.seq))
        if self.link is None:
            self._mailbox.look()

    def on_heard(self, lines: Sequence[KeptLine]) -> None:
        """Emit an event for each line of the contact."""
        by = CameBy.MAILBOX if self.talk.is_taking else CameBy.LINK
        for line in lines:
            text = TextReceived(self.contact, line.text, line.id, line.at, self.security, by)
            self._on_event(text)
        self._beside.offered(lines)
        self.intake.took([line.text for line in lines])

    def on_delivered(self, up_to: int) -> None:
        """Report how many lines still wait."""
        self.reconnector.reset()
        self._mailbox.delivered(self.talk)
        self._on_event(Delivered(self.contact, self.session.waiting, up_to))
        self._on_room()
        self._rest_if_done()

    def on_renumbered(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Report the new numbers of our lines."""
        self._mailbox.renumbered(self.talk)
        self._on_event(Renumbered(self.contact, tuple(pairs)))

    def on_missing(self, count: int, *, ours: bool) -> None:
        """Report on which disk lines may be missing."""
        self._on_event(LinesMissing(self.contact, count, ours))

    def on_not_kept(self, error: StorageError, texts: Sequence[str]) -> None:
        """Close the link after a write failed: a new link restarts from what is on disk."""
        self._on_event(NotKept(self.contact, error, tuple(texts)))
        if self.link is not None:
            self.link.abort()

    def _broken(self) -> None:
        self._drop_link()
        if self.is_missed:
            self.reconnector.call_later()

    def _received(self, message: Message) -> None:
        self._lingering.note_activity()
        if not (self.place.hear(message) or self._beside.hear(message)):
            self.session.receive(message)

    def _begin_to_talk(self) -> None:
        assert self.link is not None
        self._beside.say_here(self.link, here=True)
        self._wish.linked(self.security)
        self._loop.call_soon(self._on_room)

    def _accepted(self, link: Link, can: Abilities) -> None:
        try:
            security = self._on_accepted(self)
        except P2PError as error:
            link.on_closed = lambda _: None
            link.close()
            self._wish.fail(error)
            return
        self._wish.accepted()
        self.attach(link, security, can, dialled=True)

    def _not_accepted(self, error: P2PError) -> None:
        if isinstance(error, NotTrusted):
            self.hold(error)
            return
        if isinstance(error, CallRejected):
            self._wish.fail(error)
            self._on_rejected(self, error)
            return
        is_asked = self._wish.state is WishState.ASKING
        crossed = self.reconnector.has_crossed(error) and not is_asked
        if not crossed:
            self._wish.not_reached(error)
        self.reconnector.call_later(error)

    def _lost(self, error: P2PError | None) -> None:
        link = self.place.clear()
        self._lingering.stop()
        self.intake.detach()
        self.session.link_down()
        if self._closed:
            return
        self._wish.lost(why_lost(self.contact, link, error))
        self._mailbox.look_again()
        self._files.unlinked(self.contact)
        self._on_room()
        if self.is_missed:
            self.reconnector.call_again(link if error is not None else None)

    def _drop_link(self) -> None:
        """Abort the link; unlike the loss of a link, this does not begin the search for another."""
        link = self.place.clear()
        if link is not None:
            link.on_closed = ignore
            link.abort()
            self._lingering.stop()
            self.intake.detach()
            self.session.link_down()

    def _rest_if_done(self) -> None:
        """Stop calling if no link is needed.

        The report that we have closed the conversation follows all our lines.
        """
        if self.wished or self.session.waiting or self._closed or self.is_missed:
            return
        self.reconnector.give_up()
        self._lingering.note_activity()
        if self.link is not None:
            self._beside.say_here(self.link, here=False)

    def _link_is_needed(self) -> bool:
        is_used = self.wished or self.session.waiting > 0 or self._beside.is_open_there
        return is_used or self._files.uses_link(self.contact)

    def _has_room_again(self) -> None:
        self.session.go_on()
        self._on_room()
