"""The prompt: the text around the line, its completion, its history."""

import asyncio
import stat
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import fragment_list_to_text, to_formatted_text
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from p2pchat.ui.prompt.prompt import Prompt
from p2pchat.ui.screen.around import Around
from p2pchat.ui.text.fragments import Piece
from p2pchat.ui.text.render import our_lines


def text_of(formatted: object) -> str:
    return fragment_list_to_text(to_formatted_text(formatted))  # type: ignore[arg-type]


def test_text_around_the_line() -> None:
    """Unsettled lines with their states are above the line, the toolbar is below."""
    given = Around("alice to bob> ")
    with create_pipe_input() as keyboard:
        prompt = Prompt(lambda: given, history_file=None, input=keyboard, output=DummyOutput())
        assert text_of(prompt.session.message) == "alice to bob> "
        given = Around(
            "alice to bob> ",
            (Piece("", ("left",), 1),),
            (Piece("class:x", ("right",), 1),),
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
        assert text_of(prompt.session.bottom_toolbar).split() == ["left", "right"]


@pytest.mark.parametrize("state", ["", "sent", "delivered", "not sent", "waits for an answer"])
def test_any_state_of_a_line_can_be_shown(state: str) -> None:
    """No word of a state is taken for a colour, which once ended the prompt."""
    screen = Screen()
    with create_pipe_input() as keyboard:
        prompt = Prompt(lambda: Around("> "), history_file=None, input=keyboard, output=screen)
        prompt.write(our_lines("> ", "bring the cake", state))
    mark = {"": "", "delivered": "  ✓"}.get(state, f"  ({state})")
    assert screen.text == f"> bring the cake{mark}\r\n"


class Screen(DummyOutput):
    """Records the text that is written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, data: str) -> None:
        self.text += data


def test_completion_and_private_history(tmp_path: Path) -> None:
    """Commands and known names are completed, and the history file has mode 0600."""
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


def test_arrow_up_right_after_enter(tmp_path: Path) -> None:
    """Arrow up finds the line just entered, even before the prompt is redrawn."""
    lines: list[str] = []
    with create_pipe_input() as keyboard:
        prompt = Prompt(
            lambda: Around("> "),
            history_file=tmp_path / "input-history",
            input=keyboard,
            output=DummyOutput(),
        )

        def on_line(line: str) -> None:
            lines.append(line)
            if len(lines) == 1:
                keyboard.send_text("\x1b[A\r")
            else:
                prompt.session.app.exit(result="")

        prompt.on_line = on_line
        keyboard.send_text("again\r")
        asyncio.run(prompt.session.app.run_async())
    assert lines == ["again", "again"]
