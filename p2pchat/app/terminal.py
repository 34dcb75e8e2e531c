"""Minimal dialogue with the user: whether there is a terminal, notices, and yes-or-no questions.

For events beneath a command, such as a registry's unknown key. Prompts, colours and command output
belong to the command line.
"""

import sys
from typing import IO


def is_terminal(stream: IO[str] | None) -> bool:
    """Return whether the stream is a terminal; a closed standard stream is None."""
    return stream is not None and stream.isatty()


def can_confirm() -> bool:
    """Return whether `confirm` can ask: its question and the answer both need a terminal."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def notify(sentence: str) -> None:
    """Write a line to stderr, with control characters replaced."""
    _write(f"{sentence}\n")


def confirm(question: str) -> bool:
    """Ask on stderr and return whether the answer is yes; end of input means no."""
    while True:
        _write(f"{question} [y/N]: ")
        answer = sys.stdin.readline()
        if answer.strip().lower() in {"y", "yes"}:
            return True
        if answer.strip().lower() in {"", "n", "no"}:
            return False


def _write(text: str) -> None:
    from p2pchat.protocol.text import printable  # late: most commands do not need it

    if sys.stderr is not None:
        sys.stderr.write(printable(text))
        sys.stderr.flush()
