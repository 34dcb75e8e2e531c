"""What peers say: nonsense is refused when it is built, by whoever builds it."""

import pytest

from p2pchat.protocol.talk import Ack, ChatRequest, ChatText, Skip, Sync


@pytest.mark.parametrize("number", [-1, 2**63])
def test_a_number_that_no_database_holds_is_refused(number: int) -> None:
    """Wherever messages are numbered."""
    for build in (Sync, Ack, Skip, lambda n: ChatText("x", seq=n)):
        with pytest.raises(ValueError, match="no number"):
            build(number)


def test_ids_and_times_have_their_bounds() -> None:
    """They are kept, and shown."""
    ChatText("x", 1, "i" * 64, 4 * 10**12)
    for bad in (ChatText,):
        with pytest.raises(ValueError, match="no id"):
            bad("x", 1, "i" * 65)
        with pytest.raises(ValueError, match="no id"):
            bad("x", 1, "i", 10**13)
        with pytest.raises(ValueError, match="no id"):
            bad("x", 1, "i", -1)


def test_a_port_is_one() -> None:
    """Of a caller of the original dialect."""
    with pytest.raises(ValueError, match="no port"):
        ChatRequest("alice", 70_000)
