"""A node without a screen: events are logged, and messages stay unread."""

from typing import IO

from p2pchat.errors import P2PError
from p2pchat.net.loop import Loop
from p2pchat.protocol.client.events import Event, LoginFailed, TextReceived
from p2pchat.ui.program.plain import PacedWriter
from p2pchat.ui.screen.view import View


class Headless:
    """Handles the events of a client; `error` is why the session ended, if it failed."""

    def __init__(self, out: IO[str] | None, loop: Loop) -> None:
        self._writer = PacedWriter(out, loop)
        self._view = View(self._writer.write, plain=True)
        self.error: P2PError | None = None

    def close(self) -> None:
        """Stop writing."""
        self._writer.close()

    def on_event(self, event: Event) -> None:
        """Write the event, except messages, which stay unread."""
        if isinstance(event, LoginFailed):
            self.error = event.error
        elif not isinstance(event, TextReceived):
            self._view.show(event)
