"""What is asked about before it is said, and what is not."""

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
def test_only_what_may_not_be_meant_is_asked_about(text: str, question: str) -> None:
    """With how much it is."""
    assert question in why_ask(text)
    assert bool(question) == bool(why_ask(text))


def test_what_is_said_after_all_is_said_as_it_was_typed() -> None:
    """A blank and a slash included, but for the line feed at its end."""
    for text in (" /quit", "\t/chat bob", "x\n" * 100):
        assert parse(as_meant(text)) == Say(text.rstrip("\n"))
