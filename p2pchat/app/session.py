"""The client side of a command that uses the network: its files, a loop, and the registry.

Shared by `register`, `login`, `search` and similar commands.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from p2pchat.app.node_options import NodeOptions
from p2pchat.app.profile_home import ProfileHome, open_profile_home
from p2pchat.app.settings import Settings
from p2pchat.app.terminal import can_confirm, confirm, notify
from p2pchat.errors import NotTrusted
from p2pchat.net.endpoints import Network, SocketNetwork
from p2pchat.net.loop import Loop
from p2pchat.net.worker import ThreadWorker
from p2pchat.peer.registry_client.commands import RegistryCommands
from p2pchat.peer.registry_client.credentials import Credentials
from p2pchat.peer.registry_client.dialer import RegistryDialer
from p2pchat.peer.registry_client.link import check_link
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.peer.store.profile import Profile

_LAST_BYTES: Final = 8.0
"""The most seconds for sending the last bytes; a link takes 5. Then open connections are
dropped.
"""


class UserSession(ProfileHome):
    """A user's profile at one registry, with a loop and the network to reach it."""

    def __init__(
        self, loop: Loop, network: Network, url: RegistryUrl, profile: Profile, identity_file: Path
    ) -> None:
        super().__init__(url, profile, identity_file)
        self.loop = loop
        self.network = network
        self.registry_commands = RegistryCommands(loop, network, self.dialer(_say_first_contact))

    def credentials(
        self, username: str, password: str | None, options: NodeOptions | None = None
    ) -> Credentials:
        """Return the account's credentials for a login; `options` are those of its node."""
        options = options or NodeOptions()
        return Credentials(
            self.url,
            username,
            password,
            profile=self.profile,
            identity=self.identity,
            allow_original=options.allow_original,
            reach=options.reach,
        )

    def dialer(self, on_first_use: Callable[[str], None]) -> RegistryDialer:
        """Return a dialer for the registry; see RegistryDialer."""
        return RegistryDialer(self.loop, self.network, self.url, self.profile, on_first_use)


@contextmanager
def open_session(settings: Settings, registry: str | None) -> Iterator[UserSession]:
    """Yield the client side for the registry named by the option or the settings.

    At the end, pending bytes are sent. Raise UsageError, StorageError.
    """
    with open_profile_home(settings, registry) as files, session_of(settings, files) as us:
        yield us


@contextmanager
def session_of(settings: Settings, files: ProfileHome) -> Iterator[UserSession]:
    """Yield the client side for files that are open already; see `open_session`."""
    with running_loop() as (loop, network):
        for url in (files.url, *files.url.others):
            _confirm_key(url, files.profile)
        yield UserSession(loop, network, files.url, files.profile, settings.identity_file)


@contextmanager
def running_loop() -> Iterator[tuple[Loop, Network]]:
    """Yield a loop and its network; at the end, pending bytes are sent.

    Ctrl-C takes effect between two turns of the loop, so that the end is orderly.
    """
    loop = Loop()
    worker = ThreadWorker(loop)
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as for a background job of a script
        with suppress(ValueError):  # signals need the main thread
            signal.signal(signal.SIGINT, lambda *_: loop.interrupt())
    try:
        yield loop, SocketNetwork(loop, worker)
    finally:
        deadline = loop.now() + _LAST_BYTES
        loop.call_at(deadline, lambda: None)
        try:
            loop.run_until(lambda: loop.idle or loop.now() >= deadline)
        finally:
            worker.close()
            loop.close()
            with suppress(ValueError):
                signal.signal(signal.SIGINT, before)


def _confirm_key(url: RegistryUrl, profile: Profile) -> None:
    """Ask before a join link replaces the key of a known registry.

    Raise NotTrusted if there is no terminal to ask on, or the answer is no.
    """
    try:
        check_link(url, profile)
    except NotTrusted as error:
        if not can_confirm():
            raise
        notify(f"{error.what}; likely: {error.likely}")
        notify(f"known: {profile.pinned_registry(str(url))}")
        notify(f"link:  {url.fingerprint}")
        if not confirm("Trust the key of the link from now on?"):
            raise
        assert url.fingerprint is not None
        profile.pin_registry(str(url), url.fingerprint)


def _say_first_contact(fingerprint: str) -> None:
    notify(f"new registry; trusting its key from now on: {fingerprint}")
