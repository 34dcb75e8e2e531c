"""Patience lasts for some seconds from the first question and restarts after activity."""

from p2pchat.net.loop import Loop
from p2pchat.ui.screen.patience import Patience
from tests.fakes import advance


def test_patience_ends_and_restarts(loop: Loop) -> None:
    """Patience reports when it ends, and stop() restarts it."""
    patience, over = Patience(), []
    assert not patience.is_over(loop, lambda: over.append(1))
    advance(loop, 10)
    assert not patience.is_over(loop, lambda: over.append(2))
    patience.stop()
    assert not patience.is_over(loop, lambda: over.append(3))
    advance(loop, 10)
    assert not patience.is_over(loop, lambda: over.append(4))
    advance(loop, 10)
    assert patience.is_over(loop, lambda: over.append(5))
    assert over == [3]
