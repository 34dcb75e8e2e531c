"""Messages refuse nonsense and hide secrets."""

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
def test_a_port_is_1_to_65535(port: int) -> None:
    """Sender and receiver build the same class, so neither can name another port."""
    for build in (AnnouncePort, lambda p: ChatRequest("a", p)):
        with pytest.raises(ValueError, match="not a valid port"):
            build(port)


def test_online_has_an_address() -> None:
    """An answer that says where somebody is says it whole."""
    with pytest.raises(ValueError, match="not a valid port"):
        SearchResult(Presence.ONLINE)
    for host in ("", "a b", "\x1b]0;owned\x07", "a\u202eb", "a\x00"):
        with pytest.raises(ValueError, match="not a valid host"):
            SearchResult(Presence.ONLINE, host, 1)


@pytest.mark.parametrize(
    "message", [Login("bob", "hush-hush"), Register("bob", "hush-hush"), ChatText("hush-hush")]
)
def test_secrets_never_show(message: Login | Register | ChatText) -> None:
    """No password or text in a repr, hence in no log and no traceback."""
    assert "hush" not in repr(message)
    assert "..." in repr(message)


def test_messages_are_values() -> None:
    """Equal when they say the same, and nobody changes them on the way."""
    assert Search("bob") == Search("bob")
    with pytest.raises(AttributeError):
        Search("bob").username = "eve"


@pytest.mark.parametrize("seconds", [-1.0, 1e9, float("inf"), float("nan"), -1e308])
def test_times_that_nobody_can_wait_are_refused(seconds: float) -> None:
    """A hostile registry cannot make its clients spin, or sleep for ever."""
    with pytest.raises(ValueError, match="not a valid time"):
        SlowDown(seconds)
    with pytest.raises(ValueError, match="not a valid time"):
        Grant("t", b"", b"", seconds)
    with pytest.raises(ValueError, match="not a valid time"):
        Grant("t", b"", b"", 0)
