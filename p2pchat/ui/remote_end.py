"""The node's end of what attaches from another process: lines come in, the app's end goes back.

What both a person's screen and a program need; how things are shown there is theirs to know.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from p2pchat.errors import InternalError, P2PError
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.peer.events import Event
from p2pchat.peer.node import Node
from p2pchat.protocol.messages import Message
from p2pchat.protocol.screen import Detached, Taken, Typed, TypedAll
from p2pchat.ui.screens import Screens, Watcher
from p2pchat.ui.typed_ahead import TakesInput


class App(TakesInput, Protocol):
    """What is at the node for the other process."""

    exit_code: int
    error: P2PError | None
    on_done: Callable[[], None]

    @property
    def opened(self) -> Collection[str]:
        """With whom conversations are open there, in front or behind."""

    def run(self, node: Node, *, ready: bool = False) -> None:
        """Be at this node."""

    def on_event(self, event: Event) -> None:
        """Take what the node tells."""

    def on_room(self) -> None:
        """More can be said than before."""

    def finish(self, exit_code: int = 0, error: P2PError | None = None) -> None:
        """Be done."""

    def settle(self) -> None:
        """Show what is still to be shown."""


class RemoteEnd(Watcher):
    """From the attaching until its link ends or its app is done.

    Conversations that it alone has open are left then. `on_done` is called once, when it is over.
    """

    def __init__(
        self,
        loop: Loop,
        link: Link,
        app: App,
        node: Node,
        screens: Screens,
        on_done: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._link = link
        self._app = app
        self._node = node
        self._screens = screens
        self._on_done = on_done
        self._untold = 0  # lines that were taken, and the other end does not know it
        link.on_message = self._heard
        link.on_closed = self._gone
        app.on_done = self._done
        app.when_input_is_wanted(self._tell_taken)
        screens.add(self)
        app.run(node, ready=True)

    @property
    def opened(self) -> Collection[str]:
        """With whom conversations are open there."""
        return self._app.opened

    def on_event(self, event: Event) -> None:
        """Take what the node tells."""
        if not self._app.done:
            self._app.on_event(event)
            self._loop.call_soon(self._after)

    def on_room(self) -> None:
        """More can be said than before."""
        self._app.on_room()

    def on_bug(self) -> None:
        """End this one; its process is told why."""
        self._app.finish(error=InternalError("your node could not tell what happened"))

    def _heard(self, message: Message) -> None:
        if self._app.done:
            return
        match message:
            case Typed(line, refused):
                self._untold += 1
                if refused:
                    self._app.refuse_line(refused)
                else:
                    self._app.submit(line)
                if self._app.wants_input:
                    self._tell_taken()
            case TypedAll():
                self._app.end_input()
            case Taken(count):
                self._written(count)
            case _:
                raise AssertionError(message)
        self._loop.call_soon(self._after)

    def _written(self, count: int) -> None:
        """So many lines that were shown are written there."""

    def _after(self) -> None:
        """Something has happened in this turn."""

    def _tell_taken(self) -> None:
        if self._untold:
            self._link.send(Taken(self._untold))
            self._untold = 0

    def _gone(self, _: P2PError | None) -> None:
        self._app.finish()

    def _done(self) -> None:
        """End it, once what was said in this turn is kept."""
        self._loop.call_soon(self._detach)

    def _detach(self) -> None:
        self._app.settle()
        self._screens.remove(self)  # what leaving does is not shown
        for contact in tuple(self._app.opened):
            if not self._screens.talk_to(contact, besides=self):
                self._node.leave(contact)
        error = self._app.error
        if error is None:
            self._link.send(Detached(self._app.exit_code))
        else:
            self._link.send(Detached(error.exit_code, error.what, error.likely, error.advice))
        self._link.close()
        self._on_done()
