"""A screen's orders that its node has not answered yet."""

from collections.abc import Callable
from typing import TypeVar

from p2pchat.callbacks import ignore
from p2pchat.client.client import Client
from p2pchat.errors import OnFailed, P2PError, StorageError, UsageError
from p2pchat.protocol.client.node_order import Order, Result
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.render import error_sentence

R = TypeVar("R", bound=Result)


class PendingOrders:
    """Gives orders to the client that `client()` returns; failures are shown in the view.

    `on_answer()` is called after each answer.
    """

    def __init__(
        self, view: View, client: Callable[[], Client], on_answer: Callable[[], None] = ignore
    ) -> None:
        self._view = view
        self._client = client
        self._on_answer = on_answer
        self._count = 0

    def __len__(self) -> int:
        """Return the number of unanswered orders."""
        return self._count

    def give(
        self,
        order: Order[R],
        then: Callable[[R], None] = ignore,
        failed: OnFailed | None = None,
    ) -> None:
        """Send an order; on success `then(result)` is called, which may raise UsageError.

        A failure is shown in the view, or passed to `failed`.
        """
        self._count += 1

        def answered(result: R) -> None:
            self._count -= 1
            try:
                then(result)
            except (UsageError, StorageError) as error:
                self._view.tell(error_sentence(error))
            self._on_answer()

        def has_failed(error: P2PError) -> None:
            self._count -= 1
            (failed or self.show)(error)
            self._on_answer()

        self._client().order(order, answered, has_failed)

    def show(self, error: P2PError) -> None:
        """Show a failure in the view."""
        self._view.tell(error_sentence(error))
