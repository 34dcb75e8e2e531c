"""Text from the system can be stored and sent."""

import pytest

from p2pchat.surrogates import without_surrogates


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("caf\u00e9 \U0001f600", "caf\u00e9 \U0001f600"),
        ("caf\udcc3\udca9", "caf\u00e9"),
        ("caf\udce9!", "caf\ufffd!"),
        ("half \ud83d", "half ?"),
    ],
    ids=["text", "bytes of UTF-8", "other bytes", "half of a pair"],
)
def test_surrogates_become_characters(text: str, cleaned: str) -> None:
    """Bytes that are UTF-8 become what they mean, whatever the locale; the others are replaced."""
    assert without_surrogates(text) == cleaned
