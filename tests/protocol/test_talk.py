"""What peers say: nonsense is refused when it is built, by sender and receiver alike."""

import pytest

from p2pchat.protocol.positions import NO_SUM
from p2pchat.protocol.talk import MAX_NUMBER, Ack, ChatRequest, ChatText, Skip, Sync


def test_numbers_have_one_range_in_both_directions() -> None:
    """Wherever lines are numbered: what one side may say, the other may answer."""
    for build in (lambda n: Sync(n, NO_SUM), Ack, Skip, lambda n: ChatText("x", seq=n)):
        for number in (0, MAX_NUMBER):
            build(number)
        for number in (-1, MAX_NUMBER + 1, 2**63):
            with pytest.raises(ValueError, match="not a valid line number"):
                build(number)


@pytest.mark.parametrize("total", ["", "0" * 31, "0" * 33, "g" * 32, "A" * 32])
def test_a_sum_is_32_hexadecimal_digits(total: str) -> None:
    """A SYNC with anything else is refused."""
    with pytest.raises(ValueError, match="not a valid sum"):
        Sync(1, total)


@pytest.mark.parametrize(
    ("line_id", "at"),
    [("i" * 65, 0), ("i", 10**13), ("i", -1), ("a b", 0), ("a\x1b", 0), ("\u00e9", 0)],
)
def test_ids_and_times_have_their_bounds(line_id: str, at: int) -> None:
    """They are kept, added to sums, and shown."""
    ChatText("x", 1, "i" * 64, 4 * 10**12)
    with pytest.raises(ValueError, match="not a valid"):
        ChatText("x", 1, line_id, at)


def test_a_port_is_one() -> None:
    """Of a caller of the original dialect."""
    with pytest.raises(ValueError, match="not a valid port"):
        ChatRequest("alice", 70_000)
