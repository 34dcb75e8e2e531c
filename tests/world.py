"""A registry and whole nodes in one process, on memory wires, by a hand-moved clock."""

import random
from contextlib import ExitStack, closing
from pathlib import Path

from p2pchat.net.address import Address
from p2pchat.net.loop import Loop
from p2pchat.peer.events import Event
from p2pchat.peer.node import Node
from p2pchat.peer.profile import Profile
from p2pchat.peer.registry_url import RegistryUrl
from p2pchat.registry.accounts import Accounts
from p2pchat.registry.passwords import Cost, Passwords
from p2pchat.registry.presence import PresenceBook
from p2pchat.registry.server import Server
from p2pchat.registry.service import Service
from tests.fakes import InlineWorker, MemoryInternet, advance, settle

REGISTRY = "10.0.0.1"
URL = RegistryUrl(REGISTRY)
PATIENCE = 150.0


class Person:
    """A node, and everything that it told."""

    def __init__(self, world: "World", name: str, host: str, password: str) -> None:
        self.name = name
        self.host = host
        self.events: list[Event] = []
        self.node = Node(
            world.loop,
            world.internet.machine(host),
            world.url,
            name,
            password,
            profile=world.profile,
            on_event=self.events.append,
            rng=random.Random(1),
        )

    def told(self) -> list[Event]:
        """Give what was told since the last time."""
        events, self.events[:] = list(self.events), []
        return events


class World:
    """An internet with a registry on it, which can die and come back."""

    def __init__(self, loop: Loop, folder: Path) -> None:
        self.loop = loop
        self.url = URL
        self.internet = MemoryInternet(loop)
        self.worker = InlineWorker(loop)
        self._stack = ExitStack()
        self.accounts = Accounts(folder / "accounts.sqlite3", Passwords(Cost(64, 1)))
        self._stack.callback(self.accounts.close)
        self.profile = self._stack.enter_context(closing(Profile(folder / "profile.sqlite3")))
        self.start_registry()

    def start_registry(self) -> None:
        """Open a registry's doors, with nobody online."""
        self.presence = PresenceBook(PATIENCE)
        service = Service(self.accounts, self.presence, self.loop.now)
        self.server = Server(self.loop, self.internet.machine(REGISTRY), self.worker, service)
        self.server.open_original(Address(REGISTRY, URL.port), Address(REGISTRY, URL.udp_port))

    def kill_registry(self) -> None:
        """Let it vanish, as by `kill -9`."""
        self.internet.listeners.pop(Address(REGISTRY, URL.port))
        self.internet.sockets.pop(Address(REGISTRY, URL.udp_port))
        self.internet.cut_all(REGISTRY)
        settle(self.loop)

    def person(self, name: str, host: str, password: str = "pw") -> Person:
        """Give somebody with an account, and their node, logged in."""
        if name not in self.accounts:
            self.accounts.create(name, password)
            self.accounts.admit(name)
        person = Person(self, name, host, password)
        person.node.start()
        settle(self.loop)
        return person

    def settle(self) -> None:
        """Let everything happen that is due."""
        settle(self.loop)

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        advance(self.loop, seconds)

    def close(self) -> None:
        """Give back the files."""
        self._stack.close()
