"""The troubleshooting topic quotes messages of the program."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _said() -> str:
    """Return the source code, with replacement fields as `...`."""
    sources = "".join(file.read_text() for file in sorted((ROOT / "p2pchat").rglob("*.py")))
    return re.sub(r"\{[^{}]*\}", "...", sources)


def _quoted() -> list[str]:
    """Return each quoted message of the table."""
    text = (ROOT / "p2pchat" / "cli" / "docs" / "texts" / "troubleshooting.txt").read_text()
    rows = re.findall(r"^(?! ).*(?:\n(?! ).+)*", text.partition("what to do:\n\n")[2], re.MULTILINE)
    return [saying for row in rows for saying in re.findall(r'"(.*?)"', " ".join(row.split()))]


@pytest.mark.parametrize("saying", _quoted())
def test_quoted_message_is_in_the_source(saying: str) -> None:
    """The fixed parts of a quoted message are in the source."""
    said = _said()
    for part in re.split(r"\.\.\.|\bbob\b|: address already in use", saying):
        assert part.strip() in said


def test_table_is_found() -> None:
    """The table has messages, so that the test above checks something."""
    assert len(_quoted()) > 10
