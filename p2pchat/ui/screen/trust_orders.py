"""The user's commands about contacts: listing, verifying, trusting, blocking, muting.

/contacts, /verify, /trust, /block, /unblock, /mute, /dnd, /away.
"""

from collections.abc import Callable, Mapping

from p2pchat.errors import UsageError
from p2pchat.protocol.client import orders as o
from p2pchat.protocol.counting import counted
from p2pchat.protocol.durations import muted_for, seconds_of
from p2pchat.ui.screen.contact_list import NO_CONTACTS, contact_lines
from p2pchat.ui.screen.pending_orders import PendingOrders
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.commands import Order


class TrustOrders:
    """Gives orders through `orders`, reports to the view; `front()` is the default contact.

    `is_disturbed()` returns whether calls are accepted. Raise UsageError.
    """

    def __init__(
        self,
        view: View,
        orders: PendingOrders,
        front: Callable[[], str | None],
        is_disturbed: Callable[[], bool],
    ) -> None:
        self._view = view
        self._orders = orders
        self._front = front
        self._is_disturbed = is_disturbed
        self._dnd_ends = False  # at a set time, which is then reported

    @property
    def handlers(self) -> Mapping[str, Callable[[Order], None]]:
        """The handler for each command word."""
        return {
            "verify": self._verify,
            "trust": self._trust,
            "contacts": lambda _: self._contacts(),
            "block": lambda order: self._block(order.argument, blocked=True),
            "dnd": lambda order: self._toggle_dnd(order.argument),
            "mute": lambda order: self._mute(order.argument or self._front(), order.extra),
            "away": lambda _: self._orders.give(o.SetAway(), self._tell_away),
            "unblock": lambda order: self._block(order.argument, blocked=False),
        }

    def on_changed(self) -> None:
        """Record that the state has changed: do-not-disturb may have ended, which is shown."""
        if self._dnd_ends and self._is_disturbed():
            self._dnd_ends = False
            self._view.tell("callers are let through")

    def _verify(self, order: Order) -> None:
        name = order.argument
        if order.extra:
            told = f"{name} is verified"
            self._orders.give(o.Verify(name), lambda _: self._view.tell(told))
        else:
            also = f"if {name} sees the same: /verify {name} yes"
            self._show_number(o.ShowSafetyNumber(name), also)

    def _trust(self, order: Order) -> None:
        name = order.argument

        def taken(failed: o.Count) -> None:
            self._view.tell(f"the new key of {name} is accepted: /verify {name}")
            if failed.count:
                self._view.tell(
                    f"{counted(failed.count)} for the old key not delivered; to the new one:"
                    f" p2p outbox retry {name}"
                )

        if order.extra:
            self._orders.give(o.Trust(name), taken)
        else:
            also = f"if {name} sees the same for you: /trust {name} yes"
            self._show_number(o.ShowSafetyNumber(name, other=True), also)

    def _show_number(self, order: o.ShowSafetyNumber, also: str) -> None:
        def shown(result: o.SafetyNumber) -> None:
            self._view.tell(result.number)
            self._view.tell(also)

        self._orders.give(order, shown)

    def _tell_away(self, away: o.Switch) -> None:
        told = "until you say something" if away.on else "no longer"
        self._view.tell(f"contacts are told that you are not at the keyboard, {told}")

    def _toggle_dnd(self, time: str) -> None:
        seconds = seconds_of(time) if time and time != "off" else None
        on = time != "off" if time else None
        self._dnd_ends = False

        def told(quiet: o.Switch) -> None:
            self._dnd_ends = quiet.on and seconds is not None
            busy = f"callers hear that you are busy{f', for {time}' if time else ''}"
            self._view.tell(busy if quiet.on else "callers are let through")

        self._orders.give(o.SetDoNotDisturb(on, seconds), told)

    def _mute(self, name: str | None, time: str) -> None:
        if name is None:
            raise UsageError("no contact was named", advice="/mute NAME 8h")
        seconds = muted_for(time)
        if seconds:
            told = f"makes no sound{f' for {time}' if time else ''}; /mute {name} off"
        else:
            told = "is no longer muted"
        self._orders.give(o.Mute(name, seconds), lambda _: self._view.tell(f"{name} {told}"))

    def _block(self, name: str, *, blocked: bool) -> None:
        told = f"{name} is {'blocked' if blocked else 'no longer blocked'}"
        self._orders.give(o.Block(name, blocked), lambda _: self._view.tell(told))

    def _contacts(self) -> None:
        """Show the list of contacts."""

        def listed(found: o.ContactList) -> None:
            for line in contact_lines(found.contacts) or [NO_CONTACTS]:
                self._view.tell(line)

        self._orders.give(o.ListContacts(), listed)
