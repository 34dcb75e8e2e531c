"""Drafts of unsent lines, kept for their owner alone."""

import stat
from pathlib import Path

from p2pchat.ui.prompt.drafts import Drafts


def test_drafts_survive_and_are_shared(tmp_path: Path) -> None:
    """Two screens share the file, and each keeps the drafts of the other."""
    file = tmp_path / "drafts.json"
    one, two = Drafts(file), Drafts(file)
    one.keep("bob", "dear bob,\nI was just")
    two.keep("carol", "ciao")
    again = Drafts(file)
    assert (again.of("bob"), again.of("carol")) == ("dear bob,\nI was just", "ciao")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again.keep("bob", "")
    assert Drafts(file).of("bob") == ""
    assert [p.name for p in tmp_path.iterdir()] == ["drafts.json"]


def test_unusable_file_does_not_break_the_prompt(tmp_path: Path) -> None:
    """A malformed or unwritable file is ignored; without a file drafts are kept in memory."""
    file = tmp_path / "drafts.json"
    for content in ("{", "[1]", '{"bob": 5}'):
        file.write_text(content)
        assert Drafts(file).of("bob") == ""
    nowhere = Drafts(tmp_path / "nowhere" / "drafts.json")
    nowhere.keep("bob", "x")
    memory = Drafts(None)
    memory.keep("bob", "x")
    assert memory.of("bob") == "x"


def test_invalid_utf8_is_replaced(tmp_path: Path) -> None:
    """Lone surrogates from the terminal, which JSON cannot hold, are replaced."""
    drafts = Drafts(tmp_path / "drafts.json")
    drafts.keep("bob", "caf\udce9")
    assert drafts.of("bob") == Drafts(tmp_path / "drafts.json").of("bob") == "caf\ufffd"
