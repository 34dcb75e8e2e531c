"""Parses a typed line: "/chat bob" -> a value. Help and completion use the same table.

Pure: knows neither node nor terminal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from p2pchat.errors import UsageError, nearest
from p2pchat.protocol.durations import is_duration
from p2pchat.ui.text.brought_words import ELSEWHERE, SAME


@dataclass(frozen=True, slots=True)
class Say:
    """Send the text to the contact; if `to` is set, only to that one."""

    text: str = field(repr=False)
    to: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """Carry out the command; `argument` is empty if it takes none, `extra` if not given."""

    word: str
    argument: str = ""
    extra: str = ""


class Command(NamedTuple):
    """A row of the table; `takes` names the argument, and is empty if there is none.

    `extra` is a further word that may follow. `optional`: the argument may be omitted.
    """

    word: str
    takes: str
    help: str
    extra: str = ""
    optional: bool = False
    group: str = "you"

    @property
    def usage(self) -> str:
        """The syntax of the command."""
        takes = f"[{self.takes}]" if self.optional else self.takes
        extra = f"[{self.extra}]" if self.extra else ""
        return " ".join(filter(None, (f"/{self.word}", takes, extra)))


NAME: Final = "NAME"
WORDS: Final = "WORDS"
"""The rest of the line."""

TIME: Final = "TIME"
"""A duration, such as 30m."""

PATH: Final = "PATH..."
"""File paths, up to the end of the line."""

NUMBER: Final = "N"
"""The number of a transfer."""

TALK: Final = "talk"
PEOPLE: Final = "people"
LINES: Final = "lines"
FILES: Final = "files"
REST: Final = "you"

COMMANDS: Final = (
    Command("chat", NAME, "chat with a user, or return to that chat", "--in-clear", group=TALK),
    Command("next", "", "go to the next conversation with unread lines (Alt-A)", group=TALK),
    Command("accept", NAME, "accept a call", optional=True, group=TALK),
    Command("reject", NAME, "reject a call", optional=True, group=TALK),
    Command("leave", "", "leave the chat, or give up calling", group=TALK),
    Command("me", WORDS, "describe what you do: /me waves", group=TALK),
    Command("contacts", "", "list contacts: who is online, what is unread or queued", group=PEOPLE),
    Command("search", NAME, "show whether a user is online, and where", group=PEOPLE),
    Command(
        "verify",
        NAME,
        "show the safety number; with yes: confirm that it matches",
        "yes",
        group=PEOPLE,
    ),
    Command(
        "trust",
        NAME,
        "show the number of a contact's new key; with yes: accept it",
        "yes",
        group=PEOPLE,
    ),
    Command("block", NAME, "block a contact", group=PEOPLE),
    Command("unblock", NAME, "unblock a contact", group=PEOPLE),
    Command("history", NAME, "show the last lines with a contact", optional=True, group=LINES),
    Command("search-history", WORDS, "show all lines with these words", group=LINES),
    Command("outbox", "", "list queued and failed lines", group=LINES),
    Command("later", WORDS, "send a line later: /later 9:00 good morning", group=LINES),
    Command(
        "copy", WORDS, "copy the last line; /copy block, /copy link", optional=True, group=LINES
    ),
    Command("run", WORDS, "put a command's output into the line: /run make test", group=LINES),
    Command("send", PATH, "send files and folders to the open chat", group=FILES),
    Command("files", "", "list sent and received files", group=FILES),
    Command("get", NUMBER, "receive an offered file", optional=True, group=FILES),
    Command("decline", NUMBER, "decline an offered file", optional=True, group=FILES),
    Command("cancel", NUMBER, "cancel a transfer", optional=True, group=FILES),
    Command("away", "", "tell contacts that you are away from the keyboard, or back"),
    Command(
        "dnd",
        TIME,
        "turn do-not-disturb on, for a time such as 30m, or off",
        optional=True,
    ),
    Command(
        "mute",
        NAME,
        "silence a contact, for a time such as 8h; with off: unmute",
        TIME,
        optional=True,
        group=PEOPLE,
    ),
    Command("help", WORDS, "list the commands; /help WORD: explain a command", optional=True),
    Command("quit", "", "log out and leave"),
)

_BY_WORD: Final = {command.word: command for command in COMMANDS}


def takes_name(word: str) -> bool:
    """Return whether a command's argument is the name of a user."""
    return word in _BY_WORD and _BY_WORD[word].takes == NAME


def parse(line: str) -> Say | Order | None:
    """Return the meaning of a line; None for a blank one.

    A line that starts with a slash is a command and never sent as text; two slashes send a text
    that starts with one. Raise UsageError for an unknown command, a wrong argument, or a space
    before the slash. A line feed at the end of a pasted line is ignored.
    """
    line = line.rstrip("\r\n")
    stripped = line.strip()
    if not stripped:
        return None
    if not stripped.startswith("/"):
        return Say(line)
    if stripped.startswith("//"):
        return Say(line.replace("//", "/", 1))
    if line[0].isspace():
        word = stripped.split()[0]
        raise UsageError(
            "the line starts with a space; nothing was sent or done",
            advice=f"{word} without the space, or /{word} to send it as text",
        )
    return _command(stripped)


def _command(line: str) -> Say | Order:
    """Return the meaning of a line that starts with a slash."""
    word, *arguments = line[1:].split() or [""]
    word = word.lower()
    if word == "me" and arguments:
        return Say(f"/me {' '.join(arguments)}")
    word = SAME.get(word, word)
    command = _BY_WORD.get(word)
    if command is None:
        raise _unknown(word)
    if word == "chat" and len(arguments) > 1 and arguments[1:] != [command.extra]:
        raise UsageError("nothing was sent", advice=f"{command.usage}, then your text")
    if command.takes == PATH and arguments:
        arguments = [line.partition(" ")[2].strip()]  # spaces in a path matter
    if command.takes == WORDS and arguments:
        arguments = [" ".join(arguments)]
    extra = arguments.pop() if _is_extra(command, arguments) else ""
    due = len(arguments) == bool(command.takes) or (command.optional and not arguments)
    if not due:
        raise UsageError(f"usage: {command.usage}")
    return Order(word, arguments[0] if arguments else "", extra)


def _is_extra(command: Command, arguments: list[str]) -> bool:
    """Return whether the last word is the command's extra one."""
    if command.extra != TIME:
        return bool(command.extra) and arguments[1:] == [command.extra]
    alone = len(arguments) == 1 and (is_duration(arguments[0]) or arguments[0] == "off")
    return alone or len(arguments) == len(("NAME", "TIME"))


def takes_path(before_cursor: str) -> bool:
    """Return whether a file path is being typed."""
    word, space, _ = before_cursor.partition(" ")
    command = _BY_WORD.get(word[1:]) if word.startswith("/") else None
    return bool(space) and command is not None and command.takes == PATH


def help_rows() -> list[tuple[str, str]]:
    """Return each command's syntax and help."""
    rows = [(command.usage, command.help) for command in COMMANDS]
    return [*rows, ("//text", "send a text that starts with a slash")]


def help_lines(word: str = "") -> list[str]:
    """Return the commands in a few lines, by group, or the help of one of them.

    Raise UsageError if there is no such command.
    """
    if not word:
        grouped = [
            f"{group + ':':<8}{'  '.join(f'/{c.word}' for c in COMMANDS if c.group == group)}"
            for group in (TALK, PEOPLE, LINES, FILES, REST)
        ]
        return [
            *grouped,
            "/help WORD: explain a command; //text: send a text that starts with a slash",
        ]
    word = word.removeprefix("/")
    command = _BY_WORD.get(SAME.get(word, word))
    if command is None:
        raise _unknown(word)
    others = ", ".join(f"/{other}" for other, same in SAME.items() if same == command.word)
    return [f"{command.usage}: {command.help}", *([f"also: {others}"] if others else [])]


def complete(before_cursor: str, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the possible completions of the last word, each with its meaning.

    `names` are users' names, each with its presence.
    """
    word, space, argument = before_cursor.partition(" ")
    if not word.startswith("/"):
        return []
    if not space:
        return [(f"/{c.word}", c.help) for c in COMMANDS if c.word.startswith(word[1:])]
    command = _BY_WORD.get(word[1:])
    if command is None or command.takes != NAME or " " in argument:
        return []
    return [(n, known) for n, known in sorted(names.items()) if n.startswith(argument)]


def _unknown(word: str) -> UsageError:
    if word in ELSEWHERE:
        return UsageError(f"there is no command /{word} here", advice=ELSEWHERE[word])
    near = nearest(word, (*_BY_WORD, *SAME))
    return UsageError(
        f"there is no command /{word}; nothing was sent",
        likely=near and f"did you mean /{SAME.get(near, near)}?",
        advice="" if near else "/help lists the commands",
    )
