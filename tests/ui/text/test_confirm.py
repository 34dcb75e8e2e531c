"""Texts that need a confirmation before they are sent."""

import pytest

from p2pchat.ui.text.commands import Say, parse
from p2pchat.ui.text.confirm import as_meant, why_ask


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("hello", ""),
        ("/quit", ""),
        ("//quit", ""),
        (" hello / there", ""),
        ("one\ntwo\nthree", ""),
        (" /quit", "not a command"),
        ("\t/chat bob", "not a command"),
        ("\n".join("x" * 200), "200 lines"),
        ("x" * 20_000, "20000 characters"),
    ],
)
def test_only_doubtful_text_is_asked_about(text: str, question: str) -> None:
    """A likely mistyped command and a very long text are asked about, others are not."""
    assert question in why_ask(text)
    assert bool(question) == bool(why_ask(text))


def test_confirmed_text_is_sent_as_typed() -> None:
    """A confirmed text is sent as it was typed, but for line feeds at its end."""
    for text in (" /quit", "\t/chat bob", "x\n" * 100):
        assert parse(as_meant(text)) == Say(text.rstrip("\n"))
