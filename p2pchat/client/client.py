"""A client of a node: it sends orders, and receives answers, events and changes of state.

The node may run in this process or in another one; only the transport of messages differs
(`local_client`, `socket_client`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from p2pchat.callbacks import ignore
from p2pchat.errors import LinkLost, OnFailed, P2PError, TimedOut
from p2pchat.net.loop import Loop
from p2pchat.protocol.client.events import Event
from p2pchat.protocol.client.failure import error_of
from p2pchat.protocol.client.messages import Answered, Happened, Hello, Ordered, Taken, Welcome
from p2pchat.protocol.client.node_order import Order, Result
from p2pchat.protocol.client.state import NodeState, Security, StateChanged, changed
from p2pchat.protocol.messages import Message
from p2pchat.protocol.names import is_me, meant_name

R = TypeVar("R", bound=Result)

ANSWER_TIMEOUT: Final = 10.0
"""Seconds for answers that need only the node, and for its signs of life."""

REGISTRY_TIMEOUT: Final = 25.0
"""Seconds for answers that need the registry."""


class Client(ABC):
    """A connection to a node, until `close` or `on_closed`.

    Callbacks are called one at a time, in later turns, in the order of what happened in the node;
    `state` is up to date by then. `on_changed` is called for changes of state without an event. If
    the client does not follow the node, only answers and `on_closed` come. `on_closed(error)` is
    called at most once, before the unanswered orders fail. No callback is called before `begin`, so
    set them first.
    """

    paced = False
    """Whether the owner calls `taken`; otherwise an event is processed once `on_event` returns."""

    def __init__(self, loop: Loop, hello: Hello) -> None:
        self.loop = loop
        self.follows = hello.follow
        self.on_event: Callable[[Event], None] = ignore
        self.on_changed: Callable[[], None] = ignore
        self.on_closed: Callable[[P2PError], None] = ignore
        self.on_bug: Callable[[], None] = ignore
        """Called if a bug of the owner has lost an event or an answer."""
        self.is_open = True
        self.number = 0
        """The number of the last event."""
        self._orders: dict[int, tuple[Callable[[Any], None], OnFailed]] = {}
        self._last_order = 0
        self._taken: int | None = None
        self._ended: P2PError | None = None
        self._is_forgotten = False

    def _welcomed(self, welcome: Welcome) -> None:
        """Set up the client from the node's welcome."""
        self.username = welcome.username
        self.registry = welcome.registry
        self.secure = welcome.secure
        self.transient = welcome.transient
        self.names = welcome.names
        """Users met or looked up, as of the welcome."""
        self.unread = welcome.unread
        """The unread lines of each contact, as of the welcome."""
        self.state: NodeState = welcome.state

    @property
    def next_try_in(self) -> float | None:
        """Seconds until a lost registry is tried again; None if it is not lost."""
        retry_at = self.state.retry_at
        return None if retry_at is None else max(0.0, retry_at - self.loop.now())

    def named(self, typed: str, *, in_clear: bool = False) -> str:
        """Return a typed name in the registry's spelling; "me" is our own account.

        A contact in clear may have any name. Raise UsageError if it is not valid.
        """
        if is_me(typed):
            return self.username
        state = self.state
        chat = state.chats.get(typed)
        is_clear = chat is not None and chat.security is Security.CLEAR
        talks_in_clear = is_clear or typed == state.calling or typed in state.requests
        return meant_name(typed, secure=self.secure and not in_clear and not talks_in_clear)

    def order(
        self, order: Order[R], then: Callable[[R], None] = ignore, failed: OnFailed = ignore
    ) -> None:
        """Send an order; one of the callbacks follows in a later turn, unless the client closes.

        `failed` gets LinkLost if the node has ended, TimedOut if it hangs. The first order calls
        `begin`.
        """
        self.begin()
        if self._ended is not None:
            self.loop.call_soon(partial(failed, self._ended))
            return
        self._last_order += 1
        self._orders[self._last_order] = then, failed
        self._send(Ordered(self._last_order, order))  # type: ignore[arg-type]  # each is in AnyOrder

    def ask(self, order: Order[R], timeout: float = ANSWER_TIMEOUT) -> R:
        """Run the loop until an order is answered; return its result or raise its failure.

        Raise LinkLost if the node ends meanwhile, TimedOut after so many seconds.
        """
        result: R = self.loop.wait_for(partial(self.order, order), timeout)
        return result

    def taken(self, number: int) -> None:
        """Report to the node, after this turn, that events up to that number are processed."""
        if self._taken is None:
            self.loop.call_soon(self._report_taken)
        self._taken = number

    @abstractmethod
    def begin(self) -> None:
        """Allow callbacks from now on, also for earlier messages; may be called again."""

    @abstractmethod
    def close(self) -> None:
        """Stop using the node; no callback follows."""

    @abstractmethod
    def _send(self, message: Message) -> None:
        """Send a message to the node."""

    def _hear(self, message: Message) -> None:
        """Handle a message of the node; a bug in the owner's callback affects only that message."""
        try:
            self._handle(message)
        except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
            self.loop.contain(error, "a client of the node")
            self.on_bug()

    def _handle(self, message: Message) -> None:
        match message:
            case Answered(number, result, failure, change):
                self._change(change)
                then, failed = self._orders.pop(number, (ignore, ignore))  # may be unwanted
                if failure is None:
                    then(result)
                else:
                    failed(error_of(failure))
            case StateChanged():
                self._change(message)
                self.on_changed()
            case Happened(number, event, change):
                self._change(change)
                self.number = number
                self.on_event(event)
                if not self.paced:
                    self.taken(number)
            case _:
                raise AssertionError(message)

    def _report_taken(self) -> None:
        if self._taken is not None and self.is_open:
            self._send(Taken(self._taken))
        self._taken = None

    def _change(self, change: StateChanged | None) -> None:
        if change is not None:
            self.state = changed(self.state, change)

    def _end(self, error: P2PError) -> None:
        """Report that the node has ended or hangs, and fail all unanswered orders."""
        self.is_open = False
        self._ended = error
        if not isinstance(error, TimedOut):
            self._ended = LinkLost(error.what, likely=error.likely, advice=error.advice)
        orders, self._orders = self._orders, {}
        self.on_closed(error)
        if self._is_forgotten:  # closed by the owner
            return
        for _, failed in orders.values():
            failed(self._ended)

    def _forget(self) -> None:
        """Report what is processed, then drop all callbacks."""
        self._report_taken()
        self.is_open = False
        self._is_forgotten = True
        self._orders.clear()
        self.on_event = self.on_changed = self.on_closed = ignore
