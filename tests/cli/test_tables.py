"""Tables for people: aligned, with headers on a terminal, records where they would not fit."""

from hypothesis import given
from hypothesis import strategies as st

from p2pchat.cli.tables import table_lines

HEADERS = ("NAME", "CREATED", "STATE")
ROWS = [("alice", "2026-11-01", ""), ("bartholomew", "2026-11-02", "")]


def test_columns_are_as_wide_as_they_need_to_be() -> None:
    """A column in which nothing stands is not there."""
    assert table_lines(HEADERS, ROWS, 80, with_headers=True) == [
        "NAME         CREATED",
        "alice        2026-11-01",
        "bartholomew  2026-11-02",
    ]
    assert table_lines(HEADERS, ROWS, 80, with_headers=False) == [
        "alice        2026-11-01",
        "bartholomew  2026-11-02",
    ]


def test_what_is_too_wide_becomes_records() -> None:
    """Each value with what it is."""
    assert table_lines(HEADERS, ROWS, 20, with_headers=True) == [
        "name: alice",
        "created: 2026-11-01",
        "",
        "name: bartholomew",
        "created: 2026-11-02",
    ]


@given(st.lists(st.tuples(*[st.text("ab c", max_size=60)] * 3), max_size=5), st.integers(20, 100))
def test_no_line_of_a_table_is_wider_than_the_terminal(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    """Only records may be, where one value alone is."""
    lines = table_lines(HEADERS, rows, width, with_headers=True)
    if lines and lines[0].startswith("NAME"):
        assert all(len(line) <= width for line in lines)
