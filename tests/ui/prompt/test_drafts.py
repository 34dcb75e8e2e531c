"""What was begun to be written is there again, for its owner alone."""

import stat
from pathlib import Path

from p2pchat.ui.prompt.drafts import Drafts


def test_drafts_outlive_the_process_and_leave_others_alone(tmp_path: Path) -> None:
    """Two screens write the same file; each keeps what the other wrote."""
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


def test_a_file_that_is_no_use_costs_nobody_the_prompt(tmp_path: Path) -> None:
    """Malformed, of something else, in a folder that is gone; or none at all."""
    file = tmp_path / "drafts.json"
    for content in ("{", "[1]", '{"bob": 5}'):
        file.write_text(content)
        assert Drafts(file).of("bob") == ""
    nowhere = Drafts(tmp_path / "nowhere" / "drafts.json")
    nowhere.keep("bob", "x")
    memory = Drafts(None)
    memory.keep("bob", "x")
    assert memory.of("bob") == "x"


def test_bytes_that_are_no_utf8_are_replaced(tmp_path: Path) -> None:
    """A terminal gives them as lone surrogates, which JSON cannot hold: the prompt ended."""
    drafts = Drafts(tmp_path / "drafts.json")
    drafts.keep("bob", "caf\udce9")
    assert drafts.of("bob") == Drafts(tmp_path / "drafts.json").of("bob") == "caf?"
