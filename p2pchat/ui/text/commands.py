"""What a typed line means: "/chat bob" -> a value. Help and completion come from the same table.

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
    """Send the text to the contact; `to` that one only, if it is given."""

    text: str = field(repr=False)
    to: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """Do what the command says; `argument` is empty where it takes none, `extra` if not given."""

    word: str
    argument: str = ""
    extra: str = ""


class Command(NamedTuple):
    """A row of the table; `takes` names the argument, and is empty if there is none.

    `extra` is the one further word that may follow. `optional`: the argument may be left out.
    """

    word: str
    takes: str
    help: str
    extra: str = ""
    optional: bool = False
    group: str = "you"

    @property
    def usage(self) -> str:
        """How it is typed."""
        takes = f"[{self.takes}]" if self.optional else self.takes
        extra = f"[{self.extra}]" if self.extra else ""
        return " ".join(filter(None, (f"/{self.word}", takes, extra)))


NAME: Final = "NAME"
WORDS: Final = "WORDS"
"""Takes the rest of the line."""

TIME: Final = "TIME"
"""How long, such as 30m."""

TALK: Final = "talk"
PEOPLE: Final = "people"
LINES: Final = "lines"
REST: Final = "you"

COMMANDS: Final = (
    Command("chat", NAME, "chat with a user, or return to that chat", "--in-clear", group=TALK),
    Command("next", "", "go to the next conversation with unread lines (Alt-A)", group=TALK),
    Command("accept", NAME, "accept the chat that you are asked for", optional=True, group=TALK),
    Command("reject", NAME, "reject it", optional=True, group=TALK),
    Command("leave", "", "leave the chat, or give up calling", group=TALK),
    Command("me", WORDS, "say what you do: /me waves", group=TALK),
    Command("contacts", "", "list them: who is online, what is unread, what waits", group=PEOPLE),
    Command("search", NAME, "see whether a user is online, and where", group=PEOPLE),
    Command(
        "verify",
        NAME,
        "show the safety number; with yes: we both see the same",
        "yes",
        group=PEOPLE,
    ),
    Command(
        "trust",
        NAME,
        "show the number of a contact's new key; with yes: take it",
        "yes",
        group=PEOPLE,
    ),
    Command("block", NAME, "do not hear from a contact any more", group=PEOPLE),
    Command("unblock", NAME, "hear from them again", group=PEOPLE),
    Command("history", NAME, "show the last lines with a contact", optional=True, group=LINES),
    Command("search-history", WORDS, "show all lines with these words", group=LINES),
    Command("outbox", "", "list what waits, and what has failed", group=LINES),
    Command("later", WORDS, "say something later: /later 9:00 good morning", group=LINES),
    Command(
        "copy", WORDS, "copy the last line; /copy block, /copy link", optional=True, group=LINES
    ),
    Command("run", WORDS, "put what a command prints into the line: /run make test", group=LINES),
    Command("away", "", "let contacts know that you are not at the keyboard, or are again"),
    Command(
        "dnd",
        TIME,
        "do not be disturbed, for a time such as 30m; again: be disturbed",
        optional=True,
    ),
    Command(
        "mute",
        NAME,
        "silence a contact, for a time such as 8h; with off: hear it again",
        TIME,
        optional=True,
        group=PEOPLE,
    ),
    Command("help", WORDS, "list the commands; /help WORD: what that one does", optional=True),
    Command("quit", "", "log out and leave"),
)

_BY_WORD: Final = {command.word: command for command in COMMANDS}


def takes_name(word: str) -> bool:
    """Return whether a command's argument is the name of a user."""
    return word in _BY_WORD and _BY_WORD[word].takes == NAME


def parse(line: str) -> Say | Order | None:
    """Return what the line means; None for a blank one.

    A line that begins with a slash is a command and never sent as text; two slashes send a text
    that begins with one. Raise UsageError for an unknown command, a wrong argument, or a blank
    before the slash. The line feed at the end of what was pasted says nothing.
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
            "a space is before the slash; nothing was sent or done",
            advice=f"{word} without it, or /{word} to say that",
        )
    return _command(stripped)


def _command(line: str) -> Say | Order:
    """Return what a line means that begins with a slash."""
    word, *arguments = line[1:].split() or [""]
    word = word.lower()
    if word == "me" and arguments:
        return Say(f"/me {' '.join(arguments)}")
    word = SAME.get(word, word)
    command = _BY_WORD.get(word)
    if command is None:
        raise _unknown(word)
    if word == "chat" and len(arguments) > 1 and arguments[1:] != [command.extra]:
        raise UsageError(
            "nothing was sent", advice=f"{command.usage}, and then what you want to say"
        )
    if command.takes == WORDS and arguments:
        arguments = [" ".join(arguments)]
    extra = arguments.pop() if _is_extra(command, arguments) else ""
    due = len(arguments) == bool(command.takes) or (command.optional and not arguments)
    if not due:
        raise UsageError(f"/{word} was not understood", advice=command.usage)
    return Order(word, arguments[0] if arguments else "", extra)


def _is_extra(command: Command, arguments: list[str]) -> bool:
    """Return whether the last word is the command's extra one."""
    if command.extra != TIME:
        return bool(command.extra) and arguments[1:] == [command.extra]
    alone = len(arguments) == 1 and (is_duration(arguments[0]) or arguments[0] == "off")
    return alone or len(arguments) == len(("NAME", "TIME"))


def help_rows() -> list[tuple[str, str]]:
    """Return how each thing is typed, and what it does."""
    rows = [(command.usage, command.help) for command in COMMANDS]
    return [*rows, ("//text", "say a text that begins with a slash")]


def help_lines(word: str = "") -> list[str]:
    """Return the commands in a few lines, by group, or the help of one of them.

    Raise UsageError if there is no such command.
    """
    if not word:
        grouped = [
            f"{group + ':':<8}{'  '.join(f'/{c.word}' for c in COMMANDS if c.group == group)}"
            for group in (TALK, PEOPLE, LINES, REST)
        ]
        return [
            *grouped,
            "/help WORD: what that one does; //text: say a text that begins with a slash",
        ]
    word = word.removeprefix("/")
    command = _BY_WORD.get(SAME.get(word, word))
    if command is None:
        raise _unknown(word)
    others = ", ".join(f"/{other}" for other, same in SAME.items() if same == command.word)
    return [f"{command.usage}: {command.help}", *([f"also: {others}"] if others else [])]


def complete(before_cursor: str, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what could stand instead of the last word, each with what it means.

    `names` are those of users, each with what is known of them.
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
    advice = f"did you mean /{SAME.get(near, near)}?" if near else "/help shows what there is"
    return UsageError(f"there is no command /{word}; nothing was sent", advice=advice)
