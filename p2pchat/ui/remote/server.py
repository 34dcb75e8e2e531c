"""The node's end of what attaches from another process: lines come in, the app's end goes back.

What both a person's screen and a program need; how things are shown there is theirs to know.
"""

from collections.abc import Callable, Collection
from typing import Final, Protocol

from p2pchat.errors import InternalError, P2PError
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.events import Event
from p2pchat.peer.node import Node
from p2pchat.protocol.messages import Message
from p2pchat.protocol.screen import Detached, Taken, Typed, TypedAll
from p2pchat.ui.screen.screens import Screens, Watcher
from p2pchat.ui.screen.typed_ahead import TakesInput

_SIGN_EVERY: Final = 3.0
"""Seconds; the other end takes us for hung after a few times that."""


class App(TakesInput, Protocol):
    """What is at the node for the other process."""

    exit_code: int
    error: P2PError | None
    on_done: Callable[[], None]

    @property
    def opened(self) -> Collection[str]:
        """The contacts with an open conversation there, in front or not."""

    @property
    def undone(self) -> int:
        """How much of what was submitted is not done yet, nor said."""

    def run(self, node: Node, *, ready: bool = False) -> None:
        """Begin at this node."""

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""

    def on_room(self) -> None:
        """Note that more can be said than before."""

    def finish(self, exit_code: int = 0, error: P2PError | None = None) -> None:
        """End the session."""

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
        self._heard_lines = self._told_done = 0
        self._sign: Timer | None = None
        link.on_message = self._heard
        link.on_closed = self._gone
        app.on_done = self._done
        app.when_input_is_wanted(self._tell_done)
        screens.add(self)
        app.run(node, ready=True)
        self._give_sign()

    @property
    def opened(self) -> Collection[str]:
        """The contacts with an open conversation there."""
        return self._app.opened

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""
        if not self._app.done:
            self._app.on_event(event)
            self._loop.call_soon(self._after)

    def on_room(self) -> None:
        """Note that more can be said than before."""
        self._app.on_room()
        self._loop.call_soon(self._after)

    def on_bug(self) -> None:
        """End this one; its process is told why."""
        self._app.finish(error=InternalError("your node could not tell what happened"))

    def _heard(self, message: Message) -> None:
        if self._app.done:
            return
        match message:
            case Typed(line, refused):
                self._heard_lines += 1
                if refused:
                    self._app.refuse_line(refused)
                else:
                    self._app.submit(line)
            case TypedAll():
                self._app.end_input()
            case Taken(count):
                self._written(count)
            case _:
                raise AssertionError(message)
        self._loop.call_soon(self._after)

    def _written(self, count: int) -> None:
        """Note that so many shown lines were written by the remote process."""

    def _after(self) -> None:
        """Report what was handled in this turn, now that what was said in it is on disk."""
        self._tell_done()

    def _tell_done(self) -> None:
        """Report how many more lines are done, so that the other side knows the rest if we die."""
        done = self._heard_lines - self._app.undone
        if done > self._told_done and self._app.wants_input:
            self._link.send(Taken(done - self._told_done))
            self._told_done = done

    def _give_sign(self) -> None:
        """Send a sign of life every few seconds."""
        self._sign = self._loop.call_later(_SIGN_EVERY, self._give_sign)
        self._link.send(Taken(0))

    def _gone(self, _: P2PError | None) -> None:
        self._app.finish()

    def _done(self) -> None:
        """End the session once what was said in this turn is kept."""
        if self._sign is not None:
            self._sign.cancel()
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
