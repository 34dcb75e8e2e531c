"""The user's commands about conversations: /chat, /next, /accept, /reject, /leave."""

from collections.abc import Callable, Mapping

from p2pchat.client.client import Client
from p2pchat.errors import OnFailed, P2PError, UsageError
from p2pchat.protocol.client.orders import Accept, Leave, Open, Reject, Switch
from p2pchat.ui.screen.foreground import Foreground
from p2pchat.ui.screen.pending_orders import PendingOrders
from p2pchat.ui.text.commands import Order


class CallOrders:
    """Gives orders through `orders`; `foreground()` is the foreground of the node of `client()`.

    `on_left()` is called when a conversation was left. Raise UsageError.
    """

    def __init__(
        self,
        orders: PendingOrders,
        client: Callable[[], Client],
        foreground: Callable[[], Foreground],
        on_left: Callable[[], None],
    ) -> None:
        self._orders = orders
        self._client = client
        self._foreground = foreground
        self._on_left = on_left

    @property
    def handlers(self) -> Mapping[str, Callable[[Order], None]]:
        """The handler for each command word."""
        return {
            "accept": self._accept,
            "chat": lambda order: self.go_to(order.argument, in_clear=bool(order.extra)),
            "leave": lambda _: self._leave(),
            "next": lambda _: self.go_to(self._foreground().next_unread()),
            "reject": lambda order: self._orders.give(Reject(self._caller(order))),
        }

    def go_to(
        self, contact: str, *, in_clear: bool = False, failed: OnFailed | None = None
    ) -> None:
        """Open a chat with the contact in front; `failed` is called if that fails."""
        self._bring(contact, Open(contact, in_clear), failed)

    def _bring(self, contact: str, order: Open | Accept, failed: OnFailed | None = None) -> None:
        foreground = self._foreground()

        def has_failed(error: P2PError) -> None:
            foreground.stop_waiting(contact)
            (failed or self._orders.show)(error)

        foreground.want(contact)
        self._orders.give(order, failed=has_failed)

    def _caller(self, order: Order) -> str:
        """Return the named caller; by default the first who waits for an answer."""
        waiting = self._client().state.requests
        if not order.argument and not waiting:
            raise UsageError("there is no call to answer")
        return order.argument or waiting[0]

    def _accept(self, order: Order) -> None:
        caller = self._caller(order)
        self._bring(caller, Accept(caller))

    def _leave(self) -> None:
        foreground = self._foreground()
        contact = foreground.awaited or foreground.front or self._client().state.calling
        if contact is None:
            raise UsageError("you are in no chat")

        def left(was_there: Switch) -> None:
            foreground.stop_waiting(contact)
            if not was_there.on:
                raise UsageError("you are in no chat")
            self._on_left()

        self._orders.give(Leave(contact), left)
