"""The prompt: what stands around the line, its completion, its history."""

import stat
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import fragment_list_to_text, to_formatted_text
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from p2pchat.protocol.screen import Around
from p2pchat.ui.prompt import Prompt


def text_of(formatted: object) -> str:
    return fragment_list_to_text(to_formatted_text(formatted))  # type: ignore[arg-type]


def test_what_is_given_stands_around_the_line() -> None:
    """Lines that are not settled above it, with their states, and the toolbar below."""
    given = Around("alice to bob> ")
    with create_pipe_input() as keyboard:
        prompt = Prompt(lambda: given, history_file=None, input=keyboard, output=DummyOutput())
        assert text_of(prompt.session.message) == "alice to bob> "
        given = Around(
            "alice to bob> ",
            (("", "left | "), ("class:x", "right")),
            (("one", "sent"), ("two\nmore", "queued")),
            3,
        )
        assert text_of(prompt.session.message).splitlines() == [
            "* 3 more lines wait",
            "alice to bob> one  (sent)",
            "alice to bob> two",
            "              more  (queued)",
            "alice to bob> ",
        ]
        assert text_of(prompt.session.bottom_toolbar) == "left | right"


def test_completion_and_a_private_history(tmp_path: Path) -> None:
    """Commands and known names; what was typed is its owner's."""
    file = tmp_path / "input-history"
    given = Around("> ", names=(("bea", ""), ("bob", "online")))
    with create_pipe_input() as keyboard:
        prompt = Prompt(lambda: given, history_file=file, input=keyboard, output=DummyOutput())
        completer = prompt.session.completer
        assert completer is not None

        def offered(text: str) -> list[str]:
            document = Document(text, len(text))
            return [c.text for c in completer.get_completions(document, CompleteEvent())]

        assert offered("/chat b") == ["bea", "bob"]
        assert offered("/qu") == ["/quit"]
        assert offered("hello b") == []
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
