"""The node's end of a program in another process: its stream goes over the link, orders come back.

A line counts as written once the other end says that it has written it. The other end is
`attached`.
"""

from collections import deque
from collections.abc import Callable

from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.peer.node import Node
from p2pchat.protocol.screen import AttachProgram, Shown
from p2pchat.ui.program.app import ProgramApp
from p2pchat.ui.program.stream import Stream
from p2pchat.ui.remote.server import RemoteEnd
from p2pchat.ui.screen.call import Call
from p2pchat.ui.screen.screens import Screens


class RemoteProgram(RemoteEnd):
    """The node's end of one program; see RemoteEnd."""

    def __init__(
        self,
        loop: Loop,
        link: Link,
        request: AttachProgram,
        node: Node,
        screens: Screens,
        on_done: Callable[[], None],
    ) -> None:
        self._unwritten: deque[Callable[[], None]] = deque()
        stream = Stream(self._write, as_json=request.as_json, only=request.only, seen=request.seen)
        app = ProgramApp(
            loop,
            stream,
            call=Call(request.call, request.in_clear) if request.call else None,
            is_elsewhere=lambda contact: screens.talk_to(contact, besides=self),
        )
        super().__init__(loop, link, app, node, screens, on_done)

    def _write(self, line: str, written: Callable[[], None]) -> None:
        self._unwritten.append(written)
        self._link.send(Shown(((("", line),),)))

    def _written(self, count: int) -> None:
        for _ in range(min(count, len(self._unwritten))):
            self._unwritten.popleft()()
        self._app.on_room()
