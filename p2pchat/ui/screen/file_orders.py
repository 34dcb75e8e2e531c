"""The user's commands about files: /send, /files, /get, /decline and /cancel."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from p2pchat.errors import UsageError
from p2pchat.paths import path_of, text_of
from p2pchat.protocol.client.file_orders import (
    CancelFile,
    DeclineFile,
    GetFile,
    ListFiles,
    SendFile,
    Transfers,
)
from p2pchat.protocol.client.transfers import OVER, TransferState
from p2pchat.ui.screen.file_list import NO_FILES, transfer_cells
from p2pchat.ui.screen.pending_orders import PendingOrders
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.commands import Order
from p2pchat.ui.text.sending_files import LEFT_OUT, RENAMED, why_ask

_LAST = 20
_DIGITS = 9


class FileOrders:
    """Sends orders through `orders`, and reports to the view; `front()` is the current contact.

    Raise UsageError.
    """

    def __init__(self, view: View, orders: PendingOrders, front: Callable[[], str | None]) -> None:
        self._view = view
        self._orders = orders
        self._front = front
        self._asked_about = ""

    @property
    def handlers(self) -> Mapping[str, Callable[[Order], None]]:
        """The handler for each command word."""
        return {
            "send": lambda order: self._send(order.argument),
            "files": lambda _: self._orders.give(ListFiles(), self._tell),
            "get": lambda order: self._orders.give(self._get(order)),
            "decline": lambda order: self._orders.give(
                self._decline(order), lambda _: self._view.tell("declined")
            ),
            "cancel": self._cancel,
        }

    def tell_offers(self, found: Transfers) -> None:
        """Show which offers await the user's answer."""
        for one in found.transfers:
            if one.state is TransferState.OFFERED and not one.outgoing:
                self._view.tell(f"{one.name} from {one.user} is offered: /get {one.id}")

    def _send(self, typed: str) -> None:
        contact = self._front()
        if contact is None:
            raise UsageError("you are in no chat", advice="/chat NAME starts one")
        paths = paths_in(typed)
        reasons = [reason for path in paths if (reason := why_ask(path))]
        if reasons and self._asked_about != typed:
            self._asked_about = typed
            self._view.tell(f"{reasons[0]}: type the same again to send it")
            return
        self._asked_about = ""
        for path in paths:
            self._orders.give(SendFile(contact, text_of(path.absolute())), self._offered)

    def _offered(self, found: Transfers) -> None:
        name = found.transfers[0].name
        if found.skipped:
            self._view.tell(f"{name}: {LEFT_OUT.format(found.skipped)}")
        if found.renamed:
            self._view.tell(f"{name}: {RENAMED.format(found.renamed)}")

    def _get(self, order: Order) -> GetFile:
        number = _number(order)
        return GetFile(number, "" if number else self._front() or "")

    def _decline(self, order: Order) -> DeclineFile:
        number = _number(order)
        return DeclineFile(number, "" if number else self._front() or "")

    def _cancel(self, order: Order) -> None:
        number = _number(order)
        self._orders.give(ListFiles(), lambda found: self._cancel_one(found, number))

    def _cancel_one(self, found: Transfers, number: int) -> None:
        """Cancel a transfer; by default an active one, otherwise the last one in this chat."""
        if number:
            chosen = [one for one in found.transfers if one.id == number]
        else:
            going_on = [one for one in found.transfers if one.state not in OVER]
            in_front = [one for one in going_on if one.user == self._front()]
            moving = [one for one in in_front or going_on if one.is_moving]
            chosen = moving or in_front or going_on
        if not chosen:
            raise UsageError("no transfer is active" if not number else "there is no such transfer")
        one = chosen[-1]
        said = f"{one.name} is cancelled (number {one.id})"
        self._orders.give(CancelFile(one.id), lambda _: self._view.tell(said))

    def _tell(self, found: Transfers) -> None:
        if len(found.transfers) > _LAST:
            self._view.tell(f"{len(found.transfers) - _LAST} before these: p2p files, in a shell")
        for one in found.transfers[-_LAST:]:
            number, name, size, contact, state = transfer_cells(one, at_prompt=True)
            self._view.tell(f"{number}: {name} ({size}) {contact}: {state}")
        if not found.transfers:
            self._view.tell(NO_FILES)


def paths_in(typed: str) -> list[Path]:
    """Parse typed paths; spaces need quotes or backslashes.

    A text that is itself an existing path needs none. Raise UsageError if a path does not exist.
    """
    try:
        whole = path_of(typed).expanduser()
        if whole.exists():
            return [whole]
        paths = [path_of(word).expanduser() for word in shlex.split(typed)]
        missing = [path for path in paths if not path.exists()]
    except (ValueError, RuntimeError, OSError) as error:  # an open quote, no such user, too long
        raise UsageError(f"{typed!r} is not a path: {str(error).lower()}") from None
    if missing:
        raise UsageError(f"there is no file {missing[0].absolute()}", advice="Tab completes paths")
    return paths


def _number(order: Order) -> int:
    """Return the typed number of a transfer; 0 if none was typed."""
    if not order.argument:
        return 0
    if not order.argument.isdecimal() or len(order.argument) > _DIGITS or not int(order.argument):
        raise UsageError(f"{order.argument!r} is not a number of /files")
    return int(order.argument)
