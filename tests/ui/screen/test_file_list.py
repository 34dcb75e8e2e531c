"""Transfers in a table."""

import pytest

from p2pchat.protocol.client.transfers import Transfer, TransferState
from p2pchat.ui.screen.file_list import state_words, transfer_cells


def one(state: TransferState, *, outgoing: bool = False, **more: object) -> Transfer:
    fields = {"done": 0, "rate": None, "why": "", "path": "", **more}
    return Transfer(3, "bob", outgoing, "m1", "a.pdf", 2_400_000, 1, state, 1, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("transfer", "words"),
    [
        (one(TransferState.OFFERED), "offered: files get 3"),
        (one(TransferState.OFFERED, outgoing=True), "offered"),
        (one(TransferState.WANTED, done=1_200_000, rate=1e6), "50 %, 1.0 MB/s"),
        (one(TransferState.WANTED, done=1_200_000, why="no room"), "50 %, waits: no room"),
        (one(TransferState.WANTED, why="no room"), "waits: no room"),
        (one(TransferState.DONE, path="/x/a.pdf"), "received"),
        (one(TransferState.DONE, outgoing=True), "delivered"),
        (one(TransferState.FAILED, why="it has changed"), "failed: it has changed"),
        (one(TransferState.DECLINED), "declined"),
    ],
)
def test_states(transfer: Transfer, words: str) -> None:
    """Each says what the user can do, or must know."""
    assert state_words(transfer) == words
    assert transfer_cells(transfer)[:3] == ("3", "a.pdf", "2.4 MB")


def test_at_the_prompt() -> None:
    """There is room for a path, and the commands are those of the prompt."""
    received = one(TransferState.DONE, path="/x/a.pdf")
    assert state_words(received, at_prompt=True) == "in /x/a.pdf"
    assert state_words(one(TransferState.OFFERED), at_prompt=True) == "offered: /get 3"
