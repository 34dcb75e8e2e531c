"""Tables for users: aligned, with headers on a terminal, as records where they do not fit."""

from hypothesis import given
from hypothesis import strategies as st

from p2pchat.cli.tables import table_lines

HEADERS = ("NAME", "CREATED", "STATE")
ROWS = [("alice", "2026-11-01", ""), ("bartholomew", "2026-11-02", "")]


def test_columns_are_as_wide_as_needed() -> None:
    """Empty columns are left out."""
    assert table_lines(HEADERS, ROWS, 80, with_headers=True) == [
        "NAME         CREATED",
        "alice        2026-11-01",
        "bartholomew  2026-11-02",
    ]
    assert table_lines(HEADERS, ROWS, 80, with_headers=False) == [
        "alice        2026-11-01",
        "bartholomew  2026-11-02",
    ]


def test_wide_table_becomes_records() -> None:
    """A table that does not fit becomes records with labels."""
    assert table_lines(HEADERS, ROWS, 20, with_headers=True) == [
        "name: alice",
        "created: 2026-11-01",
        "",
        "name: bartholomew",
        "created: 2026-11-02",
    ]


@given(st.lists(st.tuples(*[st.text("ab c", max_size=60)] * 3), max_size=5), st.integers(20, 100))
def test_table_fits_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    """No line of a table is wider than the terminal."""
    lines = table_lines(HEADERS, rows, width, with_headers=True)
    if lines and lines[0].startswith("NAME"):
        assert all(len(line) <= width for line in lines)
