"""Every malformed header of PROTOCOL in every state at the real peer server, in both dialects."""

import itertools
import json
import signal
from collections.abc import Iterator

import pytest

from p2pchat.protocol.positions import NO_SUM
from tests.conformance.secure_client import PeerIdentity, Secure, SecurePeer
from tests.conformance.test_framing import BAD
from tests.programs import Program, Raw, Serve, environment, running

_count = itertools.count()


class Node:
    """A user's `p2p login`, and a hostile caller."""

    def __init__(self, serve: Serve, factory: pytest.TempPathFactory, *, secure: bool) -> None:
        self.secure = secure
        env = environment(
            factory.mktemp("home"),
            P2P_REGISTRY=serve.join if secure else serve.url,
            P2P_PASSWORD="password",
        )
        # Use a new name: a worker that returns to this module uses the same registry.
        victim = f"victim{next(_count)}"
        assert Program("register", victim, env=env).end() == (0, "")
        self.program = Program("login", "--limit", "calls-per-minute=0", env=env)
        self.port = int(self.program.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1])
        self._serve = serve
        self._folder = factory.mktemp("mallory")
        self._meet_somebody_else()

    def _meet_somebody_else(self) -> None:
        """Become a stranger again, since an accepted caller is not asked about."""
        self.name = f"mallory{next(_count)}"
        self._identity = PeerIdentity(self._folder)
        if self.secure:
            Secure(self._serve, self._identity.key).register(self.name)

    def dial(self) -> Raw:
        return (
            SecurePeer(self.port, self._identity) if self.secure else Raw(("127.0.0.1", self.port))
        )

    def call(self) -> Raw:
        """Call, and wait until the user is asked."""
        self._meet_somebody_else()
        raw = self.dial()
        raw.say("CHAT_REQ", f'{{"username":"{self.name}"}}' if self.secure else f"{self.name} 1")
        self.program.wait_for(rf"^\* {self.name} wants to chat with you")
        return raw

    def wait_for_the_end(self) -> None:
        """Wait until the user is told that the link is gone."""
        self.program.wait_for(rf"^\* ({self.name} is gone|chat with {self.name} ended)")


@pytest.fixture(scope="module", params=[False, True], ids=["original", "secure"])
def node(
    request: pytest.FixtureRequest, registry: Serve, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Node]:
    """Yield one node for this module, which must not end or write to stderr."""
    node = Node(registry, tmp_path_factory, secure=request.param)
    with running(node.program):
        yield node
        node.program.signal(signal.SIGINT)
        code, err = node.program.end()
    assert (code, err.strip()) == (130, ""), "a stranger's bytes did more than close their link"


EVERY = pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())


@EVERY
def test_malformed_bytes_before_a_call(node: Node, data: bytes) -> None:
    """Malformed bytes on a new link close it."""
    stranger = node.dial()
    stranger.socket.sendall(data)
    assert stranger.closed_by_remote()
    stranger.close()


@EVERY
def test_malformed_bytes_while_the_user_is_asked(node: Node, data: bytes) -> None:
    """Malformed bytes wait for the user's answer and then close the chat, not the node."""
    caller = node.call()
    caller.socket.sendall(data)
    if b"MSG" in data and not node.secure:  # a valid text in the original dialect
        node.program.type("/reject")
        assert caller.hear() == ("CHAT_REQ_RESP", "REJECT")
    else:
        node.program.type("/accept")
        node.wait_for_the_end()
    caller.close()


@EVERY
def test_malformed_bytes_in_a_chat(node: Node, data: bytes) -> None:
    """Malformed bytes close the chat; texts before them are shown."""
    caller = node.call()
    node.program.type("/accept")
    assert caller.hear()[0] == "CHAT_REQ_RESP"
    if node.secure:
        assert [caller.hear()[0] for _ in range(3)] == ["SYNC", "IDLE", "HERE"]
        caller.say("SYNC", json.dumps({"last_in": 0, "sum": NO_SUM}))
    line = {"text": "first", "seq": 1, "id": "a1", "at": 0}
    caller.say("MSG", json.dumps(line) if node.secure else "first")
    node.program.wait_for(f"^{node.name}: first$")
    if b"MSG" not in data or node.secure:
        caller.socket.sendall(data)
    else:
        caller.close()
    node.wait_for_the_end()
    caller.close()


def test_node_still_accepts_calls(node: Node) -> None:
    """After all of these the node accepts a call."""
    caller = node.call()
    node.program.type("/reject")
    assert caller.hear()[0] == "CHAT_REQ_RESP"
    caller.close()
