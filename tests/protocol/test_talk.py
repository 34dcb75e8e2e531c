"""Peer messages refuse invalid values when they are built, by sender and receiver alike."""

import pytest

from p2pchat.protocol.positions import NO_SUM
from p2pchat.protocol.talk import MAX_NUMBER, Ack, ChatRequest, ChatText, Skip, Sync


def test_line_numbers_have_one_range_in_all_messages() -> None:
    """All messages with line numbers accept the same range, so every line can be acknowledged."""
    for build in (lambda n: Sync(n, NO_SUM), Ack, Skip, lambda n: ChatText("x", seq=n)):
        for number in (0, MAX_NUMBER):
            build(number)
        for number in (-1, MAX_NUMBER + 1, 2**63):
            with pytest.raises(ValueError, match="not a valid line number"):
                build(number)


@pytest.mark.parametrize("total", ["", "0" * 31, "0" * 33, "g" * 32, "A" * 32])
def test_sum_is_32_hexadecimal_digits(total: str) -> None:
    """A SYNC with a malformed sum is refused."""
    with pytest.raises(ValueError, match="not a valid sum"):
        Sync(1, total)


@pytest.mark.parametrize(
    ("line_id", "at"),
    [("i" * 65, 0), ("i", 10**13), ("i", -1), ("a b", 0), ("a\x1b", 0), ("\u00e9", 0)],
)
def test_line_ids_and_times_have_bounds(line_id: str, at: int) -> None:
    """Line ids and times outside their bounds are refused."""
    ChatText("x", 1, "i" * 64, 4 * 10**12)
    with pytest.raises(ValueError, match="not a valid"):
        ChatText("x", 1, line_id, at)


def test_invalid_caller_port_is_refused() -> None:
    """A chat request with an invalid port is refused."""
    with pytest.raises(ValueError, match="not a valid port"):
        ChatRequest("alice", 70_000)
