"""Reacts when the session with the registry begins, ends or resumes.

Watches and calls contacts, fetches the mailbox, and stores accounts and names in the profile.
"""

from collections.abc import Callable

from p2pchat.errors import StorageError
from p2pchat.peer.chat.conversations import Conversations
from p2pchat.peer.mailbox.mailbox import Mailbox
from p2pchat.peer.reach.reachability import Reachability
from p2pchat.peer.registry_client.session import RegistrySession
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.client.events import (
    Calling,
    ChatStarted,
    ContactAway,
    Event,
    Found,
    LoggedIn,
    RegistryBack,
    RegistryLost,
    Trouble,
)


class SessionChanges:
    """Handles the session events of an account; reports storage errors to `on_event`."""

    def __init__(
        self,
        username: str,
        url: RegistryUrl,
        profile: Profile,
        registry: RegistrySession,
        reachability: Reachability,
        conversations: Conversations,
        mailbox: Mailbox,
        on_event: Callable[[Event], None],
    ) -> None:
        self._username = username
        self._url = url
        self._profile = profile
        self._registry = registry
        self._reachability = reachability
        self._conversations = conversations
        self._mailbox = mailbox
        self._on_event = on_event

    def follow(self, event: Event) -> None:
        """Handle an event."""
        match event:
            case LoggedIn(username):
                self._remember(self._profile.note_account, username)
                self._go_online()
            case RegistryBack():
                self._go_online()
            case RegistryLost():
                self._go_offline()
            case ContactAway():
                self._reachability.look_nearby()
            case Found(name) | Calling(name) | ChatStarted(name) if name != self._username:
                # Callers are not remembered.
                self._remember(self._profile.note_name, name)
            case _:
                pass

    def _remember(self, note: Callable[[str, str], None], username: str) -> None:
        """Store a name in the profile; an error must not end a chat."""
        try:
            note(str(self._url), username)
        except StorageError as error:
            self._on_event(Trouble(error))

    def _go_online(self) -> None:
        if not self._url.secure:
            return
        self._reachability.went_online()
        try:
            self._conversations.online()
        except StorageError as error:
            self._on_event(Trouble(error))
        self._mailbox.online(self._registry.mailbox)

    def _go_offline(self) -> None:
        if not self._url.secure:
            return
        self._mailbox.offline()
        try:
            self._conversations.offline()
        except StorageError as error:
            self._on_event(Trouble(error))
        self._reachability.look_nearby()
