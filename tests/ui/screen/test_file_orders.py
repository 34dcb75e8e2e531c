"""Paths as they are typed after /send."""

from pathlib import Path

import pytest

from p2pchat.errors import UsageError
from p2pchat.ui.screen.file_orders import paths_in


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several, with quotes or backslashes; one with spaces needs neither."""
    monkeypatch.chdir(tmp_path)
    Path("my report.pdf").touch()
    assert paths_in("my report.pdf") == [Path("my report.pdf")]
    assert paths_in(r"my\ report.pdf b") == [Path("my report.pdf"), Path("b")]
    assert paths_in("'my report.pdf' b") == [Path("my report.pdf"), Path("b")]
    assert paths_in("~/x") == [Path.home() / "x"]
    with pytest.raises(UsageError, match="quotation"):
        paths_in("'open")
