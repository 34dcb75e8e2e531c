"""The surroundings of the line being typed: prompt, toolbar, and unsettled lines.

`toolbar` decides how much of the toolbar fits on a narrow screen, by the importance of each piece.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from p2pchat.client.client import Client
from p2pchat.protocol.client.state import LinkPath, SessionState
from p2pchat.protocol.client.transfers import Transfer
from p2pchat.ui.screen.chat_app import ChatApp
from p2pchat.ui.text.fragments import Piece

_STANDINGS = {
    SessionState.CONNECTING: "connecting",
    SessionState.ONLINE: "connected",
    SessionState.WAITING: "registry lost",
    SessionState.STOPPED: "not logged in",
}

_LONG: Final = 200
_MANY_LINES: Final = 3
_MOST_UNSETTLED: Final = 5
"""The most unsettled lines shown, so that a small screen still shows the chat."""


_MOST_MOVING: Final = 3


class Around(NamedTuple):
    """The surroundings of the line being typed.

    `left` and `right`: the two sides of the toolbar, about the contact and about us. `unsettled`:
    our undelivered lines, each with its state; `more_unsettled`: how many earlier ones are not
    shown. `names`: the names for completion, each with its presence. `front`: the contact that the
    text is for. `unread`: the unread lines of all conversations. `me`: our name. `moving`: files
    whose bytes are moving; `more_moving`: how many others.
    """

    prompt: str
    left: tuple[Piece, ...] = ()
    right: tuple[Piece, ...] = ()
    unsettled: tuple[tuple[str, str], ...] = ()
    more_unsettled: int = 0
    names: tuple[tuple[str, str], ...] = ()
    front: str = ""
    unread: int = 0
    me: str = ""
    moving: tuple[Transfer, ...] = ()
    more_moving: int = 0


def around(app: ChatApp) -> Around:
    """Return the present surroundings."""
    if not app.running:
        return Around(app.prompt)
    unsettled = app.unsettled
    moving = () if app.done else app.client.state.moving  # what stays on the screen is no gauge
    return Around(
        app.prompt,
        tuple(_about_contacts(app)),
        tuple(_about_us(app.client)),
        tuple((_shortened(text), state) for text, state in unsettled[-_MOST_UNSETTLED:]),
        max(0, len(unsettled) - _MOST_UNSETTLED),
        _names(app),
        app.front or "",
        sum(app.foreground.unread.values()),
        app.client.username,
        moving[:_MOST_MOVING],
        max(0, len(moving) - _MOST_MOVING),
    )


def _shortened(text: str) -> str:
    """Return as much of a text as fits on a small screen; it is shown in full once settled."""
    lines = text.split("\n")
    short = [line if len(line) <= _LONG else f"{line[:_LONG]}..." for line in lines[:_MANY_LINES]]
    if len(lines) > _MANY_LINES:
        short.append(f"... {len(lines) - _MANY_LINES} more lines")
    return "\n".join(short)


def _names(app: ChatApp) -> tuple[tuple[str, str], ...]:
    """Return the names for completion, and which of them are online."""
    online = set(app.client.state.online)
    return tuple((name, "online" if name in online else "") for name in sorted(app.names))


def _about_contacts(app: ChatApp) -> Iterator[Piece]:
    """Yield callers, unread lines, and the state of the chat in front."""
    state, front = app.client.state, app.front
    for caller in state.requests:
        yield Piece("", (f"{caller} is calling",), 10)
    yield from _unread(app.foreground.unread)
    chat = state.chats.get(front) if front is not None else None
    if front is not None and chat is not None and state.calling != front:
        how = "away" if chat.away else "idle" if chat.idle else ""
        yield Piece("", (f"{front} ({how})" if how else front, front), 9)
        if chat.path is LinkPath.RELAYED:
            yield Piece("", (chat.path.value, ""), 2)
        yield Piece("", (chat.security.value, chat.security.value.removeprefix("encrypted, ")), 8)
        if chat.waiting:
            yield Piece("", (f"{chat.waiting} queued",), 6)
    elif state.calling:
        yield Piece("", (f"calling {state.calling}",), 9)
    else:
        yield Piece("", ("in no chat", ""), 4)


def _unread(unread: Mapping[str, int]) -> Iterator[Piece]:
    if not unread:
        return
    counts = ", ".join(f"{contact}: {count} unread" for contact, count in unread.items())
    yield Piece("", (counts, f"{sum(unread.values())} unread"), 7)


def _about_us(client: Client) -> Iterator[Piece]:
    """Yield our name, our connection, and whether do-not-disturb is on."""
    state = client.state
    if state.dnd:
        yield Piece("", ("do not disturb", "dnd"), 5)
    yield Piece("", (client.username, ""), 3)
    standing = _STANDINGS[state.standing]
    wait = client.next_try_in
    if state.standing is SessionState.ONLINE:
        yield Piece("", (standing, ""), 2)
    else:
        soon = () if wait is None else (f"{standing}, next try in {wait:.0f} s",)
        yield Piece("class:bottom-toolbar.trouble", (*soon, standing), 8)
    yield Piece("", (f"at {client.registry.partition('://')[2]}", ""), 1)
