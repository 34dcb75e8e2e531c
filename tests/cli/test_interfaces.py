"""The same request has the same answer at the prompt, in plain lines, as a JSON order and as a
command.

Each row is one request; interfaces that do not support it are left out.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.people import People
from tests.programs import Program, running
from tests.terminal.screen import Screen


class Wish(NamedTuple):
    """What is typed, ordered and run for one request, and the answer that all give."""

    typed: str
    order: dict[str, Any] | None
    command: tuple[str, ...] | None
    answer: str
    exit_code: int = 0


WISHES = [
    Wish(
        "/search BOBB",
        {"command": "search", "user": "BOBB"},
        ("search", "BOBB"),
        "there is no user named bobb|^bobb: no such user|did you mean bob",
        5,
    ),
    Wish(
        "/search BOB",
        {"command": "search", "user": "BOB"},
        ("search", "BOB"),
        "offline|online.: false",
        6,
    ),
    Wish(
        "/search b*b",
        {"command": "search", "user": "b\u200bb"},
        ("search", "b\u200bb"),
        "not a valid username|no user named",
        2,
    ),
    Wish(
        "/verify Bob",
        {"command": "verify", "user": "Bob"},
        ("verify", "Bob"),
        r"(\d{5} ){11}\d{5}",
    ),
    Wish(
        "/verify zoe",
        {"command": "verify", "user": "zoe"},
        ("verify", "zoe"),
        "you have no key of zoe yet",
        2,
    ),
    Wish(
        "/trust BOB",
        {"command": "trust", "user": "BOB"},
        ("trust", "BOB"),
        "no other key of bob has been seen",
        2,
    ),
    Wish(
        "/history BOB",
        {"command": "history", "user": "BOB"},
        ("history", "BOB"),
        "hello there",
    ),
    Wish(
        "/search-history THERE",
        {"command": "search-history", "words": "THERE"},
        ("history", "--search", "THERE"),
        "hello there",
    ),
    Wish("/block BOB", {"command": "block", "user": "BOB"}, None, "bob is blocked|user.: .bob"),
    Wish("/contacts", {"command": "contacts"}, ("contacts",), "bob.*blocked"),
    Wish(
        "/unblock BOB",
        {"command": "unblock", "user": "BOB"},
        None,
        "bob is no longer bl|user.: .bob",
    ),
    Wish(
        "/mute BOB 8h", {"command": "mute", "user": "BOB", "time": "8h"}, None, "bob.*(sound|true)"
    ),
    Wish("/accept", {"command": "accept"}, None, "there is no call to answer"),
    Wish("/reject bob", {"command": "reject", "user": "bob"}, None, "bob is not calling you"),
    Wish("/leave", {"command": "leave", "user": "bob"}, None, "you are in no chat"),
    Wish(
        "/chat BOB",
        {"command": "chat", "user": "BOB"},
        ("chat", "BOB"),
        "bob is offline: what you|contact_away.*bob",
    ),
    Wish(
        "/later soon x", None, ("send", "bob", "x", "--at", "soon"), "not a time in the future", 2
    ),
    Wish("for later", {"command": "send", "to": "BOB", "text": "for later"}, None, "queued|number"),
    Wish("/outbox", {"command": "outbox"}, ("outbox",), "for later"),
    Wish("/nonsense", {"command": "nonsense"}, ("nonsense",), "there is no command", 2),
]


def test_prompt(people: People) -> None:
    """The rows at a prompt on a terminal."""
    screen = Screen("login", env=people.env["alice"], screens=[], rows=60)
    try:
        screen.wait_until(lambda: "connected" in screen.toolbar)
        for wish in WISHES:
            screen.enter(wish.typed)
            screen.wait_for(wish.answer)
    finally:
        screen.kill()


def test_plain_lines(people: People) -> None:
    """The rows as plain lines from a pipe."""
    with running(people.start("alice")) as alice:
        for wish in WISHES:
            if not wish.typed.startswith("/"):
                alice.type(wish.typed)  # its state is shown by /outbox, the next row
                continue
            alice.type(wish.typed)
            alice.wait_for(wish.answer)


@pytest.fixture
def bot(people: People) -> Iterator[Program]:
    """Yield a program that is logged in."""
    with running(Program("login", "--json", env=people.env["alice"])) as bot:
        bot.wait_for("logged_in")
        yield bot


def test_json_orders(bot: Program) -> None:
    """Each order is answered by its id, with the exit code of the command."""
    for number, wish in enumerate(WISHES):
        if wish.order is None:
            continue
        before = len(bot.said)
        bot.type(json.dumps({"id": number, **wish.order}))
        bot.wait_for(rf'"event": "(done|error)".*"id": {number}[,}}]')
        if wish.typed == "/chat BOB":
            bot.wait_for(wish.answer)
        told = bot.said[before:]
        assert any(re.search(wish.answer, line) for line in told), (wish, told)
        if wish.exit_code and "error" in told[-1]:
            assert json.loads(told[-1])["exit_code"] == wish.exit_code, wish


def test_shell_commands(people: People) -> None:
    """The rows as commands of a shell, with their exit codes."""
    people.run("alice", "login", stdin="/block bob\n/chat bob\nfor later\n")
    for wish in WISHES:
        if wish.command is None:
            continue
        code, said, err = people.run("alice", *wish.command)
        told = "\n".join([*said, err])
        assert re.search(wish.answer, told, re.MULTILINE), (wish, told)
        assert code == wish.exit_code or wish.typed == "/chat BOB", (wish, code, told)
