"""Plain lines from a pipe or a file: whole, in pieces, and at the end."""

import io
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from p2pchat.net.loop import Loop
from p2pchat.protocol.client.events import TextReceived
from p2pchat.ui.program.plain import LineInput, LineWriter, PacedWriter, ended_with_reader
from p2pchat.ui.screen.view import View
from tests.fakes import settle


class Typed:
    """A fake app that records what is submitted."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended = False
        self.wants_input = True

    def when_input_is_wanted(self, callback: Callable[[], None]) -> None:
        self.on_input_wanted = callback

    def submit(self, line: str) -> None:
        assert not self.ended
        self.lines.append(line)

    def refuse_line(self, why: str) -> None:
        self.lines.append(f"refused: {why}")

    def end_input(self) -> None:
        self.ended = True


def turns(loop: Loop) -> None:
    for _ in range(5):
        loop.run_once(0)


def test_lines_from_a_pipe(loop: Loop) -> None:
    """Lines may be split anywhere, even within a character; the last needs no line feed."""
    r, w = os.pipe()
    app = Typed()
    LineInput(loop, r, app)  # type: ignore[arg-type]
    data = "bir\niki — üç\r\n\ndört".encode()
    for i in range(len(data)):
        os.write(w, data[i : i + 1])
        loop.run_once(0)
    assert app.lines == ["bir", "iki — üç", ""]
    os.close(w)
    turns(loop)
    assert app.lines[-1] == "dört"
    assert app.ended
    assert loop.idle
    os.close(r)


def test_lines_from_a_file(loop: Loop, tmp_path: Path) -> None:
    """Lines are read from a redirected file, which epoll refuses."""
    (tmp_path / "in").write_text("one\ntwo\n")
    descriptor = os.open(tmp_path / "in", os.O_RDONLY)
    app = Typed()
    LineInput(loop, descriptor, app)  # type: ignore[arg-type]
    settle(loop)
    assert app.lines == ["one", "two"]
    assert app.ended
    os.close(descriptor)


def test_invalid_utf8_is_replaced(loop: Loop) -> None:
    """Bytes that are not UTF-8 are replaced."""
    r, w = os.pipe()
    app = Typed()
    LineInput(loop, r, app)  # type: ignore[arg-type]
    os.write(w, b"\xff\xfe\n")
    os.close(w)
    turns(loop)
    assert app.lines == ["\N{REPLACEMENT CHARACTER}" * 2]
    os.close(r)


def test_each_line_is_flushed(loop: Loop) -> None:
    """Each line is flushed, since a reader of the pipe waits for it."""

    class Flushed(io.StringIO):
        flushes = 0

        def flush(self) -> None:
            self.flushes += 1

    out = Flushed()
    view = View(PacedWriter(out, loop).write, plain=True)
    view.tell("you are in no chat")
    view.show(TextReceived("bob", "hi\nthere"))
    assert out.getvalue() == "* you are in no chat\nbob: hi\nbob: there\n"
    assert out.flushes == 3


def test_closed_pipe_is_raised_once(loop: Loop) -> None:
    """A closed pipe raises BrokenPipeError once, between turns; later lines are dropped."""
    r, w = os.pipe()
    with open(w, "w", encoding="utf-8") as out:
        writer = LineWriter(out, loop.end_with)
        with ended_with_reader(loop, w):
            loop.run_once(0)
            os.close(r)
            with pytest.raises(BrokenPipeError):
                loop.run_once(0)
        for _ in range(2):
            writer.write([[("", "a")]])
        with pytest.raises(BrokenPipeError):
            loop.run_once(0)
        loop.run_once(0)
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, w)  # so that what is left in the buffer can be flushed
        os.close(devnull)


def test_only_pipes_are_checked_for_a_reader(loop: Loop, tmp_path: Path) -> None:
    """A file has no reader to wait for."""
    with (tmp_path / "out").open("w") as out, ended_with_reader(loop, out.fileno()):
        assert loop.next_deadline() is None


@pytest.mark.parametrize("closes", [1, 2])
def test_close_leaves_the_descriptor_open(loop: Loop, closes: int) -> None:
    """close() stops reading and leaves the descriptor, which is stdin's."""
    r, w = os.pipe()
    app = Typed()
    lines = LineInput(loop, r, app)  # type: ignore[arg-type]
    for _ in range(closes):
        lines.close()
    os.write(w, b"x\n")
    turns(loop)
    assert app.lines == []
    assert os.read(r, 10) == b"x\n"
    os.close(r)
    os.close(w)


@contextmanager
def memory_traced() -> Iterator[Callable[[], int]]:
    """Give what returns how many bytes were allocated since then, and are still in use."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_a_line_without_end_is_not_kept(loop: Loop) -> None:
    """It is refused at its end, and the next one is taken."""
    r, w = os.pipe()
    app = Typed()
    LineInput(loop, r, app)  # type: ignore[arg-type]
    with memory_traced() as allocated:
        for _ in range(100):
            os.write(w, b"x" * 60_000)
            loop.run_once(0)
            assert allocated() <= 2 * 1024 * 1024
    os.write(w, b"\nnext\n")
    turns(loop)
    assert [line[:20] for line in app.lines] == ["refused: a line of m", "next"]
    os.close(w)
    turns(loop)
    os.close(r)


def test_slow_reader_does_not_block_the_node(real_loop: Loop) -> None:
    """Unread lines wait up to a limit, which is reported."""
    r, w = os.pipe()
    told: list[bool] = []
    with open(w, "w", encoding="utf-8") as out, open(r, encoding="utf-8") as reader:
        writer = PacedWriter(out, real_loop)
        writer.on_behind = told.append
        for n in range(400):
            writer.write([[("", f"{n} {'x' * 1000}")]])
            real_loop.run_once(0)
        assert told == [True]
        lines: list[str] = []
        thread = threading.Thread(
            target=lambda: lines.extend(reader.readline() for _ in range(400))
        )
        thread.start()
        writer.flush()
        thread.join()
        writer.close()
    assert [line.split()[0] for line in lines] == [str(n) for n in range(400)]
    assert told == [True, False]
