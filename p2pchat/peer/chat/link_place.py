"""The present link of a conversation, and its move from a circuit to a direct one."""

import math
from collections.abc import Callable
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.net.compartment import Scheduler
from p2pchat.net.link import Link
from p2pchat.peer.calls.calls import IncomingCall
from p2pchat.peer.chat.link_path import PathReport, path_of
from p2pchat.peer.reach.direct_paths import DirectPaths
from p2pchat.peer.reach.upgrade import Rounds, Upgrade
from p2pchat.protocol.client.events import Event
from p2pchat.protocol.client.state import LinkPath
from p2pchat.protocol.messages import Message
from p2pchat.protocol.talk import ChatRequest, Go, Paths

_AFTER_MOVE: Final = 2.0
_AFTER_BEING_MOVED: Final = 10.0
"""Seconds after which the link that was left is closed, by the end that has called on the new one
and by the other one, whose answer may be late.
"""

_LASTING: Final = 60.0
"""Seconds after which a direct link is considered stable."""


class LinkPlace:
    """The link to one contact, who must prove `key` on any link that replaces it.

    `on_move(link, dialled)` is called when the conversation moves to another link; `dialled`:
    whether we dialled it. The attribute `link` is already the new one then.
    """

    def __init__(
        self,
        loop: Scheduler,
        username: str,
        contact: str,
        key: bytes,
        direct: DirectPaths,
        *,
        on_move: Callable[[Link, bool], None],
        on_event: Callable[[Event], None],
    ) -> None:
        self._loop = loop
        self._key = key
        self._direct = direct
        self._request = ChatRequest(username, to=contact, instead=True)
        self._on_move = on_move
        self._report = PathReport(contact, on_event)
        self._upgrade: Upgrade | None = None
        self._rounds = Rounds()
        self._moved_at = math.inf
        self._left: Link | None = None
        self.link: Link | None = None
        """The link, if there is one."""
        self.path = LinkPath.DIRECT
        """The path of the link."""
        self.is_punched = False
        """Whether the link comes from the port of a circuit, so that it cannot be dialled again."""

    def fill(self, link: Link) -> None:
        """Record a new link."""
        self.is_punched = False
        self._note(link, path_of(link))

    def improve(self, *, dialled: bool) -> None:
        """Look for a better link if the present one is a circuit."""
        link = self.link
        if link is not None and link.relayed:
            self._upgrade = Upgrade(
                self._loop,
                self._direct,
                link,
                self._key,
                self._request,
                rounds=self._rounds,
                is_initiator=dialled,
                on_moved=self._move,
            )
            self._upgrade.begin()

    def clear(self) -> Link | None:
        """Record that the link is gone; return it."""
        link, self.link = self.link, None
        if self._loop.now() - self._moved_at >= _LASTING:
            self._rounds.reset()
        self._moved_at = math.inf
        self.stay()
        return link

    def stay(self) -> None:
        """Stop looking for a better link, and close those that are half open."""
        if self._left is not None:
            self._left.close()
            self._left = None
        if self._upgrade is not None:
            self._upgrade.close()
            self._upgrade = None

    def hear(self, message: Message) -> bool:
        """Handle a message about direct paths; return False for any other."""
        if not isinstance(message, Paths | Go):
            return False
        if self._upgrade is not None:
            self._upgrade.hear(message)
        return True

    def is_for(self, call: IncomingCall) -> bool:
        """Return whether a call is to take the place of the link that there is."""
        return call.instead and self.link is not None and call.key == self._key

    def take_call(self, call: IncomingCall) -> None:
        """Move to the link of such a call, unless we have chosen another one ourselves."""
        if self._upgrade is not None and self._upgrade.has_decided:
            call.hang_up()
            return
        call.accept()
        if self._upgrade is not None:
            self._upgrade.moved()
        self._move(call.link, False, False)

    def _move(self, link: Link, punched: bool, asked: bool) -> None:
        old = self._left = self.link
        if old is not None:
            old.on_message = old.on_closed = ignore
            self._loop.call_later(_AFTER_MOVE if asked else _AFTER_BEING_MOVED, old.close)
        self._moved_at = self._loop.now()
        self.is_punched = punched
        self._note(link, path_of(link, punched=punched, offered=asked and not punched))
        self._on_move(link, asked)

    def _note(self, link: Link, path: LinkPath) -> None:
        self.link, self.path = link, path
        self._report.note(path)
