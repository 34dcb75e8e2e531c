"""The node's end of a screen in another process: an app whose view sends on a link.

What is typed there is done here, where the node is; what is shown here is shown there. The other
end is `attached`.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.peer.node import Node
from p2pchat.protocol.screen import Alert, Around, Attach, Copy, Shown
from p2pchat.ui.remote.server import RemoteEnd
from p2pchat.ui.screen.around import around
from p2pchat.ui.screen.call import Call
from p2pchat.ui.screen.chat_app import ChatApp
from p2pchat.ui.screen.screens import Screens
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.render import Fragments

_LOOK_EVERY: Final = 1.0  # seconds; the toolbar counts them while the registry is lost


class RemoteScreen(RemoteEnd):
    """The node's end of one screen; see RemoteEnd."""

    is_person = True

    def __init__(
        self,
        loop: Loop,
        link: Link,
        request: Attach,
        node: Node,
        screens: Screens,
        on_done: Callable[[], None],
    ) -> None:
        self._around: Around | None = None
        self._timer = loop.call_later(0, self._look)
        self._screen = ChatApp(
            View(
                self._show,
                plain=request.plain,
                alert=lambda *told: link.send(Alert(*told)),
                copy=None if request.plain else lambda text: link.send(Copy(text)),
                timestamps=request.timestamps,
            ),
            call=Call(request.call, request.in_clear) if request.call else None,
            commands_overtake=request.overtake,
            is_elsewhere=lambda contact: screens.talk_to(contact, besides=self),
        )
        super().__init__(loop, link, self._screen, node, screens, on_done)

    def _show(self, lines: list[Fragments]) -> None:
        if lines:
            self._link.send(Shown(tuple(tuple(line) for line in lines)))

    def _after(self) -> None:
        """Send also what surrounds the line there, if that has changed."""
        super()._after()
        now = around(self._screen)
        if now != self._around and not self._screen.done:
            self._around = now
            self._link.send(now)

    def _look(self) -> None:
        self._after()
        self._timer = self._loop.call_later(_LOOK_EVERY, self._look)

    def _done(self) -> None:
        self._timer.cancel()
        super()._done()
