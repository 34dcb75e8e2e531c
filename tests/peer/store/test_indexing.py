"""Lines of an older version are indexed a few at a time while the node runs."""

from contextlib import closing

from p2pchat.errors import StorageError
from p2pchat.net.loop import Loop
from p2pchat.peer.store.history import History
from p2pchat.peer.store.indexing import Indexing
from tests.fakes import advance


class _History(History):
    """A history with a number of batches to index; a negative number fails."""

    def __init__(self, lots: int) -> None:
        self.lots = lots

    def index_some(self) -> bool:
        if self.lots < 0:
            raise StorageError("the disk is full")
        self.lots -= 1
        return self.lots > 0


def test_batches_are_indexed_with_pauses(loop: Loop) -> None:
    """One batch is indexed after each pause; a failing disk is reported once."""
    history, failed = _History(3), list[StorageError]()
    with closing(Indexing(loop, history, failed.append)):
        advance(loop, 0.1)
        assert history.lots == 2
        advance(loop, 100)
        assert history.lots == 0
    with closing(Indexing(loop, _History(-1), failed.append)):
        advance(loop, 100)
    assert [error.what for error in failed] == ["the disk is full"]
    Indexing(loop, _History(3), failed.append).close()
    assert loop.idle
