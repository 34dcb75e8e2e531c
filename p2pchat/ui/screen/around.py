"""What stands around the line that is being typed: the prompt, the toolbar, what is not settled.

How much of the toolbar a narrow screen shows is decided where the screen is (`toolbar`), by the
importance of each piece.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from p2pchat.peer.node import Node
from p2pchat.peer.registry_client.session import SessionState
from p2pchat.protocol.screen import Around, Piece
from p2pchat.ui.screen.chat_app import ChatApp

_STANDINGS = {
    SessionState.CONNECTING: "connecting",
    SessionState.ONLINE: "connected",
    SessionState.WAITING: "registry lost",
    SessionState.STOPPED: "not logged in",
}

_LONG: Final = 200
_MANY_LINES: Final = 3
_MOST_UNSETTLED: Final = 5
"""Lines; more would push what was said off a small screen."""


def around(app: ChatApp) -> Around:
    """Return it as it is now."""
    if not app.running:
        return Around(app.prompt)
    unsettled = app.unsettled
    return Around(
        app.prompt,
        tuple(_about_contacts(app)),
        tuple(_about_us(app.node)),
        tuple((_shortened(text), state) for text, state in unsettled[-_MOST_UNSETTLED:]),
        max(0, len(unsettled) - _MOST_UNSETTLED),
        _names(app),
        app.front or "",
        sum(app.foreground.unread.values()),
    )


def _shortened(text: str) -> str:
    """Return so much of it as leaves room on a small screen; all is shown once it is settled."""
    lines = text.split("\n")
    short = [line if len(line) <= _LONG else f"{line[:_LONG]}..." for line in lines[:_MANY_LINES]]
    if len(lines) > _MANY_LINES:
        short.append(f"... {len(lines) - _MANY_LINES} more lines")
    return "\n".join(short)


def _names(app: ChatApp) -> tuple[tuple[str, str], ...]:
    """Return the names for completion, and which of them are online."""
    online = set(app.node.conversations.online_contacts)
    return tuple((name, "online" if name in online else "") for name in sorted(app.names))


def _about_contacts(app: ChatApp) -> Iterator[Piece]:
    """Yield who calls, what is unread, and how the chat in front stands."""
    node, front = app.node, app.front
    for caller in node.called_by:
        yield Piece("", (f"{caller} is calling",), 10)
    yield from _unread(app.foreground.unread)
    chat = node.chat(front) if front is not None else None
    if front is not None and chat is not None and node.calling != front:
        how = "away" if chat.away else "idle" if chat.idle else ""
        yield Piece("", (f"{front} ({how})" if how else front, front), 9)
        yield Piece("", (chat.security.value, chat.security.value.removeprefix("encrypted, ")), 8)
        if chat.waiting:
            yield Piece("", (f"{chat.waiting} queued",), 6)
    elif node.calling:
        yield Piece("", (f"calling {node.calling}",), 9)
    else:
        yield Piece("", ("in no chat", ""), 4)


def _unread(unread: Mapping[str, int]) -> Iterator[Piece]:
    if not unread:
        return
    counts = ", ".join(f"{contact}: {count} unread" for contact, count in unread.items())
    yield Piece("", (counts, f"{sum(unread.values())} unread"), 7)


def _about_us(node: Node) -> Iterator[Piece]:
    """Yield who we are, how we are connected, and whether we are to be disturbed."""
    if node.conversations.do_not_disturb.is_on:
        yield Piece("", ("do not disturb", "dnd"), 5)
    yield Piece("", (node.username, ""), 3)
    state = _STANDINGS[node.standing]
    wait = node.registry.next_try_in
    if node.standing is SessionState.ONLINE:
        yield Piece("", (state, ""), 2)
    else:
        soon = () if wait is None else (f"{state}, next try in {wait:.0f} s",)
        yield Piece("class:bottom-toolbar.trouble", (*soon, state), 8)
    yield Piece("", (f"at {node.url.address}", ""), 1)
