"""Formats file transfers as a table. Does no I/O."""

from typing import Final

from p2pchat.protocol.client.transfers import OVER, Transfer, TransferState
from p2pchat.protocol.sizes import size_words
from p2pchat.ui.text.gauge import cut

HEADERS: Final = ("NR", "FILE", "SIZE", "WITH", "STATE")
NO_FILES: Final = "no files were offered: p2p send-file NAME FILE, or /send FILE in a chat"


_NAME_CELLS: Final = 24
_STATE_CELLS: Final = 28


def transfer_cells(one: Transfer, *, at_prompt: bool = False) -> tuple[str, ...]:
    """Return the cells of a row, which fits 80 columns in a shell if the name is short."""
    direction = "to" if one.outgoing else "from"
    name, state = one.name, state_words(one, at_prompt=at_prompt)
    if not at_prompt:
        name, state = cut(name, _NAME_CELLS), cut(state, _STATE_CELLS)
    return str(one.id), name, size_words(one.size), f"{direction} {one.user}", state


def state_words(one: Transfer, *, at_prompt: bool = False) -> str:
    """Return a description of a transfer's state."""
    if one.state is TransferState.DONE:
        here = f"in {one.path}" if at_prompt else "received"
        return "delivered" if one.outgoing else here
    if one.state in OVER:
        return f"{one.state}: {one.why}" if one.why else one.state.value
    if one.state is TransferState.OFFERED and not (one.is_moving or one.why):
        get = f"/get {one.id}" if at_prompt else f"files get {one.id}"
        return "offered" if one.outgoing else f"offered: {get}"
    return _how_far(one)


def _how_far(one: Transfer) -> str:
    percent = f"{100 * one.done // one.size if one.size else 0} %"
    if one.is_moving:
        return f"{percent}, {size_words(one.rate or 0)}/s"
    how = f"waits: {one.why}" if one.why else "waits"
    return f"{percent}, {how}" if one.done else how
