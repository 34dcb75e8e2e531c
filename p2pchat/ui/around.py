"""What stands around the line that is being typed: the prompt, the toolbar, what is not settled.

A narrow screen cuts the toolbar at its end, so what matters most comes first.
"""

from collections.abc import Mapping
from typing import Final

from p2pchat.peer.node import Node
from p2pchat.peer.registry_session import Standing
from p2pchat.protocol.screen import Around
from p2pchat.ui.chat_app import ChatApp

_STANDINGS = {
    Standing.CONNECTING: "connecting",
    Standing.ONLINE: "connected",
    Standing.WAITING: "registry lost",
    Standing.STOPPED: "not logged in",
}

_LONG: Final = 200
_MANY_LINES: Final = 3
_MOST_UNSETTLED: Final = 5
"""Lines; more would push what was said off a small screen."""


def around(app: ChatApp) -> Around:
    """Return it as it is now."""
    if not app.running:
        return Around(app.prompt)
    node = app.node
    online = node.standing is Standing.ONLINE
    unsettled = app.unsettled
    return Around(
        app.prompt,
        (
            ("", f" {_unread(app.foreground.unread)}{_conversation(node, app.front)} | "),
            ("" if online else "class:bottom-toolbar.trouble", _standing(node)),
            ("", f" | {node.username} at {node.url.address}"),
        ),
        tuple((_shortened(text), state) for text, state in unsettled[-_MOST_UNSETTLED:]),
        max(0, len(unsettled) - _MOST_UNSETTLED),
        _names(app),
        app.front or "",
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


def _conversation(node: Node, front: str | None) -> str:
    chat = node.chat(front) if front is not None else None
    asking = "".join(f"{caller} is calling, " for caller in node.called_by)
    if chat is not None and node.calling != front:
        away = ", away" if chat.away else ", not at the keyboard" if chat.idle else ""
        waiting = f", {chat.waiting} not delivered yet" if chat.waiting else ""
        state = f"in chat with {front}, {chat.security.value}{away}{waiting}"
    elif node.calling:
        state = f"calling {node.calling}"
    else:
        state = "in no chat"
    return f"{asking}{state}{', not to be disturbed' if node.conversations.do_not_disturb else ''}"


def _standing(node: Node) -> str:
    wait = node.registry.next_try_in
    return _STANDINGS[node.standing] + ("" if wait is None else f", next try in {wait:.0f} s")


def _unread(unread: Mapping[str, int]) -> str:
    return "".join(f"{contact}: {count} unread | " for contact, count in unread.items())
