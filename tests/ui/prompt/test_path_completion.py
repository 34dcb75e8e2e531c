"""Tab on the paths after /send."""

from pathlib import Path

import pytest

from p2pchat.ui.prompt.path_completion import path_completions


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files and folders."""
    (tmp_path / "my report.pdf").touch()
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    (tmp_path / ".hidden").touch()
    (tmp_path / "bad\x1b[2J").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(before: str) -> list[tuple[str, int]]:
    return [(one.text, one.length) for one in path_completions(before)]


def test_names(here: Path) -> None:
    """Spaces get a backslash, folders a slash; hidden names come when they are asked for."""
    assert found("") == [(r"my\ report.pdf", 0), ("photos/", 0)]
    assert found("ph") == [("photos/", 2)]
    assert found("photos/") == [("photos/sub/", 7)]
    assert found("a.txt my\\ r") == [(r"my\ report.pdf", 5)]
    assert found(".h") == [(".hidden", 2)]
    assert found(f"{here}/ph") == [(f"{here}/photos/", len(f"{here}/ph"))]


def test_bytes_that_the_locale_cannot_decode(here: Path) -> None:
    """They are UTF-8 in a typed path, too; the length is that of what was typed."""
    (here / "caf\u00e9").mkdir()
    (here / "caf\u00e9" / "bill.pdf").touch()
    assert found("caf\udcc3\udca9/b") == [("caf\udcc3\udca9/bill.pdf", 7)]
    assert found("caf\udcc3\udca9") == [("caf\u00e9/", 5)]


def test_nothing_to_complete(here: Path) -> None:
    """A folder that cannot be read completes nothing."""
    assert here.exists()
    assert found("nowhere/x") == []
    assert found("bad") == []
