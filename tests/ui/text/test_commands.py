"""The meaning of a typed line."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p2pchat.errors import UsageError
from p2pchat.ui.text.brought_words import ELSEWHERE, SAME
from p2pchat.ui.text.commands import COMMANDS, Order, Say, complete, help_lines, parse


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("", None),
        ("   ", None),
        ("hello", Say("hello")),
        ("  indented", Say("  indented")),
        ("what about /quit", Say("what about /quit")),
        ("//etc/passwd", Say("/etc/passwd")),
        ("/chat bob", Order("chat", "bob")),
        ("/chat   bob  ", Order("chat", "bob")),
        ("/quit", Order("quit")),
        ("/accept", Order("accept")),
        ("/accept bob", Order("accept", "bob")),
        ("/search-history pizza  friday", Order("search-history", "pizza friday")),
        ("OK", Say("OK")),
        ("pasted\n", Say("pasted")),
        ("two\nlines\n\n", Say("two\nlines")),
        ("/quit\n", Order("quit")),
        ("REJECT", Say("REJECT")),
    ],
)
def test_line_is_text_or_a_command(line: str, meant: object) -> None:
    """A line is a text, or a command if it begins with a slash."""
    assert parse(line) == meant


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("/chta bob", "did you mean /chat?"),
        ("/xyzzy", "/help"),
        ("/", "/help"),
        ("/chat", "usage: /chat NAME"),
        ("/chat bob and carol", "/chat NAME"),
        ("/quit now", "usage: /quit"),
        ("/password hunter2", "p2p passwd"),
    ],
)
def test_unknown_command_is_never_sent(line: str, hint: str) -> None:
    """An unknown command is never sent, since it may hold a secret; the error has a suggestion."""
    with pytest.raises(UsageError) as error:
        parse(line)
    assert hint in (error.value.likely or error.value.advice or error.value.what)
    assert "hunter2" not in error.value.what


@given(st.text())
@example("0\r")
@example("0\n\n")
def test_any_line_is_parsed(line: str) -> None:
    """A text keeps every character but line feeds at its end."""
    try:
        meant = parse(line)
    except UsageError:
        assert line.strip().startswith("/")
        return
    if isinstance(meant, Say) and not line.strip().startswith("/"):
        assert meant.text == line.rstrip("\r\n")


def test_completion_of_commands_and_names() -> None:
    """Commands are completed at the start, names after commands that take one."""
    names = {"bobby": "", "bob": "online", "alice": ""}
    assert [c for c, _ in complete("/", names)] == [f"/{c.word}" for c in COMMANDS]
    assert complete("/se", names)[0] == ("/search", "show whether a user is online, and where")
    assert [c for c, _ in complete("/chat bo", names)] == ["bob", "bobby"]
    assert complete("/chat bob", names)[0] == ("bob", "online")
    assert [c for c, _ in complete("/search ", names)] == sorted(names)
    assert complete("/quit ", names) == []
    assert complete("/chat bob c", names) == []
    assert complete("bo", names) == []


def test_help_lists_every_command() -> None:
    """The help is short, lists every command and explains each one."""
    assert len(help_lines()) <= 6
    text = "\n".join(help_lines())
    assert all(f"/{c.word}" in text for c in COMMANDS)
    assert max(map(len, help_lines())) <= 76
    for command in COMMANDS:
        assert help_lines(command.word)[0] == f"{command.usage}: {command.help}"
        assert help_lines(f"/{command.word}") == help_lines(command.word)
    with pytest.raises(UsageError):
        help_lines("xyzzy")


@pytest.mark.parametrize("word", [*SAME, *ELSEWHERE])
def test_words_of_other_programs(word: str) -> None:
    """Words of other chat programs do the same here, or the error says what does."""
    if word in SAME:
        assert any(_is_order(f"/{word}{rest}", SAME[word]) for rest in ("", " bob"))
        return
    with pytest.raises(UsageError, match="here") as error:
        parse(f"/{word}")
    assert error.value.advice == ELSEWHERE[word]


def _is_order(line: str, word: str) -> bool:
    try:
        meant = parse(line)
    except UsageError:
        return False
    return isinstance(meant, Order) and meant.word == word


def test_synonyms_hide_no_command() -> None:
    """There are at least eighty synonyms, and none hides a command."""
    assert len(SAME) + len(ELSEWHERE) >= 80
    ours = {command.word for command in COMMANDS}
    assert not ours & (SAME.keys() | ELSEWHERE.keys())
    assert not SAME.keys() & ELSEWHERE.keys()
    assert set(SAME.values()) <= ours


def test_message_after_a_name_is_refused() -> None:
    """`/msg bob hi` is refused with advice instead of losing the message."""
    with pytest.raises(UsageError, match="nothing was sent") as error:
        parse("/msg bob hi there")
    assert error.value.advice == "/chat NAME [--in-clear], then your text"
    assert parse("/msg bob") == Order("chat", "bob")
    assert parse("/chat bob --in-clear") == Order("chat", "bob", "--in-clear")


def test_space_before_a_slash_is_refused() -> None:
    """A space before a slash is refused; with two slashes the text is sent."""
    with pytest.raises(UsageError, match="the line starts with a space"):
        parse(" /quit")
    assert parse(" //quit") == Say(" /quit")
    assert parse("/me waves  hello") == Say("/me waves hello")
    with pytest.raises(UsageError):
        parse("/me")
