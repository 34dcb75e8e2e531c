"""Lines written to a real pipe whose reader is slow or gone."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchat.net.loop import Loop
from p2pchat.ui.program.line_out import LineOut


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Yield a real pipe."""
    r, w = os.pipe()
    yield r, w
    os.close(w)


def test_slow_reader_gets_every_line(real_loop: Loop, pipe: tuple[int, int]) -> None:
    """Writing never blocks; a slow reader gets all lines in order, each then reported
    as written.
    """
    r, w = pipe
    out = LineOut(real_loop, w)
    written: list[int] = []
    lines = [f"{n} {'✓' * 30_000}" for n in range(10)]
    for n, line in enumerate(lines):
        out.write(line, lambda n=n: written.append(n))
    for _ in range(200):
        real_loop.run_once(0)
    assert len(written) < 2
    read = b""
    while len(written) < len(lines):
        read += os.read(r, 65536)
        for _ in range(20):
            real_loop.run_once(0)
    out.close()
    os.set_blocking(r, False)
    read += os.read(r, 1_000_000)
    assert read.decode() == "\n".join(lines) + "\n"
    os.close(r)


def test_line_written_in_a_callback(real_loop: Loop, pipe: tuple[int, int]) -> None:
    """A callback may write another line."""
    r, w = pipe
    out = LineOut(real_loop, w)
    done: list[bool] = []
    out.write("one", lambda: out.write("two", lambda: done.append(True)))
    real_loop.run_until(lambda: bool(done))
    assert os.read(r, 100) == b"one\ntwo\n"
    out.close()
    os.close(r)


@pytest.mark.parametrize("due", [0, 1])
def test_closed_pipe_is_noticed(real_loop: Loop, pipe: tuple[int, int], due: int) -> None:
    """A closed pipe raises BrokenPipeError even if nothing is to be written."""
    r, w = pipe
    out = LineOut(real_loop, w)
    written: list[bool] = []
    for _ in range(due):
        out.write("x", lambda: written.append(True))
    os.close(r)
    with pytest.raises(BrokenPipeError):
        real_loop.run_once(0)
    assert written == []
    out.close()


def test_file_is_always_ready(real_loop: Loop, tmp_path: Path) -> None:
    """Lines can be written to a plain file."""
    with (tmp_path / "out").open("w") as file:
        out = LineOut(real_loop, file.fileno())
        done: list[bool] = []
        for n in range(3):
            out.write("x" * 5000 + str(n), lambda: done.append(True))
        real_loop.run_until(lambda: len(done) == 3)
        out.close()
    assert [line[-1] for line in (tmp_path / "out").read_text().splitlines()] == ["0", "1", "2"]
