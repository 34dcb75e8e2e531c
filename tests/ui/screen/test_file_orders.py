"""Paths as they are typed after /send."""

from pathlib import Path

import pytest

from p2pchat.errors import UsageError
from p2pchat.ui.screen.file_orders import paths_in


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several, with quotes or backslashes; one with spaces needs neither."""
    monkeypatch.chdir(tmp_path)
    for name in ("my report.pdf", "b"):
        Path(name).touch()
    assert paths_in("my report.pdf") == [Path("my report.pdf")]
    assert paths_in(r"my\ report.pdf b") == [Path("my report.pdf"), Path("b")]
    assert paths_in("'my report.pdf' b") == [Path("my report.pdf"), Path("b")]
    assert paths_in("~") == [Path.home()]


@pytest.mark.parametrize("typed", ["'open", "~nosuchuser/x", "x" * 300, "nothing.txt", "a\0b"])
def test_no_paths(typed: str) -> None:
    """Each is an error in words."""
    with pytest.raises(UsageError, match=r"is not a path|there is no file"):
        paths_in(typed)
