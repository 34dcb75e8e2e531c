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


class Desk:
    """Alice's node with its control socket, and bob, whom she knows."""

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
        """Run the loop until that is so."""
        for _ in range(5000):
            if until():
                return
            self.world.loop.run_once(0)
        raise AssertionError("it does not happen")

    def texts(self) -> list[str]:
        """Return what bob has, of alice."""
        return [line.text for line in self.bob.node.history.lines("alice")]


@pytest.fixture
def desk(secure_world: World, tmp_path: Path) -> Iterator[Desk]:
    """See Desk."""
    desk = Desk(secure_world, tmp_path / "n.sock")
    yield desk
    desk.listener.close()
    for _ in range(10):
        secure_world.loop.run_once(0)


Connect = Callable[..., Client]


@pytest.fixture(params=["local", "remote"])
def connect(request: pytest.FixtureRequest, desk: Desk) -> Connect:
    """Make a client of either kind, by what its Hello says."""
    made: Connect = getattr(desk, request.param)
    return made
