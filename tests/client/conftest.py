"""A node with its control socket, and clients of either kind."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from p2pchat.client.client import Client
from p2pchat.client.listener import NodeListener
from p2pchat.client.local_client import LocalClient
from p2pchat.client.socket_client import SocketClient
from p2pchat.protocol.client.messages import Hello
from tests.peer.chat.test_conversations import friends
from tests.world import World


class Setup:
    """Alice's node with its control socket, and bob, one of her contacts."""

    def __init__(self, world: World, path: Path) -> None:
        self.world = world
        self.path = path
        self.alice, self.bob = friends(world)
        self.node = self.alice.node
        self.listener = NodeListener(world.loop, path)
        self.listener.serve(self.alice.clients)

    def local(self, **hello: Any) -> LocalClient:
        """Return a client in this process."""
        return LocalClient(self.world.loop, self.alice.clients, Hello(**hello))

    def remote(self, **hello: Any) -> SocketClient:
        """Return a client on the control socket."""
        return SocketClient(self.world.loop, self.path, Hello(**hello))

    def turn(self, until: Callable[[], bool]) -> None:
        """Run the loop until the condition holds."""
        for _ in range(5000):
            if until():
                return
            self.world.loop.run_once(0)
        raise AssertionError("it does not happen")

    def texts(self) -> list[str]:
        """Return the texts that bob has received from alice."""
        return [line.text for line in self.bob.node.history.lines("alice")]


@pytest.fixture
def setup(secure_world: World, tmp_path: Path) -> Iterator[Setup]:
    """Yield a node with its control socket."""
    setup = Setup(secure_world, tmp_path / "n.sock")
    yield setup
    setup.listener.close()
    for _ in range(10):
        secure_world.loop.run_once(0)


Connect = Callable[..., Client]


@pytest.fixture(params=["local", "remote"])
def connect(request: pytest.FixtureRequest, setup: Setup) -> Connect:
    """Return a function that makes a client of either kind from the fields of its Hello."""
    made: Connect = getattr(setup, request.param)
    return made
