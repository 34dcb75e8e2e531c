"""Quiet hours, in which nothing rings."""

import datetime as dt

import pytest

from p2pchat.ui.text.quiet_hours import QuietHours


@pytest.mark.parametrize(
    ("hours", "quiet", "loud"),
    [
        ("22:00-07:00", ["22:00", "23:59", "00:00", "06:59"], ["07:00", "12:00", "21:59"]),
        ("9:00 - 17:30", ["09:00", "17:29"], ["17:30", "08:59", "23:00"]),
        ("12:00-12:00", [], ["12:00", "11:59"]),
    ],
)
def test_quiet_hours_may_pass_midnight(hours: str, quiet: list[str], loud: list[str]) -> None:
    """The start is quiet and the end is not, also across midnight."""
    span = QuietHours.parse(hours)
    assert all(span.contain(dt.time.fromisoformat(time)) for time in quiet)
    assert not any(span.contain(dt.time.fromisoformat(time)) for time in loud)


@pytest.mark.parametrize("text", ["", "22", "22:00", "22:00-", "25:00-07:00", "22:61-07:00", "x-y"])
def test_malformed_hours_are_refused(text: str) -> None:
    """Malformed hours raise an error for the settings."""
    with pytest.raises(ValueError, match=r"."):
        QuietHours.parse(text)
