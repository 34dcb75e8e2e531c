"""The gauge says how far a file is, in as many cells as there are."""

import pytest
from prompt_toolkit.utils import get_cwidth

from p2pchat.protocol.client.transfers import Transfer, TransferState
from p2pchat.ui.text.gauge import cut, gauge


def moving(name: str = "report.pdf", done: int = 41, rate: float | None = 10.0) -> Transfer:
    return Transfer(3, "bob", True, "m1", name, 100, 1, TransferState.OFFERED, 1, done, rate)


def test_all_of_it() -> None:
    """Name, contact, percent, speed, time left."""
    assert gauge(moving(), 80) == "report.pdf to bob   41 %  10 bytes/s  0:05 left"


@pytest.mark.parametrize("width", range(12, 60))
@pytest.mark.parametrize("name", ["report.pdf", "日本語のとても長い名前のファイル.pdf", "x" * 200])
def test_every_width(width: int, name: str) -> None:
    """It never needs a second line, and always says the percent where there is room."""
    line = gauge(moving(name), width)
    assert get_cwidth(line) <= width
    assert "41 %" in line or width < 16


def test_what_it_waits_for() -> None:
    """Instead of a speed; an empty file is complete."""
    waiting = Transfer(
        3, "bob", False, "m1", "a", 0, 1, TransferState.WANTED, 1, 0, None, "bob is not connected"
    )
    assert gauge(waiting, 80) == "a from bob  100 %  bob is not connected"


def test_long_times() -> None:
    """Hours, and no number without end."""
    assert gauge(moving(done=0, rate=0.02), 80).endswith("1:23:20 left")
    assert "100:00:00" in gauge(moving(done=0, rate=1e-9), 80)


def test_cut() -> None:
    """The beginning and the end are the telling parts."""
    assert cut("abcdefghij", 5) == "ab…ij"
    assert cut("abc", 5) == "abc"
