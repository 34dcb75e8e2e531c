"""Files between two users of whom neither can be dialled: by a circuit, or punched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchat.protocol.client.state import LinkPath
from p2pchat.protocol.client.transfers import TransferState
from p2pchat.protocol.files.pieces import PIECE_BYTES
from tests.fakes import advance, settle
from tests.file_people import Two
from tests.scenarios.simulation import EverybodyBut
from tests.world import REGISTRY, World


@pytest.fixture
def two(secure_world: World, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Two]:
    """Alice and bob, on a circuit, or (with the parameter) on a punched link."""
    secure_world.internet.walled = EverybodyBut(REGISTRY)
    secure_world.internet.punchable = getattr(request, "param", False)
    two = Two(secure_world, tmp_path)
    yield two
    two.end()


def _data_links(two: Two) -> list[bool]:
    """Return whether each connection that has carried a file was direct."""
    ends = [pair[0] for pair in two.world.internet.wires if any(end.is_detached for end in pair)]
    return [REGISTRY not in {end.local.host, end.remote.host} for end in ends]


def test_through_the_registry(two: Two) -> None:
    """Where nothing else is possible; it is the same file."""
    path = two.file(3 * PIECE_BYTES + 1)
    two.offer(path)
    assert two.get().read_bytes() == path.read_bytes()
    assert _data_links(two) == [False, False]  # one of each end with the registry


@pytest.mark.parametrize("two", [True], indirect=True)
def test_punched(two: Two) -> None:
    """The conversation is on a direct link, and the file gets one of its own."""
    advance(two.loop, 10)
    chat = two.bob.node.chat("alice")
    assert chat is not None
    assert chat.path is not LinkPath.RELAYED
    path = two.file(3 * PIECE_BYTES + 1)
    two.offer(path)
    assert two.get().read_bytes() == path.read_bytes()
    assert _data_links(two) == [True]


def test_better_path_in_the_middle(two: Two) -> None:
    """What has begun through the registry goes on directly, and nothing is sent twice."""
    two.goes("alice")
    two.comes("alice", rate=4_000_000)
    path = two.file(10 * PIECE_BYTES)
    two.offer(path)
    two.until(lambda: bool(two.bob.node.files.all()))
    two.bob.node.files.get(two.theirs().id)
    two.until(lambda: any(one.done for one in two.bob.node.files.moving))
    two.world.internet.punchable = True
    advance(two.loop, 40)
    two.until(lambda: two.theirs().state is TransferState.DONE)
    assert Path(two.theirs().path).read_bytes() == path.read_bytes()
    links = _data_links(two)
    assert links[0] is False
    assert links[-1] is True


def test_more_than_the_registry_should_bear_is_asked_about(two: Two) -> None:
    """What is taken without asking is less on a circuit."""
    two.bob.node.contacts.set_files("alice", "100000000")
    two.offer(two.file(10_000_001))
    two.until(lambda: bool(two.bob.node.files.all()))
    settle(two.loop)
    assert two.theirs().state is TransferState.OFFERED
