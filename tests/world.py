"""A registry and whole nodes in one process, with an in-memory network and a fake clock."""

import atexit
import functools
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from p2pchat.client.clients import Clients
from p2pchat.client.local_client import LocalClient
from p2pchat.net.loop import Loop
from p2pchat.net.tls.certificates import fingerprint_of_file, make_certificate, server_context
from p2pchat.net.tls.engine import StandardEngine
from p2pchat.net.tls.signing import Signer
from p2pchat.net.worker import Worker
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.files.policy import FilesPolicy
from p2pchat.peer.node import Node
from p2pchat.peer.registry_client.commands import RegistryCommands
from p2pchat.peer.registry_client.credentials import Credentials
from p2pchat.peer.registry_client.dialer import RegistryDialer
from p2pchat.peer.registry_client.reach import Reach
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.peer.store.identity import Identity, load_identity
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import ChatEnded, ChatStarted, Event
from p2pchat.protocol.client.lines import KeptLine, LineState
from p2pchat.protocol.client.messages import Hello
from p2pchat.registry.server.server import Server
from p2pchat.registry.service.directory import MemoryDirectory
from p2pchat.registry.service.node_lists import NodeLists
from p2pchat.registry.service.presence import PresenceTable
from p2pchat.registry.service.service import Service
from p2pchat.registry.store.mailboxes import Mailboxes, Quotas
from tests.accounts import OpenedAccounts
from tests.fakes import InlineWorker, MemoryInternet, MemoryNetwork, advance, settle

REGISTRY = "10.0.0.1"
ORIGINAL_URL = RegistryUrl(REGISTRY)
PATIENCE = 150.0


@functools.cache
def certificate() -> tuple[Path, Path]:
    """Return the registry's certificate, made once for all tests and deleted at exit."""
    folder = Path(tempfile.mkdtemp(prefix="p2pchat-tests-"))
    atexit.register(shutil.rmtree, folder)
    files = folder / "cert.pem", folder / "key.pem"
    make_certificate(*files, "registry")
    return files


@functools.cache
def signer() -> Signer:
    """Return the signer of the registry."""
    return Signer(certificate()[1])


def unread_at(node: Node, contact: str | None = None) -> list[KeptLine]:
    """Return the unread lines at a node, of one contact or of all."""
    return node.history.lines(contact, states=[LineState.UNREAD])


class Home:
    """A user's files: profile and identity."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.profile = Profile(folder / "profile.sqlite3")
        self.identity: Identity = load_identity(folder / "identity.pem")

    def close(self) -> None:
        """Close the files."""
        self.profile.close()


class Person:
    """A user's node and its events."""

    def __init__(
        self, world: "World", name: str, host: str, password: str, home: Home, **how: Any
    ) -> None:
        self.name = name
        self.host = host
        self.home = home
        self.events: list[Event] = []
        self.all_events: list[Event] = []
        self._hearers: list[Callable[[Event], None]] = []
        self.node = world.node(name, host, password, home, self._hear, **how)
        self.clients = Clients(world.loop)
        self.clients.serve(self.node)

    @property
    def partner(self) -> str:
        """The contact of the chat that started last."""
        return [e.contact for e in self.all_events if isinstance(e, ChatStarted)][-1]

    @property
    def chats(self) -> list[str]:
        """The contacts of the open chats."""
        open_ones: list[str] = []
        for event in self.all_events:
            if isinstance(event, ChatStarted):
                open_ones.append(event.contact)
            elif isinstance(event, ChatEnded):
                open_ones.remove(event.contact)
        return open_ones

    def say(self, text: str) -> None:
        """Send a text in the chat that started last."""
        self.node.say(self.partner, text)

    def leave(self) -> bool:
        """Leave the chat that started last."""
        return self.node.leave(self.partner)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self.all_events.append(event)
        for hear in self._hearers:
            hear(event)
        self.clients.on_event(event)

    def client(self, **hello: Any) -> LocalClient:
        """Return a client of the node; the node outlives it."""
        client = LocalClient(self.clients.loop, self.clients, Hello(**{"follow": True, **hello}))
        client.begin()
        return client

    def hear_too(self, on_event: Callable[[Event], None]) -> None:
        """Also pass the node's events to this function."""
        self._hearers.append(on_event)

    def told(self) -> list[Event]:
        """Return the events since the last call."""
        events, self.events[:] = list(self.events), []
        return events


class World:
    """An internet with a registry, which can crash and restart.

    `secure`: users connect to its secure listener; the original one is open too. `mailbox`: it
    keeps mailboxes.
    """

    def __init__(
        self,
        loop: Loop,
        folder: Path,
        *,
        secure: bool,
        internet: MemoryInternet | None = None,
        mailbox: bool = False,
    ) -> None:
        self.loop = loop
        self.internet = internet or MemoryInternet(loop)
        self.worker = InlineWorker(loop)
        self.trusted_at_first: list[str] = []
        self._folder = folder
        self._homes: dict[str, Home] = {}
        self._stack = ExitStack()
        self.accounts = OpenedAccounts(folder / "accounts.sqlite3")
        self._stack.callback(self.accounts.close)
        fingerprint = fingerprint_of_file(certificate()[0])
        secure_url = RegistryUrl(REGISTRY, 7117, 7117, secure=True, fingerprint=fingerprint)
        self.url = secure_url if secure else ORIGINAL_URL
        self.boxes = Mailboxes(self.accounts.store, Quotas()) if mailbox else None
        self.start_registry()

    def start_registry(self, **how: Any) -> None:
        """Start a registry; no user is online. `how`: see Service."""
        self.presence = PresenceTable(PATIENCE)
        lists = NodeLists()
        lists.signer = signer()
        self.directory = MemoryDirectory(self.accounts.standings(), lists)
        self.service = service = Service(
            self.accounts,
            self.directory,
            self.presence,
            self.loop.now,
            **{"boxes": self.boxes, **how},
        )
        self.server = Server(self.loop, self.internet.machine(REGISTRY), self.worker, service)
        self.server.open_original(ORIGINAL_URL.address, Address(REGISTRY, ORIGINAL_URL.udp_port))
        context = server_context(*certificate())
        own_key = signer().fingerprint
        self.server.open_secure(
            Address(REGISTRY, 7117), None, lambda: (StandardEngine(context), own_key)
        )

    def lie(self, name: str, key: bytes | None) -> None:
        """Make the registry publish another key for a user who is online."""
        online_session = self.presence.find(name)
        assert online_session is not None
        online_session.key = key
        session = online_session
        assert self.presence.announce(session, session.port, session.clear_port)

    def cannot_meet(self, *names: str) -> None:
        """Let nobody meet these users at the registry, as if their clients were older."""
        for name in names:
            online_session = self.presence.find(name)
            assert online_session is not None
            online_session.on_meeting = None

    def kill_registry(self) -> None:
        """Kill the registry, as by `kill -9`."""
        for open_ones in (self.internet.listeners, self.internet.sockets):
            for address in [a for a in open_ones if a.host == REGISTRY]:
                del open_ones[address]
        self.internet.cut_all(REGISTRY)
        settle(self.loop)

    def home(self, name: str) -> Home:
        """Return a user's home, created if it does not exist."""
        if name not in self._homes:
            self._homes[name] = Home(self._folder / f"home-{name}")
            self._stack.callback(self._homes[name].close)
        return self._homes[name]

    def copy_home(self, name: str, copy: str) -> Home:
        """Return a copy of a user's home as it is now, such as a backup or a cloned machine."""
        folder, new = (self._folder / f"home-{whose}" for whose in (name, copy))
        new.mkdir(mode=0o700)
        shutil.copy(folder / "identity.pem", new)
        with closing(sqlite3.connect(folder / "profile.sqlite3")) as database:
            database.execute("VACUUM INTO ?", (str(new / "profile.sqlite3"),))
        (new / "profile.sqlite3").chmod(0o600)
        return self.home(copy)

    def copy_profile(self, name: str, to: Path) -> None:
        """Write a copy of a user's profile as it is now."""
        with closing(
            sqlite3.connect(self._folder / f"home-{name}" / "profile.sqlite3")
        ) as database:
            database.execute("VACUUM INTO ?", (str(to),))

    def restore_profile(self, name: str, copy: Path) -> None:
        """Replace a user's profile by a copy."""
        home = self.home(name)
        home.profile.close()
        folder = self._folder / f"home-{name}"
        for file in folder.glob("profile.sqlite3*"):
            file.unlink()
        shutil.copy(copy, folder / "profile.sqlite3")
        (folder / "profile.sqlite3").chmod(0o600)
        home.profile = Profile(folder / "profile.sqlite3")

    def dialer(
        self, network: MemoryNetwork, home: Home, url: RegistryUrl | None = None
    ) -> RegistryDialer:
        """Return a dialer for the registry."""
        return RegistryDialer(
            self.loop, network, url or self.url, home.profile, self.trusted_at_first.append
        )

    def credentials(
        self, name: str, password: str | None = "pw", home: Home | None = None
    ) -> Credentials:
        """Return the credentials of an account."""
        home = home or self.home(name)
        return Credentials(self.url, name, password, profile=home.profile, identity=home.identity)

    def registry_commands(self, host: str, home: Home) -> RegistryCommands:
        """Return the registry commands of a machine."""
        network = self.internet.machine(host)
        return RegistryCommands(self.loop, network, self.dialer(network, home))

    def node(
        self,
        name: str,
        host: str,
        password: str | None,
        home: Home,
        on_event: object,
        *,
        url: RegistryUrl | None = None,
        allow_original: bool = False,
        reach: Reach = Reach(),  # noqa: B008  # a frozen value
        wait_for_registry: bool = False,
        limits: PeerLimits = PeerLimits(),  # noqa: B008  # a frozen value
        claims: str = "",
        wall: Callable[[], float] = time.time,
        file_worker: Worker | None = None,
        files_policy: FilesPolicy = FilesPolicy(),  # noqa: B008  # a frozen value
    ) -> Node:
        """Return a node on a machine; `claims` is the name it calls under, if not its own."""
        network = self.internet.machine(host)
        credentials = Credentials(
            url or self.url,
            claims or name,
            password,
            profile=home.profile,
            identity=home.identity,
            allow_original=allow_original,
            reach=reach,
            wall=wall,
        )
        node = Node(
            self.loop,
            network,
            self.dialer(network, home, url),
            credentials,
            profile=home.profile,
            on_event=on_event,  # type: ignore[arg-type]
            rng=random.Random(1),
            file_worker=file_worker or InlineWorker(self.loop),
            files_policy=files_policy,
            limits=limits,
            wait_for_registry=wait_for_registry,
            wall=wall,
        )
        credentials.username = name  # the name it logs in with
        return node

    def clients(
        self, name: str, host: str, password: str = "pw", home: Home | None = None
    ) -> Clients:
        """Return the clients of an account's node, which is not started yet."""
        self.make_account(name)
        clients = Clients(self.loop)
        clients.serve(self.node(name, host, password, home or self.home(name), clients.on_event))
        return clients

    def client(self, clients: Clients, **hello: Any) -> LocalClient:
        """Return a client of a node; closing it stops the node."""
        client = LocalClient(self.loop, clients, Hello(**{"follow": True, **hello}))
        client.begin()
        client.on_close = clients.node.stop
        return client

    def make_account(self, name: str, password: str = "pw") -> None:
        """Create an account, if it does not exist."""
        if not self.directory.knows(name):
            self.accounts.create(name, password)
            self.directory.admit(name)

    def person(
        self, name: str, host: str, password: str = "pw", home: Home | None = None, **how: object
    ) -> Person:
        """Return a user with an account and a node that is logged in."""
        self.make_account(name)
        person = Person(self, name, host, password, home or self.home(name), **how)
        person.node.start()
        settle(self.loop)
        return person

    def settle(self) -> None:
        """Run the loop until nothing is due."""
        settle(self.loop)

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        advance(self.loop, seconds)

    def close(self) -> None:
        """Close the files."""
        self._stack.close()
