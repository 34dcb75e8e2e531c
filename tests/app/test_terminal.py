"""What the person at a terminal is told and asked beneath a command."""

import io

import pytest

from p2pchat.app.terminal import can_confirm, confirm, is_terminal, notify


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)],
    ids=["y", "yes", "n", "enter", "end of input"],
)
def test_only_a_yes_is_one(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    answer: bool,
) -> None:
    """And the question goes to stderr, where no program takes it for a result."""
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert confirm("Trust it?") is answer
    assert capsys.readouterr() == ("", "Trust it? [y/N]: ")


def test_what_is_neither_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip is no decision."""
    monkeypatch.setattr("sys.stdin", Terminal("maybe\ny\n"))
    assert confirm("Trust it?")
    assert capsys.readouterr().err.count("[y/N]") == 2


def test_a_terminal_obeys_nothing_of_what_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A remote's text may be part of a sentence."""
    notify("likely: \x1b[2Jgone")
    assert "\x1b" not in capsys.readouterr().err


def test_asking_needs_a_terminal_for_the_question_and_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A closed standard stream is no terminal."""
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert not can_confirm()
    monkeypatch.setattr("sys.stderr", Terminal())
    assert can_confirm()
    monkeypatch.setattr("sys.stdin", None)
    assert not can_confirm()
    assert not is_terminal(None)
