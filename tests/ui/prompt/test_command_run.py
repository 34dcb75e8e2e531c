"""A command that the user runs, and its output."""

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
def test_output_is_a_code_block(command: str, lines: list[str]) -> None:
    """Both streams are shown in order without escape sequences, with the exit code if not 0."""
    assert _run(command).split("\n") == ["```", *lines, "```"]


def test_output_is_cut_to_a_message() -> None:
    """Output above the size of a message is cut and the command ended."""
    block = _run("yes")
    assert len(block.encode()) < 60_000
    assert block.endswith("... (output truncated)\n```")


def test_command_can_be_stopped() -> None:
    """Stopping a command ends all its processes."""
    assert _run("cat /dev/zero | sleep 1000", stop=True).endswith("(ended by signal 9)\n```")
