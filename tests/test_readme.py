"""The README quotes the program as it is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def _said() -> str:
    """Give every text of the source, with what is filled in as `...`."""
    sources = "".join(file.read_text() for file in sorted((ROOT / "p2pchat").rglob("*.py")))
    return re.sub(r"\{[^{}]*\}", "...", sources)


def _quoted() -> list[str]:
    table = README.partition("## When something is wrong")[2].partition("\n## ")[0]
    return [
        saying
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for saying in re.findall(r"`(.*?)`", row)
    ]


@pytest.mark.parametrize("saying", _quoted())
def test_what_is_said_when_something_is_wrong_is_what_the_program_says(saying: str) -> None:
    """What stands between the names and addresses of the moment."""
    said = _said()
    for part in re.split(r"\.\.\.|\bbob\b|: address already in use", saying):
        assert part.strip() in said


def test_the_table_is_there() -> None:
    """Or nothing would be looked at above."""
    assert len(_quoted()) > 10
