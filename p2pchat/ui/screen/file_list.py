"""Transfers of files in a table. Pure."""

from typing import Final

from p2pchat.protocol.client.transfers import OVER, Transfer, TransferState
from p2pchat.protocol.sizes import size_words

HEADERS: Final = ("NR", "FILE", "SIZE", "WITH", "STATE")
NO_FILES: Final = "no files were offered: p2p send-file NAME FILE, or /send FILE in a chat"


def transfer_cells(one: Transfer) -> tuple[str, ...]:
    """Return the cells of a row."""
    direction = "to" if one.outgoing else "from"
    return str(one.id), one.name, size_words(one.size), f"{direction} {one.user}", state_words(one)


def state_words(one: Transfer) -> str:
    """Return the state of a transfer in words."""
    percent = f"{100 * one.done // one.size if one.size else 0} %"
    if one.state is TransferState.DONE:
        return "delivered" if one.outgoing else f"in {one.path}"
    if one.state in OVER:
        return f"{one.state}: {one.why}" if one.why else one.state.value
    if one.is_moving:
        return f"{percent}, {size_words(one.rate or 0)}/s"
    if one.why:
        return f"{percent}, waits: {one.why}" if one.done else f"waits: {one.why}"
    if one.state is TransferState.OFFERED:
        return "offered" if one.outgoing else f"offered: p2p files get {one.id}"
    return f"{percent}, waits"
