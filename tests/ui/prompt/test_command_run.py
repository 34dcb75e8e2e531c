"""A command of the user's, and what it printed."""

import pytest

from p2pchat.net.loop import Loop
from p2pchat.ui.prompt.command_run import CommandRun


def _run(command: str, *, stop: bool = False) -> str:
    blocks: list[str] = []
    loop = Loop()
    try:
        run = CommandRun(loop, command, blocks.append)
        if stop:
            run.stop()
        loop.run_until(lambda: bool(blocks))
        assert loop.idle
    finally:
        loop.close()
    (block,) = blocks
    return block


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("echo one; echo two >&2", ["$ echo one; echo two >&2", "one", "two"]),
        ("exit 3", ["$ exit 3", "(exit code 3)"]),
        ("true", ["$ true"]),
        ("cat", ["$ cat"]),
        (r"printf 'a\033[31mb\n'", [r"$ printf 'a\033[31mb\n'", "a\ufffd[31mb"]),
        (r"printf '\377\n  x'", [r"$ printf '\377\n  x'", "\ufffd", "  x"]),
    ],
)
def test_what_it_printed_is_a_block(command: str, lines: list[str]) -> None:
    """Both streams in order, without a terminal's escapes; and how it ended, if not well."""
    assert _run(command).split("\n") == ["```", *lines, "```"]


def test_no_more_than_a_message_takes() -> None:
    """The rest is left out, and the command ended."""
    block = _run("yes")
    assert len(block.encode()) < 60_000
    assert block.endswith("... (output truncated)\n```")


def test_it_can_be_stopped() -> None:
    """With everything that it has started."""
    assert _run("cat /dev/zero | sleep 1000", stop=True).endswith("(ended by signal 9)\n```")
