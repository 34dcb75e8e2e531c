"""The person's side of a command: a loop, the profile, the identity, the registry that is meant.

Puts together what `register`, `login`, `search` and the like have in common.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from random import Random

import click

from p2pchat.cli.config_file import write_first
from p2pchat.cli.settings import Settings, make_folder
from p2pchat.errors import LoginNeeded, nearest
from p2pchat.net.endpoints import Network, SocketNetwork
from p2pchat.net.loop import Loop
from p2pchat.net.worker import ThreadWorker
from p2pchat.peer.contacts import Contacts, check_username
from p2pchat.peer.credentials import Credentials
from p2pchat.peer.errands import Errands
from p2pchat.peer.events import Event, RegistryTrusted
from p2pchat.peer.identity import Identity, load_identity
from p2pchat.peer.limits import PeerLimits
from p2pchat.peer.node import Node
from p2pchat.peer.profile import Profile
from p2pchat.peer.registry_dialer import RegistryDialer
from p2pchat.peer.registry_url import RegistryUrl, parse_registry_url


class OurSide:
    """What one person has, at one registry."""

    def __init__(
        self, loop: Loop, network: Network, url: RegistryUrl, profile: Profile, identity: Identity
    ) -> None:
        self.loop = loop
        self.network = network
        self.url = url
        self.profile = profile
        self.identity = identity
        self.contacts = Contacts(profile, str(url), identity.public)
        self.history = profile.history(str(url))
        self.errands = Errands(loop, network, self._dialer(_say_first_contact))

    def who_am_i(self, said: str | None) -> str:
        """Give the account that was said, else the last one; raises LoginNeeded, UsageError."""
        username = said or self.profile.last_account(str(self.url))
        if username is None:
            raise LoginNeeded(
                f"you have no account at {self.url} yet",
                advice="p2p register NAME, or say which: p2p login NAME",
            )
        return self.named(username)

    def named(self, username: str) -> str:
        """Give the name as it is written at this registry; raises UsageError where it is none.

        Names of the secure dialect are lower case (DESIGN, "Names").
        """
        check_username(username)
        return username.lower() if self.url.secure else username

    @property
    def known_names(self) -> list[str]:
        """Everybody whom we met at the registry."""
        return self.profile.known_names(str(self.url))

    def meant(self, username: str) -> str:
        """Say whom of those that we know somebody may have meant; nobody is asked."""
        near = nearest(username, (name for name in self.known_names if name != username))
        return near and f"did you mean {near}?"

    def credentials(
        self, username: str, password: str | None, *, allow_original: bool = False
    ) -> Credentials:
        """Give what the account logs in with."""
        return Credentials(
            self.url,
            username,
            password,
            profile=self.profile,
            identity=self.identity,
            allow_original=allow_original,
        )

    def node(
        self,
        credentials: Credentials,
        on_event: Callable[[Event], None],
        *,
        peer_host: str | None = None,
        peer_port: int = 0,
        limits: PeerLimits = PeerLimits(),  # noqa: B008  # a frozen value
        keep_history: bool = True,
    ) -> Node:
        """Make a node that tells its events to the function."""

        def on_first_use(fingerprint: str) -> None:
            on_event(RegistryTrusted(str(self.url), fingerprint))

        return Node(
            self.loop,
            self.network,
            self._dialer(on_first_use),
            credentials,
            profile=self.profile,
            on_event=on_event,
            rng=Random(),
            peer_host=peer_host,
            peer_port=peer_port,
            limits=limits,
            keep_history=keep_history,
        )

    def _dialer(self, on_first_use: Callable[[str], None]) -> RegistryDialer:
        return RegistryDialer(self.loop, self.network, self.url, self.profile, on_first_use)


@contextmanager
def our_side(settings: Settings, registry: str | None) -> Iterator[OurSide]:
    """Give our side of the registry named by the option or the settings.

    At the end the last bytes still go out. Raises UsageError, StorageError.
    """
    url = parse_registry_url(registry or settings.registry)
    make_folder(settings.data_home)
    make_folder(settings.config_file.parent)
    write_first(settings.config_file)
    with ExitStack() as stack:
        profile = stack.enter_context(closing(Profile(settings.profile_file)))
        identity = load_identity(settings.identity_file)
        loop, network = stack.enter_context(running_loop())
        yield OurSide(loop, network, url, profile, identity)


@contextmanager
def running_loop() -> Iterator[tuple[Loop, Network]]:
    """Give a loop and its network; at the end the last bytes still go out."""
    loop = Loop()
    worker = ThreadWorker(loop)
    try:
        yield loop, SocketNetwork(loop, worker)
    finally:
        loop.run_until(lambda: loop.idle)
        worker.close()
        loop.close()


def _say_first_contact(fingerprint: str) -> None:
    click.echo(f"first contact with this registry: its key is {fingerprint}, from now on", err=True)
