"""Points in time as users type them and as the program prints them."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.protocol.client.objects import timestamp
from p2pchat.ui.text.moments import coming_moment_of, moment_of

ZONE = dt.timezone(dt.timedelta(hours=2))
NOW = dt.datetime(2026, 11, 27, 14, 0, tzinfo=ZONE)  # a Friday


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that sets the machine's time zone, in the form of POSIX TZ."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2h", "2026-11-27T12:00+02:00"),
        ("3 d", "2026-11-24T14:00+02:00"),
        ("90m", "2026-11-27T12:30+02:00"),
        ("now", "2026-11-27T14:00+02:00"),
        ("today", "2026-11-27T00:00+02:00"),
        ("Yesterday", "2026-11-26T00:00+02:00"),
        ("friday", "2026-11-27T00:00+02:00"),
        ("Mon", "2026-11-23T00:00+02:00"),
        ("yesterday 14:30", "2026-11-26T14:30+02:00"),
        ("mon 8:15", "2026-11-23T08:15+02:00"),
        ("saturday", "2026-11-21T00:00+02:00"),
        ("13:30", "2026-11-27T13:30+02:00"),
        ("14:30", "2026-11-26T14:30+02:00"),
        ("2026-11-20", "2026-11-20T00:00+02:00"),
        ("2026-11-20 10:15", "2026-11-20T10:15+02:00"),
        ("2026-11-20T10:15:30", "2026-11-20T10:15:30+02:00"),
        ("2026-11-20T10:15:30.250Z", "2026-11-20T10:15:30.250+00:00"),
        ("2026-11-20T10:15-05:00", "2026-11-20T10:15-05:00"),
    ],
)
def test_past_moment(typed: str, meant: str, zone: Callable[[str], None]) -> None:
    """A typed moment is the last such moment."""
    zone("EET-2")
    assert moment_of(typed, NOW) == dt.datetime.fromisoformat(meant)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-10-24", "2026-10-24T00:00+02:00"),
        ("2026-10-24T12:00", "2026-10-24T12:00+02:00"),
        ("yesterday", "2026-10-25T00:00+02:00"),
        ("saturday", "2026-10-24T00:00+02:00"),
        ("09:00", "2026-10-25T09:00+01:00"),
        ("today", "2026-10-26T00:00+01:00"),
        ("2d", "2026-10-24T08:00+01:00"),
    ],
)
def test_past_moment_across_a_clock_change(
    typed: str, meant: str, zone: Callable[[str], None]
) -> None:
    """A date uses the offset valid then; only a duration counts hours."""
    zone("CET-1CEST,M3.5.0,M10.5.0/3")  # summer time ended on Sunday, 2026-10-25
    now = dt.datetime.fromisoformat("2026-10-26T08:00+01:00")
    assert moment_of(typed, now) == dt.datetime.fromisoformat(meant)


@given(st.integers(0, 4_000_000_000_000))
def test_printed_timestamp_is_parsed(at: int) -> None:
    """A printed timestamp is parsed to the millisecond."""
    assert int(moment_of(timestamp(at), NOW).timestamp() * 1000) in {at, at - 1}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2h", "2026-11-27T16:00+02:00"),
        ("14:30", "2026-11-27T14:30+02:00"),
        ("13:30", "2026-11-28T13:30+02:00"),
        ("14:00", "2026-11-28T14:00+02:00"),
        ("9:00", "2026-11-28T09:00+02:00"),
        ("tomorrow", "2026-11-28T00:00+02:00"),
        ("tomorrow 9:00", "2026-11-28T09:00+02:00"),
        ("today 15:00", "2026-11-27T15:00+02:00"),
        ("Monday  9:30", "2026-11-30T09:30+02:00"),
        ("Mon", "2026-11-30T00:00+02:00"),
        ("friday", "2026-12-04T00:00+02:00"),
        ("2026-12-01", "2026-12-01T00:00+02:00"),
        ("2026-11-27T12:00:01Z", "2026-11-27T12:00:01+00:00"),
    ],
)
def test_coming_moment(typed: str, meant: str, zone: Callable[[str], None]) -> None:
    """A typed moment for a schedule is the next such moment."""
    zone("EET-2")
    assert coming_moment_of(typed, NOW) == dt.datetime.fromisoformat(meant)


@pytest.mark.parametrize(
    "typed", ["now", "today", "yesterday", "today 9:00", "2026-11-27", "soon", "", "25:00"]
)
def test_past_or_malformed_coming_moment_is_refused(
    typed: str, zone: Callable[[str], None]
) -> None:
    """A moment in the past or a malformed one is refused."""
    zone("EET-2")
    with pytest.raises(ValueError, match=r"."):
        coming_moment_of(typed, NOW)


@given(st.text(max_size=20))
def test_any_text_is_a_coming_moment_or_refused(text: str) -> None:
    """Any text is a coming moment or raises one of the errors that an option handles."""
    with suppress(ValueError, OverflowError):
        assert coming_moment_of(text, NOW) >= NOW
