"""The library: chat from your own program in a few lines. Provisional until version 1.0.

It uses the account's node if one is running (`p2p login --headless`), and otherwise runs one
itself. That node runs only during calls: a program that works long between calls should use a
separate one.
"""

import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from p2pchat.app.local_node import whole_node
from p2pchat.app.node_options import configured
from p2pchat.app.running_node import lasting_node
from p2pchat.app.session import UserSession, open_session
from p2pchat.app.settings import Settings, from_environment
from p2pchat.client.client import ANSWER_TIMEOUT, REGISTRY_TIMEOUT, Client
from p2pchat.client.local_client import LocalClient
from p2pchat.errors import LoginNeeded, P2PError, UsageError
from p2pchat.paths import text_of
from p2pchat.protocol.client import orders as o
from p2pchat.protocol.client.events import Event, LoggedIn, LoginFailed, RegistryLost
from p2pchat.protocol.client.file_orders import DeclineFile, GetFile, ListFiles, SendFile
from p2pchat.protocol.client.lines import KeptLine
from p2pchat.protocol.client.messages import Hello
from p2pchat.protocol.client.orders import ListedContact, MailboxStatus, Whereabouts
from p2pchat.protocol.client.state import SessionState
from p2pchat.protocol.client.transfers import Transfer

_ID_BYTES: Final = 12


class Sent:
    """A text that was sent, and is on our disk."""

    def __init__(self, client: Client, to: str, text: str, line_id: str, number: int) -> None:
        self._client = client
        self._text = text
        self._id = line_id
        self.to = to
        self.number = number
        """Its number in the conversation; 0 in clear, where nothing is acknowledged."""

    def wait(self, timeout: float, *, left_is_enough: bool = False) -> None:
        """Wait until the contact's node has acknowledged the text.

        With `left_is_enough`, also return once the text is in the contact's mailbox. Raise
        ContactOffline if neither happens within `timeout` seconds: the text stays in the outbox
        and is sent later. Raise CallRejected, NotTrusted or another P2PError if delivery is
        impossible.
        """
        if not self.number:
            raise UsageError("delivery is not acknowledged in the original dialect")
        again = o.Send(  # the id prevents duplicates
            self.to, (self._text,), (self._id,), timeout, left_is_enough=left_is_enough
        )
        self._client.ask(again, timeout + ANSWER_TIMEOUT)


class ChatClient:
    """An account in use, from `connect` on. Methods raise P2PError; see `p2pchat.errors`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._events: deque[tuple[int, Event]] = deque()
        self._ended: P2PError | None = None
        client.paced = True
        client.on_event = lambda event: self._events.append((client.number, event))
        client.on_closed = self._has_ended
        client.begin()

    @property
    def account(self) -> str:
        """The account's name."""
        return self._client.username

    @property
    def registry(self) -> str:
        """The registry's URL."""
        return self._client.registry

    @property
    def online(self) -> bool:
        """Whether the account was logged in at the last call."""
        return self._client.state.standing is SessionState.ONLINE

    def events(self, timeout: float | None = None) -> Iterator[Event]:
        """Yield each event (see `p2pchat.events`); asking for the next marks it as processed.

        Ends after `timeout` seconds without an event; None: never. Raise NodeEnded if a node in
        another process was used and has ended, and the error of LoginFailed if our own cannot
        continue.
        """
        loop = self._client.loop
        while True:
            deadline = None if timeout is None else loop.call_later(timeout, lambda: None)
            loop.run_until(
                lambda: bool(self._events or self._ended or (deadline and not deadline.live))  # noqa: B023  # called at once
            )
            if deadline is not None:
                deadline.cancel()
            if not self._events:
                if self._ended is not None:
                    raise self._ended
                return
            number, event = self._events.popleft()
            yield event
            self._client.taken(number)
            if isinstance(event, LoginFailed):
                raise event.error

    def send(self, to: str, text: str) -> Sent:
        """Send a text to a contact, with or without a chat; it is on our disk when this returns."""
        to = self._client.named(to)
        line_id = secrets.token_hex(_ID_BYTES)
        number = self._client.ask(o.Send(to, (text,), (line_id,)), REGISTRY_TIMEOUT).number
        return Sent(self._client, to, text, line_id, number)

    def chat(self, user: str, *, in_clear: bool = False) -> None:
        """Ask a user for a chat; the event ChatStarted, ContactAway or CallFailed follows."""
        self._client.ask(o.Open(self._client.named(user, in_clear=in_clear), in_clear))

    def leave(self, user: str) -> bool:
        """Leave the chat with a contact; return False if there is none."""
        return self._client.ask(o.Leave(self._client.named(user))).on

    def accept(self, user: str) -> None:
        """Accept a user who wants to chat (the event Called)."""
        self._client.ask(o.Accept(self._client.named(user)))

    def reject(self, user: str) -> None:
        """Reject a user who wants to chat."""
        self._client.ask(o.Reject(self._client.named(user)))

    def search(self, user: str) -> Whereabouts:
        """Return whether a user is online, and where, or that there is no such user."""
        name = self._client.named(user)
        return self._client.ask(o.Search(name, quietly=True), REGISTRY_TIMEOUT)

    def contacts(self) -> tuple[ListedContact, ...]:
        """Return the contacts, sorted by name."""
        return self._client.ask(o.ListContacts()).contacts

    def history(self, user: str = "", *, words: str = "", limit: int = 20) -> tuple[KeptLine, ...]:
        """Return the last lines, oldest first: of a contact, or with these words.

        One answer has at most some thousand lines, or some hundred kilobytes.
        """
        name = self._client.named(user) if user else ""
        return self._client.ask(o.ReadLines(name, words, limit=limit)).lines

    def mailbox(self, *, on: bool | None = None) -> MailboxStatus:
        """Return the state of our mailbox; unless `on` is None, first turn it on or off."""
        return self._client.ask(o.SetMailbox(on))

    def send_file(self, to: str, path: str | Path, name: str = "") -> Transfer:
        """Offer a file or folder to a contact; an event reports the outcome."""
        order = SendFile(self._client.named(to), text_of(Path(path).absolute()), name)
        return self._client.ask(order, REGISTRY_TIMEOUT).transfers[0]

    def get_file(self, number: int, folder: str | Path = "") -> None:
        """Receive the file offered under a number (see FileOffered) into that folder."""
        self._client.ask(GetFile(number, "", text_of(Path(folder).absolute()) if folder else ""))

    def decline_file(self, number: int) -> None:
        """Decline the file offered under a number."""
        self._client.ask(DeclineFile(number))

    def files(self) -> tuple[Transfer, ...]:
        """Return the file transfers, oldest first."""
        return self._client.ask(ListFiles()).transfers

    def seen(self, user: str, line_id: int) -> None:
        """Mark the messages of a contact as read, up to the one with that id."""
        self._client.ask(o.Seen(self._client.named(user), line_id))

    def _has_ended(self, error: P2PError) -> None:
        self._ended = error


@contextmanager
def connect(
    account: str | None = None,
    *,
    profile: str | None = None,
    registry: str | None = None,
    password: str | None = None,
    seen: bool = False,
) -> Iterator[ChatClient]:
    """Yield a client for an account, by default the one used last; the account is left at the end.

    `profile` and `registry` are those of `p2p --profile` and `--registry`. A `password` is needed
    if no node is running and the account has not logged in here before. `seen`: events yielded by
    `events` mark their messages as read, and unread messages come first. Raise P2PError:
    LoginNeeded, LoginRefused, Unreachable, UsageError, StorageError, and others.
    """
    settings = from_environment(profile=profile)
    hello = Hello(follow=True, seen=seen)
    with open_session(settings, registry) as us:
        username = us.own_account(account)
        with lasting_node(us.loop, settings, us, username, hello) as running:
            if running is not None:
                yield ChatClient(running)
                return
        with _own_node(settings, us, username, password, hello) as client:
            yield client


@contextmanager
def _own_node(
    settings: Settings, us: UserSession, username: str, password: str | None, hello: Hello
) -> Iterator[ChatClient]:
    """Run the account's node, logged in or waiting for the registry."""
    options = configured(settings)
    credentials = us.credentials(username, password or settings.password, options)
    if not credentials.token and not (password or settings.password):
        raise LoginNeeded(
            f"the password of {username} is needed",
            likely="the account has not logged in on this machine yet",
            advice="pass a password to connect, or run p2p login once",
        )
    with whole_node(settings, us, credentials, options) as clients:
        local = LocalClient(us.loop, clients, hello)
        local.on_close = clients.node.stop
        client = ChatClient(local)
        first: list[Event] = []
        keep: Any = local.on_event

        def on_event(event: Event) -> None:
            if isinstance(event, LoggedIn | LoginFailed | RegistryLost):
                first.append(event)
            keep(event)

        local.on_event = on_event
        try:
            clients.node.start()
            us.loop.run_until(lambda: bool(first))
            local.on_event = keep
            if isinstance(first[0], LoginFailed):
                raise first[0].error
            yield client
        finally:
            local.close()
