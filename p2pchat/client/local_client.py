"""A client of the node in this process: messages are passed on as objects."""

from collections import deque
from collections.abc import Callable

from p2pchat.callbacks import ignore
from p2pchat.client.client import Client
from p2pchat.client.clients import Clients
from p2pchat.client.session import ClientSession
from p2pchat.net.loop import Loop
from p2pchat.protocol.client.messages import Hello
from p2pchat.protocol.messages import Message


class LocalClient(Client):
    """A client of the node that `clients` serves.

    `on_close()` is called once by `close`, for example to end a node that belongs to this client.
    """

    def __init__(self, loop: Loop, clients: Clients, hello: Hello) -> None:
        super().__init__(loop, hello)
        self._session = ClientSession(loop, clients, hello, self._told)
        self._welcomed(self._session.welcome())
        self._inbox: deque[Message] = deque()
        self._begun = False
        self.on_close: Callable[[], None] = ignore

    def begin(self) -> None:
        """Allow callbacks from now on, also for earlier messages; may be called again."""
        if not self._begun:
            self._begun = True
            if self._inbox:
                self.loop.call_soon(self._deliver)

    def close(self) -> None:
        """Stop using the node; no callback follows."""
        if self.is_open:
            self._inbox.clear()
            self._forget()
            self.on_close()  # first: an ending node must not report us as away
            self._session.close()

    def _send(self, message: Message) -> None:
        if self.is_open:
            self._session.hear(message)

    def _told(self, message: Message) -> None:
        if not self._begun:
            self._inbox.append(message)
        elif self.is_open:
            self._hear(message)  # the node's turn is over, as with a client in another process

    def _deliver(self) -> None:
        """Handle the messages that came before the beginning."""
        while self._inbox and self.is_open:
            self._hear(self._inbox.popleft())
