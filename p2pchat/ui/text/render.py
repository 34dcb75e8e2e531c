"""Formats events as English sentences, the only place that does.

There are two forms of the same sentences: plain lines, and styled fragments for the prompt. Nothing
is conveyed by style alone.
"""

import datetime as dt
from typing import Final

from p2pchat.errors import LinkLost, P2PError
from p2pchat.protocol.client.events import (
    Called,
    CallerRefused,
    CallFailed,
    Calling,
    CallTurnedAway,
    CallWithdrawn,
    ChatEnded,
    ChatStarted,
    ContactAway,
    ContactBack,
    ContactIdle,
    ContactLeft,
    ContactLost,
    Delivered,
    Event,
    Found,
    Joined,
    Left,
    LinesMissing,
    LoggedIn,
    LoginFailed,
    MailboxWaiting,
    NotKept,
    OutboxFailed,
    Overdue,
    PathChanged,
    QuotaFull,
    RegistryBack,
    RegistryLost,
    RegistryTrusted,
    Renumbered,
    Said,
    SearchFailed,
    Seen,
    TextReceived,
    Trouble,
)
from p2pchat.protocol.client.file_events import (
    FileDeclined,
    FileDelivered,
    FileFailed,
    FileOffered,
    FileProgress,
    FileReceived,
    FileWaiting,
)
from p2pchat.protocol.client.lines import LEFT, KeptLine, LineState, ScheduledLine
from p2pchat.protocol.client.state import Security
from p2pchat.protocol.counting import counted
from p2pchat.protocol.names import ME
from p2pchat.protocol.sizes import size_words
from p2pchat.ui.text.folding import PIPE, SCREEN, shown_lines
from p2pchat.ui.text.fragments import Fragments
from p2pchat.wall_clock import local_minute

NOTICE: Final = "* "

_IN_CLEAR: Final = (
    "it is in clear: others on the network can read it, and anyone can claim this name"
)

ACTION: Final = "/me "
"""The prefix of a text that describes what its sender does."""

DOING: Final = "~ "
"""The mark of such a line on a screen, which neither texts nor notices start with."""

CODE: Final = "class:code"
"""The style of lines between fences: they keep their spaces, and are not wrapped."""

FENCE: Final = "```"

_KEPT_STATES: Final = {LineState.SENT: "sent in clear", LineState.HEARD: "in clear"}
"""How the history shows states whose names are not shown as they are."""

SENT: Final = "sent"
"""The state of a line that is on its way; `LineState` has the states stored on disk."""


def plain_lines(event: Event) -> list[str]:
    """Return an event as lines: `bob: text` for a message, else lines that start with `* `.

    Each line of a text gets its sender's name, so that no text can be mistaken for a notice.
    """
    if isinstance(event, TextReceived):
        if event.text.startswith(ACTION):
            return [f"{DOING}{event.contact} {_on_one_line(event.text)}"]
        return [f"{event.contact}: {line}" for line in shown_lines(event.text, event.contact, PIPE)]
    return [NOTICE + sentence for sentence in sentences(event)]


def styled_lines(event: Event) -> list[Fragments]:
    """Return an event as styled lines; foreign text is in separate fragments, never parsed."""
    if isinstance(event, TextReceived):
        if event.text.startswith(ACTION):
            doing = ("class:contact", f"{DOING}{event.contact}")
            return [[doing, ("", f" {_on_one_line(event.text)}")]]
        first, *rest = shown_lines(event.text, event.contact)
        indent = " " * (len(event.contact) + 2)
        return [
            [("class:contact", event.contact), ("", f": {first}")],
            *_indented(first, rest, indent),
        ]
    return [notice(sentence) for sentence in sentences(event)]


def _indented(first: str, rest: list[str], indent: str) -> list[Fragments]:
    """Return the lines after the first one; lines in a fence are code, which is not wrapped."""
    lines: list[Fragments] = []
    in_code = first.lstrip().startswith(FENCE)
    for line in rest:
        is_fence = line.lstrip().startswith(FENCE)
        style = CODE if in_code and not is_fence else ""
        in_code ^= is_fence
        lines.append([("", indent), (style, line)] if style else [("", indent + line)])
    return lines


def _on_one_line(action: str) -> str:
    """Return an action on one line, so that no part of it can be mistaken for something else."""
    return " ".join(action.removeprefix(ACTION)[: SCREEN.characters].split())


def prompt_of(us: str, contact: str | None) -> str:
    """Return the prompt for a line to a contact; None if no contact is chosen."""
    name = ME if contact == us else contact
    return f"{us}{f' to {name}' if name else ''}> "


def day_line(day: dt.date) -> Fragments:
    """Return the separator line for a new day."""
    return [("class:day", f"—— {day:%A, %d %B %Y} ——")]


def our_lines(
    prompt: str, text: str, state: str, contact: str = "", *, me: str = ""
) -> list[Fragments]:
    """Return one of our lines as typed, with its state as a word or a mark.

    `contact`: the recipient. `me`: our name, the subject of an action (`/me waves`).
    """
    if text.startswith(ACTION) and me:
        prompt, text = f"{DOING}{me} ", _on_one_line(text)
    first, *rest = shown_lines(text, contact)
    lines: list[Fragments] = [[("class:prompt", prompt), ("", first)]]
    lines += _indented(first, rest, " " * len(prompt))
    mark = {"": "", LineState.DELIVERED: "  ✓"}.get(state, f"  ({state})")
    lines[-1].append(("class:state", mark))
    return lines


def kept_lines(line: KeptLine, me: str, *, whole: bool) -> list[str]:
    """Return a line of the history with its time, and its state if it is ours.

    `whole`: without a length limit.
    """
    when = dt.datetime.fromtimestamp(line.at / 1000, tz=dt.UTC).astimezone()
    who = f"{me} to {line.username}" if line.outgoing else line.username
    told = "" if line.state is LineState.READ else _KEPT_STATES.get(line.state, line.shown_state)
    if line.shown_state == LEFT:
        told = f"{left_for(line.username)} until {local_minute(line.until * 1000)}"
    first, *rest = line.text.split("\n") if whole else shown_lines(line.text, line.username)
    lines = [f"{when:%Y-%m-%d %H:%M} {who}: {first}", *(f"{'':>16} {more}" for more in rest)]
    lines[-1] += f"  ({told})" if told else ""
    return lines


def left_for(contact: str) -> str:
    """Return the state of a line that is in a contact's mailbox."""
    return f"left for {contact}"


def scheduled_line(line: ScheduledLine, me: str) -> str:
    """Return a scheduled line, on one line."""
    written, due = local_minute(line.written_at), local_minute(line.not_before)
    first = shown_lines(line.text, line.username)[0]
    return f"{written} {me} to {line.username}: {first}  (not before {due})"


def notice(sentence: str) -> Fragments:
    """Return a styled line for a notice."""
    return [("class:notice", NOTICE + sentence)]


def error_sentence(error: P2PError) -> str:
    """Return an error on one line: what happened, the likely cause, what to try."""
    parts = [error.what]
    if error.likely:
        parts.append(f"likely: {error.likely}")
    if error.advice:
        parts.append(f"try: {error.advice}")
    return "; ".join(parts)


def verify_hint(contact: str) -> str:
    """Return the hint for a chat that is encrypted but not verified."""
    return f"the chat is encrypted; to make sure that it is {contact}: /verify {contact}"


def _called(contact: str, security: Security) -> str:
    if security is Security.CLEAR:
        return (
            f"{contact} wants to chat with you in clear, where anyone can claim this name:"
            " /accept or /reject"
        )
    return f"{contact} wants to chat with you: /accept or /reject"


def _missing(contact: str, count: int, *, ours: bool) -> str:
    if ours:
        return (
            f"your disk is an older copy: up to {counted(count)} of {contact} may be missing here;"
            f" {contact} can send them again"
        )
    return (
        f"{contact}'s disk is an older copy: up to {counted(count)} of yours may be missing there;"
        f" to send them again: p2p outbox retry {contact}"
    )


def _of_file(event: FileOffered | FileWaiting | FileReceived | FileDelivered) -> str:
    match event:
        case FileOffered(contact, number, name, size, _, taken):
            if taken:
                return f"receiving {name} from {contact} ({size_words(size)})"
            return f"{name} from {contact}: /get {number} or /decline {number}"
        case FileWaiting(_, _, name, why):
            return f"{name} waits: {why}"
        case FileReceived(contact, _, name, path):
            return f"{name} from {contact} is in {path}, verified"
        case FileDelivered(contact, _, name):
            return f"{contact} has {name}, verified"


def sentences(event: Event) -> list[str]:  # noqa: C901, PLR0911, PLR0912  # a table, a row an event
    """Return the text of an event, without a mark."""
    match event:
        case LoggedIn(username, registry, listening, machine):
            by = f" through {machine}" if machine else ""
            where = f"listening on {listening}" if listening else "address hidden"
            return [f"logged in as {username} at {registry}{by}, {where}"]
        case RegistryLost(error, retry_in):
            why = error_sentence(error) if isinstance(error, LinkLost) else error.what
            return [f"registry lost: {why}; trying again in {retry_in:.0f} s"]
        case RegistryBack(registry, machine):
            by = f" through {machine}" if machine else ""
            return [f"registry is back: logged in again at {registry}{by}"]
        case Found(username, online, address):
            where = f"online at {address}" if address else "online, address hidden"
            return [f"{username} is {where if online else 'offline'}"]
        case Calling(contact):
            return [f"calling {contact}, waiting for an answer: /leave gives up"]
        case Called(contact, security):
            return [_called(contact, security)]
        case Joined(contact):
            return [f"{contact} has joined by your invitation, and is verified: /chat {contact}"]
        case CallWithdrawn(contact):
            return [f"{contact} has stopped calling"]
        case CallTurnedAway(contact):
            return [f"{contact} called, and was told that you are busy"]
        case ChatStarted(contact, security):
            started = f"chat with {contact} started"
            return [started, _IN_CLEAR] if security is Security.CLEAR else [started]
        case CallerRefused(contact, error):
            return [f"a caller claimed to be {contact}, and was refused: {error_sentence(error)}"]
        case RegistryTrusted(registry, fingerprint):
            return [f"new registry {registry}; trusting its key from now on: {fingerprint}"]
        case ContactAway(contact, error):
            how = "is offline" if error is None else f"cannot be reached ({error.what})"
            return [f"{contact} {how}: what you write waits for {contact}"]
        case ContactLost(contact, error):
            why = "" if error is None else f" ({error.what})"
            return [f"{contact} is gone{why}: what you write waits for {contact}"]
        case ContactIdle(contact, idle):
            return [f"{contact} is {'away from' if idle else 'back at'} the keyboard"]
        case ContactLeft(contact):
            return [f"{contact} left the chat: {contact} will see what you write later"]
        case ContactBack(contact):
            return [f"{contact} is back"]
        case (
            Delivered() | Left() | MailboxWaiting() | PathChanged() | Renumbered() | Said() | Seen()
        ):
            return []
        case FileProgress():
            return []
        case FileOffered() | FileWaiting() | FileReceived() | FileDelivered():
            return [_of_file(event)]
        case FileDeclined(contact, _, name):
            return [f"{contact} declines {name}"]
        case FileFailed(contact, _, name, error):
            return [f"{name} ({contact}): {error_sentence(error)}"]
        case LinesMissing(contact, count, ours):
            return [_missing(contact, count, ours=ours)]
        case QuotaFull(contact, lines, size):
            return [
                f"{contact} has {lines} unread lines here ({size // 1024} KiB): no more are"
                f" accepted until you read some: /chat {contact}"
            ]
        case OutboxFailed(contact, error, count):
            failed = f"{counted(count)} to {contact} will not be delivered: {error.what}"
            return [f"{failed}: /outbox"]
        case Overdue(contact, since):
            return [f"a line to {contact} has been queued since {local_minute(since)}: /outbox"]
        case NotKept(contact, error, texts):
            return [
                *(f"not sent to {contact}: {text}" for text in texts),
                error_sentence(error),
            ]
        case ChatEnded(contact, error, unsent):
            said = [f"not sent: {text}" for text in unsent]
            if error is not None:
                said.append(error_sentence(error))
            return [*said, f"chat with {contact} ended"]
        case LoginFailed(error) | CallFailed(_, error) | SearchFailed(_, error) | Trouble(error):
            return [error_sentence(error)]
        case TextReceived(contact, text):
            return [f"{contact}: {text}"]
