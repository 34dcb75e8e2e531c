"""A node without a screen: events are lines in a log, and messages wait to be read."""

from typing import IO

from p2pchat.errors import P2PError
from p2pchat.net.loop import Loop
from p2pchat.protocol.client.events import Event, LoginFailed, TextReceived
from p2pchat.ui.program.plain import PacedWriter
from p2pchat.ui.screen.view import View


class Headless:
    """Takes the events of a client; `error` is why it is over, if it is."""

    def __init__(self, out: IO[str] | None, loop: Loop) -> None:
        self._writer = PacedWriter(out, loop)
        self._view = View(self._writer.write, plain=True)
        self.error: P2PError | None = None

    def close(self) -> None:
        """Write no more."""
        self._writer.close()

    def on_event(self, event: Event) -> None:
        """Write it down, but for what contacts say: that stays unread."""
        if isinstance(event, LoginFailed):
            self.error = event.error
        elif not isinstance(event, TextReceived):
            self._view.show(event)
