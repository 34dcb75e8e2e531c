"""What the person orders about people: who is there, who may reach them, by which key.

/contacts, /verify, /trust, /block, /unblock, /dnd, /away.
"""

from collections.abc import Callable, Mapping

from p2pchat.errors import UsageError
from p2pchat.peer.node import Node
from p2pchat.protocol.counting import counted
from p2pchat.protocol.durations import muted_for, seconds_of
from p2pchat.protocol.names import check_username
from p2pchat.ui.screen.contact_list import NO_CONTACTS, contact_lines, rows_of
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.commands import Order


class TrustOrders:
    """Done at the node that `node()` gives, told to the view; `front()` is the default contact.

    Raise UsageError, StorageError.
    """

    def __init__(
        self, view: View, node: Callable[[], Node], front: Callable[[], str | None]
    ) -> None:
        self._view = view
        self._node = node
        self._front = front

    @property
    def handlers(self) -> Mapping[str, Callable[[Order], None]]:
        """What to do for each word."""
        return {
            "verify": self._verify,
            "trust": self._trust,
            "contacts": lambda _: self._contacts(),
            "block": lambda order: self._block(order.argument, blocked=True),
            "dnd": lambda order: self._toggle_dnd(order.argument),
            "mute": lambda order: self._mute(order.argument or self._front(), order.extra),
            "away": lambda _: self._toggle_away(),
            "unblock": lambda order: self._block(order.argument, blocked=False),
        }

    def _verify(self, order: Order) -> None:
        name = order.argument
        if order.extra:
            self._node().mark_verified(name)
            self._view.tell(f"{name} is verified")
        else:
            self._view.tell(self._node().contacts.safety_number(name))
            self._view.tell(f"if {name} sees the same: /verify {name} yes")

    def _trust(self, order: Order) -> None:
        name = order.argument
        if order.extra:
            failed = self._node().trust(name)
            self._view.tell(f"the new key of {name} is taken: /verify {name}")
            if failed:
                self._view.tell(
                    f"{counted(failed)} for the old key not delivered; to the new one:"
                    f" p2p outbox retry {name}"
                )
        else:
            self._view.tell(self._node().contacts.other_number(name))
            self._view.tell(f"if {name} sees the same for you: /trust {name} yes")

    def _toggle_away(self) -> None:
        away_status = self._node().conversations.away_status
        away_status.be(idle=not away_status.ours)
        told = "until you say something" if away_status.ours else "no longer"
        self._view.tell(f"contacts are told that you are not at the keyboard, {told}")

    def _toggle_dnd(self, time: str) -> None:
        quiet = self._node().conversations.do_not_disturb
        is_off = time == "off"
        seconds = seconds_of(time) if time and not is_off else None
        ended = "callers are let through"
        quiet.turn(
            on=not is_off and (bool(time) or not quiet.is_on),
            seconds=seconds,
            at_end=lambda: self._view.tell(ended),
        )
        busy = f"callers hear that you are busy{f', for {time}' if time else ''}"
        self._view.tell(busy if quiet.is_on else ended)

    def _mute(self, name: str | None, time: str) -> None:
        if name is None:
            raise UsageError("who is to be muted?", advice="/mute NAME 8h")
        seconds = muted_for(time)
        self._node().contacts.mute(name, seconds)
        if seconds:
            told = f"makes no sound{f' for {time}' if time else ''}; /mute {name} off"
        else:
            told = "is heard again"
        self._view.tell(f"{name} {told}")

    def _block(self, name: str, *, blocked: bool) -> None:
        if name == self._node().username:
            raise UsageError("that is yourself")
        check_username(name)
        self._node().contacts.block(name, blocked=blocked)
        if blocked:
            self._node().conversations.drop(name)
        self._view.tell(f"{name} is {'blocked' if blocked else 'not blocked any more'}")

    def _contacts(self) -> None:
        """Show the list of contacts."""
        for line in contact_lines(rows_of(self._node())) or [NO_CONTACTS]:
            self._view.tell(line)
