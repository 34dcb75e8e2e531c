"""The node's end of a screen in another process: an app whose view is a link.

What is typed there is done here, where the node is; what is shown here is shown there. The other
end is `attached`.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.errors import P2PError
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.peer.events import Event
from p2pchat.peer.node import Node
from p2pchat.protocol.messages import Message
from p2pchat.protocol.screen import Alert, Around, Attach, Detached, Shown, Taken, Typed, TypedAll
from p2pchat.ui.around import around
from p2pchat.ui.chat_app import Call, ChatApp
from p2pchat.ui.render import Fragments
from p2pchat.ui.screens import Screens, Watcher
from p2pchat.ui.view import View

_LOOK_EVERY: Final = 1.0  # seconds; the toolbar counts them while the registry is lost


class RemoteScreen(Watcher):
    """One of them, from its Attach until its link ends or its app is done.

    Conversations that it alone has open are left then.

    `on_done` is called once, when it is over.
    """

    def __init__(
        self,
        loop: Loop,
        link: Link,
        request: Attach,
        node: Node,
        screens: Screens,
        on_done: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._link = link
        self._node = node
        self._screens = screens
        self._on_done = on_done
        self._around: Around | None = None
        self._untold = 0  # lines that were taken, and the other end does not know it
        self._timer = loop.call_later(0, self._look)
        self._app = ChatApp(
            View(
                self._show,
                plain=request.plain,
                alert=lambda contact, sentence: link.send(Alert(contact, sentence)),
                timestamps=request.timestamps,
            ),
            call=Call(request.call, request.in_clear) if request.call else None,
            commands_overtake=request.overtake,
            is_elsewhere=lambda contact: screens.talk_to(contact, besides=self),
        )
        link.on_message = self._heard
        link.on_closed = self._gone
        self._app.on_done = self._done
        self._app.when_input_is_wanted(self._tell_taken)
        screens.add(self)
        self._app.run(node, ready=True)

    def talks_to(self, contact: str) -> bool:
        """Tell whether that conversation is open there."""
        return self._app.talks_to(contact)

    def on_event(self, event: Event) -> None:
        """Take what the node tells."""
        if not self._app.done:
            self._app.on_event(event)
            self._loop.call_soon(self._refresh)

    def on_room(self) -> None:
        """More can be said than before."""
        self._app.on_room()

    def _show(self, lines: list[Fragments]) -> None:
        if lines:
            self._link.send(Shown(tuple(tuple(line) for line in lines)))

    def _heard(self, message: Message) -> None:
        if self._app.done:
            return
        match message:
            case Typed(line, refused):
                if refused:
                    self._app.refuse_line(refused)
                else:
                    self._app.submit(line)
                self._untold += 1
                if self._app.wants_input:
                    self._tell_taken()
            case TypedAll():
                self._app.end_input()
            case _:
                raise AssertionError(message)
        self._loop.call_soon(self._refresh)

    def _tell_taken(self) -> None:
        self._link.send(Taken(self._untold))
        self._untold = 0

    def _look(self) -> None:
        self._refresh()
        self._timer = self._loop.call_later(_LOOK_EVERY, self._look)

    def _refresh(self) -> None:
        """Tell what stands around the line there, if that has changed."""
        now = around(self._app)
        if now != self._around and not self._app.done:
            self._around = now
            self._link.send(now)

    def _gone(self, _: P2PError | None) -> None:
        self._app.finish()

    def _done(self) -> None:
        """End it, once what was said in this turn is kept."""
        self._timer.cancel()
        self._loop.call_soon(self._detach)

    def _detach(self) -> None:
        self._app.settle()
        self._screens.remove(self)  # what leaving does is not shown
        for contact in tuple(self._app.foreground.opened):
            if not self._screens.talk_to(contact, besides=self):
                self._node.leave(contact)
        error = self._app.error
        if error is None:
            self._link.send(Detached(self._app.exit_code))
        else:
            self._link.send(Detached(error.exit_code, error.what, error.likely, error.advice))
        self._link.close()
        self._on_done()
