"""The README quotes the program as it is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _said() -> str:
    """Give every text of the source, with what is filled in as `...`."""
    sources = "".join(file.read_text() for file in sorted((ROOT / "p2pchat").rglob("*.py")))
    return re.sub(r"\{[^{}]*\}", "...", sources)


def _quoted() -> list[str]:
    """Give each saying of the table, which is in quotes."""
    text = (ROOT / "p2pchat" / "cli" / "docs" / "texts" / "troubleshooting.txt").read_text()
    rows = re.findall(r"^(?! ).*(?:\n(?! ).+)*", text.partition("what to do:\n\n")[2], re.MULTILINE)
    return [saying for row in rows for saying in re.findall(r'"(.*?)"', " ".join(row.split()))]


@pytest.mark.parametrize("saying", _quoted())
def test_what_is_said_when_something_is_wrong_is_what_the_program_says(saying: str) -> None:
    """What stands between the names and addresses of the moment."""
    said = _said()
    for part in re.split(r"\.\.\.|\bbob\b|: address already in use", saying):
        assert part.strip() in said


def test_the_table_is_there() -> None:
    """Or nothing would be looked at above."""
    assert len(_quoted()) > 10
