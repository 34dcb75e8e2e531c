"""How long, as people type it."""

import pytest

from p2pchat.errors import UsageError
from p2pchat.protocol.durations import FOR_EVER, is_duration, muted_for, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("8h", 28_800), ("1d", 86_400), ("2w", 1_209_600), (" 5 S ", 5), ("0m", 0)],
)
def test_a_number_and_a_unit(text: str, seconds: int) -> None:
    """In either case, with a blank between or none."""
    assert is_duration(text)
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "8", "h", "1.5h", "-1h", "1y", "1h30m", "9999999d", "bob"])
def test_anything_else_is_none(text: str) -> None:
    """And the error shows how it is written."""
    assert not is_duration(text)
    with pytest.raises(UsageError) as refused:
        seconds_of(text)
    assert "30m" in refused.value.advice


def test_how_long_somebody_is_muted() -> None:
    """Until it is taken back, for a while, or no longer."""
    assert muted_for("") == FOR_EVER
    assert muted_for("1h") == 3600
    assert muted_for("off") == 0
