"""The conversations in the secure dialect, each of which outlives its links.

A conversation is with one key of one contact. Its link is established when our user wants to chat
or lines are queued, once the registry reports the contact online. A contact accepted before may
also call at any time, without our user being asked. Knows nothing of screens.
"""

import random
from collections.abc import Callable

from p2pchat.errors import NotTrusted, P2PError, UsageError
from p2pchat.net.loop import Loop
from p2pchat.peer.calls.calls import IncomingCall
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.calls.pending_requests import PendingRequests
from p2pchat.peer.chat.conversation import Conversation
from p2pchat.peer.chat.conversation_table import ConversationTable
from p2pchat.peer.chat.link_path import in_words
from p2pchat.peer.chat.mailbox_talk import MailboxTalk
from p2pchat.peer.chat.notes import Notes
from p2pchat.peer.chat.outbox import Outbox
from p2pchat.peer.chat.surroundings import Surroundings
from p2pchat.peer.files.talk import FileTalk
from p2pchat.peer.files.transfers import Transfers
from p2pchat.peer.mailbox.mailbox import Mailbox
from p2pchat.peer.presence.away_status import AwayStatus
from p2pchat.peer.presence.do_not_disturb import DoNotDisturb
from p2pchat.peer.presence.presence_polling import PresencePolling
from p2pchat.peer.presence.watching import Watching
from p2pchat.peer.reach.ways import Ways
from p2pchat.peer.registry_client.link import SearchUser
from p2pchat.peer.store.history import History
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import CallerRefused, CallFailed, ChatEnded, ContactAway, Event
from p2pchat.protocol.messages import Presence, PresenceUpdate, SearchResult
from p2pchat.protocol.talk import Reply


class Conversations:
    """The conversations of an account at one registry.

    `watch(names)` subscribes to these users at the registry, whose updates are passed to `sighted`.
    `clock` returns milliseconds since the epoch. Methods raise UsageError if the call makes no
    sense now, and StorageError.
    """

    def __init__(
        self,
        loop: Loop,
        username: str,
        contacts: Contacts,
        history: History,
        ways: Ways,
        search: SearchUser,
        watch: Callable[[list[str]], None],
        do_not_disturb: DoNotDisturb,
        mailbox: Mailbox,
        files: Transfers,
        *,
        on_event: Callable[[Event], None],
        on_room: Callable[[], None],
        limits: PeerLimits,
        rng: random.Random,
        clock: Callable[[], int],
    ) -> None:
        self._loop = loop
        self._username = username
        self._contacts = contacts
        self._history = history
        self._search = search
        self._on_event = on_event
        self._sought: set[str] = set()
        self._pending_requests = PendingRequests(on_event)
        self._polling = PresencePolling(
            loop, search, rng, contacts=lambda: self.missed, found=self._found_again
        )
        self._watching = Watching(contacts, watch)
        self._do_not_disturb = do_not_disturb
        self.away_status = AwayStatus(
            loop, lambda: [c.link for c in self._table if c.link], on_event
        )
        around = Surroundings(
            loop,
            username,
            ways,
            limits,
            rng,
            self.away_status,
            mailbox,
            files,
            on_event,
            on_room,
            clock,
        )
        self._table = ConversationTable(around, contacts, history, self._watching)
        self._mailbox = mailbox
        self._files = files
        self.notes = Notes(username, history, on_event, loop.call_soon)
        self.outbox = Outbox(
            loop,
            username,
            contacts,
            history,
            search,
            mailbox=mailbox,
            open_one=self._queue_for,
            on_event=on_event,
        )

    @property
    def asking(self) -> list[str]:
        """The strangers waiting for our answer, the first caller first."""
        return self._pending_requests.names

    @property
    def online_contacts(self) -> list[str]:
        """The watched contacts who are online."""
        return self._watching.online_contacts

    @property
    def talks(self) -> list[MailboxTalk]:
        """All conversations, for the mailbox."""
        return [conversation.talk for conversation in self._table]

    def talk_with(self, contact: str) -> MailboxTalk | None:
        """Return the conversation with a contact's pinned key; None if no key is pinned."""
        conversation = self._table.with_pinned(contact)
        return None if conversation is None else conversation.talk

    def file_talk_with(self, contact: str) -> FileTalk | None:
        """Return the conversation with a contact's pinned key; None if no key is pinned."""
        conversation = self._table.with_pinned(contact)
        return None if conversation is None else conversation.file_talk

    def left_up_to(self, contact: str) -> int:
        """Return the number up to which our lines are in the contact's mailbox, or delivered.

        0 if none waits there.
        """
        conversation = self._table.get(contact)
        if conversation is None or not conversation.waiting:
            return 0
        number = self._mailbox.left_up_to(conversation.talk)
        return number if number > conversation.session.delivered else 0

    @property
    def names(self) -> list[str]:
        """The contacts with a conversation in this run, and ourselves, for notes."""
        return [*self._table.names, self._username]

    @property
    def links(self) -> dict[str, str]:
        """The contacts with an open link: how it runs, to where, and how well it is protected."""
        return {
            c.contact: in_words(c.link, c.place.path, c.security) for c in self._table if c.link
        }

    @property
    def sought(self) -> str | None:
        """The contact being looked up or called for a chat, if any."""
        opening = (c.contact for c in self._table if c.is_opening)
        return next(iter(self._sought), None) or next(opening, None)

    def get(self, contact: str) -> Conversation | Notes | None:
        """Return the conversation with a contact; None if there was none in this run."""
        return self.notes if contact == self._username else self._table.get(contact)

    def flush(self) -> None:
        """Write the lines of this turn to disk."""
        for conversation in self._table:
            conversation.flush()

    def online(self) -> None:
        """Record that we are logged in: subscribe to all relevant contacts."""
        self._watching.online()
        for conversation in self._table:
            conversation.reconnector.hurry()  # a contact who was away may be back
        self._open_waiting()
        self._watching.watch(self._table.names)
        self._polling.start()

    def offline(self) -> None:
        """Record that we are logged out; keep the last reports on contacts. Raise StorageError."""
        self._watching.offline()
        self._polling.stop()
        self._open_waiting()

    @property
    def missed(self) -> list[str]:
        """The contacts that need a link and have none."""
        return [c.contact for c in self._table if c.is_missed]

    def found_nearby(self, contact: str, address: Address) -> None:
        """Call a missing contact at an address in the local network."""
        conversation = self._table.get(contact)
        if conversation is not None and conversation.is_missed:
            conversation.at(address, is_news=True, nearby=True)

    def sighted(self, sighting: PresenceUpdate) -> None:
        """Handle the registry's report on a user, if it was asked for."""
        if not self._watching.take(sighting):
            return
        conversation = self._table.get(sighting.username)
        if conversation is None:
            return
        if sighting.result.presence is Presence.ONLINE:
            self._table.found(conversation, sighting.result, news=True)
        else:
            conversation.away()

    def open(self, contact: str) -> None:
        """Request a chat; ChatStarted, ContactAway or CallFailed follows."""
        if contact == self._username:
            self.notes.open()
            return
        conversation = self._table.get(contact)
        if contact in self._sought or (conversation is not None and conversation.wished):
            return
        if contact in self.asking:
            self.accept(contact)
            return
        if conversation is not None and conversation.link:
            conversation.wish_to_talk(stranger=False)
            return
        self._sought.add(contact)
        self._search(
            contact,
            lambda result: self._opened(contact, result),
            lambda error: self._not_opened(contact, error),
        )

    def say(self, contact: str, text: str) -> None:
        """Send a line now or as soon as possible."""
        conversation = self.get(contact)
        if conversation is None:
            raise UsageError(f"you are in no chat with {contact}", advice=f"/chat {contact}")
        self.away_status.be(idle=False)  # the user is at the keyboard
        conversation.say(text)

    def leave(self, contact: str) -> bool:
        """Leave the chat; return False if there was none. Queued lines are still sent."""
        if contact == self._username:
            return self.notes.leave()
        if contact in self._sought:
            self._sought.discard(contact)
            self._on_event(ChatEnded(contact, None))
            return True
        conversation = self._table.get(contact)
        return conversation is not None and conversation.leave()

    def take_call(self, call: IncomingCall) -> None:
        """Handle a call on a link whose remote has proved its identity."""
        contact = call.contact
        conversation = self._table.get(contact)
        if conversation is not None and conversation.place.is_for(call):
            conversation.place.take_call(call)
        elif conversation is not None and conversation.reconnector.keeps_its_call:
            call.hang_up()
        elif (
            (conversation is not None and conversation.reconnector.is_calling)
            or contact in self._sought
            or self._contacts.get(contact).accepted
        ):
            self._accept(call)
        elif self._do_not_disturb.is_on:
            call.refuse(Reply.BUSY)
        else:
            self._pending_requests.take(call)

    def accept(self, contact: str) -> None:
        """Accept the waiting call of a stranger; ChatStarted follows."""
        call = self._pending_requests.get(contact)
        try:
            conversation = self._accept(call)
        except NotTrusted as error:
            self._pending_requests.remove(contact).refuse(Reply.REJECT)
            self._on_event(CallerRefused(contact, error))
            return
        self._watch_too(contact)
        self._pending_requests.remove(contact)
        conversation.wish_to_talk(stranger=False)

    def reject(self, contact: str) -> None:
        """Reject the waiting call of a stranger."""
        self._pending_requests.remove(contact).refuse(Reply.REJECT)

    def drop(self, contact: str) -> None:
        """End the conversation with a contact who was blocked or has a new key.

        The next line begins another.
        """
        conversation = self._table.pop(contact)
        if conversation is not None:
            conversation.close()

    def read(self, contact: str) -> None:
        """Record that lines of the contact were read."""
        conversation = self._table.get(contact)
        if conversation is not None:
            conversation.intake.note_seen()
            self._mailbox.look_again()

    def wait_for_reader(self, contact: str, *, behind: bool) -> None:
        """Stop reading from a contact while the client that reads its lines is behind."""
        conversation = self._table.get(contact)
        if conversation is not None:
            conversation.intake.wait_for_reader(behind=behind)
            if not behind:
                self._mailbox.look_again()

    def protected(self, contact: str) -> None:
        """Record that the protection of an open chat with the contact may have changed."""
        conversation = self._table.get(contact)
        if conversation is not None:
            conversation.security = self._contacts.security(contact)

    def close(self) -> None:
        """Hang up on waiting callers, and close every link once its lines have been sent."""
        self._polling.stop()
        self._pending_requests.close()
        for conversation in self._table:
            conversation.close()

    def _accept(self, call: IncomingCall) -> Conversation:
        assert call.key is not None
        self._contacts.accept(call.contact, call.key)
        conversation = self._table.with_key(call.contact, call.key)
        call.accept()
        security = self._contacts.security(call.contact)
        conversation.attach(call.link, security, call.can, dialled=False)
        return conversation

    def _opened(self, contact: str, result: SearchResult) -> None:
        if contact not in self._sought:
            return  # given up meanwhile
        self._sought.discard(contact)
        try:
            conversation = self._table.with_key(contact, self._contacts.meet(contact, result))
        except P2PError as error:
            self._on_event(CallFailed(contact, error))
            return
        conversation.wish_to_talk(stranger=not self._contacts.get(contact).accepted)
        self._watch_too(contact)
        if result.presence is Presence.ONLINE:
            self._table.found(conversation, result)
        elif not conversation.link:
            conversation.away()
        if conversation.wished and conversation.is_away:
            self._on_event(ContactAway(contact))

    def _not_opened(self, contact: str, error: P2PError) -> None:
        """Record that the registry cannot be asked; lines for a known contact stay queued."""
        if contact not in self._sought:
            return
        self._sought.discard(contact)
        conversation = (
            self._table.with_pinned(contact) if self._contacts.get(contact).accepted else None
        )
        if conversation is None:
            self._on_event(CallFailed(contact, error))
            return
        conversation.wish_to_talk(stranger=False)
        self._watch_too(contact)
        if not conversation.link:
            self._on_event(ContactAway(contact, error))

    def _open_waiting(self) -> None:
        """Open the conversations that have pending lines or file transfers."""
        for contact in {*self._history.waiting(), *self._files.concerned}:
            self._table.with_pinned(contact)

    def _queue_for(self, contact: str) -> Conversation | Notes | None:
        if contact == self._username:
            return self.notes
        conversation = self._table.with_pinned(contact)
        if conversation is not None:
            self._watch_too(contact)
        return conversation

    def _found_again(self, contact: str, result: SearchResult) -> None:
        conversation = self._table.get(contact)
        if conversation is None or conversation.link:
            return
        if result.presence is Presence.ONLINE:
            self._table.found(conversation, result)
        else:
            conversation.away()

    def _watch_too(self, contact: str) -> None:
        """Subscribe to the contact at the registry, unless already subscribed."""
        self._watching.include(contact, self._table.names)
