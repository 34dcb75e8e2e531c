"""What a user at a terminal is told and asked."""

import io

import pytest

from p2pchat.app.terminal import can_confirm, confirm, is_terminal, notify


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)],
    ids=["y", "yes", "n", "enter", "end of input"],
)
def test_only_yes_confirms(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    answer: bool,
) -> None:
    """Only `y` and `yes` confirm; the question goes to stderr."""
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert confirm("Trust it?") is answer
    assert capsys.readouterr() == ("", "Trust it? [y/N]: ")


def test_unclear_answer_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another answer repeats the question."""
    monkeypatch.setattr("sys.stdin", Terminal("maybe\ny\n"))
    assert confirm("Trust it?")
    assert capsys.readouterr().err.count("[y/N]") == 2


def test_notification_contains_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters of a remote's text are removed."""
    notify("likely: \x1b[2Jgone")
    assert "\x1b" not in capsys.readouterr().err


def test_confirmation_needs_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both stdin and stderr must be terminals; a closed stream is not one."""
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert not can_confirm()
    monkeypatch.setattr("sys.stderr", Terminal())
    assert can_confirm()
    monkeypatch.setattr("sys.stdin", None)
    assert not can_confirm()
    assert not is_terminal(None)
