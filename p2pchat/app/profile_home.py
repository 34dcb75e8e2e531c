"""A client's files for one registry: accounts, contacts and history.

For commands that need no network. Reads nothing before it is asked for.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from p2pchat.app.config_file import write_first
from p2pchat.app.settings import Settings, make_folder, private_folder
from p2pchat.errors import LoginNeeded, nearest
from p2pchat.peer.registry_client.url import RegistryUrl, parse_registry_url
from p2pchat.peer.store.history import History
from p2pchat.peer.store.profile import Profile, read_only_copy
from p2pchat.private_files import is_read_only, refuse_if_others_can_read
from p2pchat.protocol.names import is_me, meant_name

if TYPE_CHECKING:
    from p2pchat.peer.calls.contacts import Contacts
    from p2pchat.peer.store.identity import Identity
    from p2pchat.peer.store.schedule import Schedule


class ProfileHome:
    """The profile at a registry, and the identity key, which is created on first use."""

    def __init__(self, url: RegistryUrl, profile: Profile, identity_file: Path) -> None:
        self.url = url
        self.profile = profile
        self._identity_file = identity_file

    @cached_property
    def identity(self) -> "Identity":
        """Our key. Raise StorageError."""
        from p2pchat.peer.store.identity import load_identity

        return load_identity(self._identity_file)

    @cached_property
    def contacts(self) -> "Contacts":
        """The contacts. Raise StorageError."""
        from p2pchat.peer.calls.contacts import Contacts

        return Contacts(self.profile, str(self.url), self.identity.public)

    @property
    def is_known_link(self) -> bool:
        """Whether the registry's link names no key, or the one that is pinned."""
        links = (self.url, *self.url.others)
        return all(u.fingerprint in {None, self.profile.pinned_registry(str(u))} for u in links)

    @cached_property
    def history(self) -> History:
        """The message history."""
        return self.profile.history(str(self.url))

    @cached_property
    def schedule(self) -> "Schedule":
        """The lines to be sent later."""
        return self.profile.schedule(str(self.url))

    def own_account(self, said: str | None) -> str:
        """Return the named account, or else the one used last.

        Raise LoginNeeded, UsageError.
        """
        username = said or self.profile.last_account(str(self.url))
        if username is None:
            raise LoginNeeded(
                f"you have no account at {self.url} yet",
                advice="p2p register NAME, or p2p login NAME",
            )
        return self.named(username)

    def contact_named(self, typed: str, me: str | None, *, in_clear: bool = False) -> str:
        """Return the contact with that name; "me" is our own account, for notes.

        Raise UsageError, LoginNeeded.
        """
        if is_me(typed):
            return self.own_account(me)
        return self.named(typed, in_clear=in_clear)

    def named(self, username: str, *, in_clear: bool = False) -> str:
        """Return the name as this registry spells it. Raise UsageError if it is invalid.

        A contact who is called in clear may have any name.
        """
        return meant_name(username, secure=self.url.secure and not in_clear)

    @property
    def known_names(self) -> list[str]:
        """The names of all users met at the registry."""
        return self.profile.known_names(str(self.url))

    def meant(self, username: str) -> str:
        """Suggest the known name that is closest to a mistyped one, without using the network."""
        near = nearest(username, (name for name in self.known_names if name != username))
        return near and f"did you mean {near}?"


@contextmanager
def open_profile_home(settings: Settings, registry: str | None) -> Iterator[ProfileHome]:
    """Yield the files for the registry named by the option or the settings.

    Creates missing folders and the configuration file. A read-only profile can be read. Raise
    UsageError, StorageError.
    """
    url = parse_registry_url(registry or settings.registry)
    with open_profile(settings) as profile:
        yield ProfileHome(url, profile, settings.identity_file)


@contextmanager
def open_profile(settings: Settings) -> Iterator[Profile]:
    """Yield the profile, which is created if there is none. Raise StorageError."""
    if is_read_only(settings.profile_file):
        refuse_if_others_can_read(settings.data_home)
        with read_only_copy(settings.profile_file) as copy:
            yield copy
        return
    private_folder(settings.data_home)
    make_folder(settings.config_file.parent)
    write_first(settings.config_file)
    with closing(Profile(settings.profile_file)) as profile:
        yield profile
