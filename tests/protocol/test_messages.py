"""Messages refuse invalid values and hide secrets."""

import pytest

from p2pchat.protocol.messages import (
    AnnouncePort,
    Grant,
    Login,
    Presence,
    Register,
    Search,
    SearchResult,
    SlowDown,
)
from p2pchat.protocol.talk import ChatRequest, ChatText


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_port_is_1_to_65535(port: int) -> None:
    """No message can be built with a port outside 1 to 65535, by the sender or the receiver."""
    for build in (AnnouncePort, lambda p: ChatRequest("a", p)):
        with pytest.raises(ValueError, match="not a valid port"):
            build(port)


def test_online_result_needs_a_valid_address() -> None:
    """A search result that says ONLINE needs a port and a host without control characters."""
    with pytest.raises(ValueError, match="not a valid port"):
        SearchResult(Presence.ONLINE)
    for host in ("", "a b", "\x1b]0;owned\x07", "a\u202eb", "a\x00"):
        with pytest.raises(ValueError, match="not a valid host"):
            SearchResult(Presence.ONLINE, host, 1)


@pytest.mark.parametrize(
    "message", [Login("bob", "hush-hush"), Register("bob", "hush-hush"), ChatText("hush-hush")]
)
def test_repr_hides_secrets(message: Login | Register | ChatText) -> None:
    """The repr of a message contains no password and no text, so neither reaches a log or a
    traceback.
    """
    assert "hush" not in repr(message)
    assert "..." in repr(message)


def test_messages_are_immutable_values() -> None:
    """Messages with equal fields are equal, and their fields cannot be changed."""
    assert Search("bob") == Search("bob")
    with pytest.raises(AttributeError):
        Search("bob").username = "eve"


@pytest.mark.parametrize("seconds", [-1.0, 1e9, float("inf"), float("nan"), -1e308])
def test_invalid_waiting_times_are_refused(seconds: float) -> None:
    """A hostile registry cannot make its clients spin or sleep for ever."""
    with pytest.raises(ValueError, match="not a valid time"):
        SlowDown(seconds)
    with pytest.raises(ValueError, match="not a valid time"):
        Grant("t", b"", b"", seconds)
    with pytest.raises(ValueError, match="not a valid time"):
        Grant("t", b"", b"", 0)
