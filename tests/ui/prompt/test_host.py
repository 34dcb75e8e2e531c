"""Our loop inside prompt_toolkit's, with a pipe as the keyboard."""

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from p2pchat.net.loop import Loop
from p2pchat.ui.prompt import host
from p2pchat.ui.prompt.prompt import Prompt
from p2pchat.ui.screen.around import Around


class App:
    """A fake app that handles lines as the test says."""

    def __init__(self, on_line: Callable[["App", str], None] = lambda app, _: app.finish()) -> None:
        self.lines: list[str] = []
        self.done = False
        self._on_line = on_line

    def submit(self, line: str) -> None:
        self.lines.append(line)
        self._on_line(self, line)

    def finish(self) -> None:
        self.done = True


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    """Yield the keyboard."""
    with create_pipe_input() as pipe:
        yield pipe


@pytest.fixture
def prompt(keyboard: PipeInput) -> Prompt:
    """Return a prompt with a pipe as the keyboard and no screen."""
    return Prompt(lambda: Around("> "), history_file=None, input=keyboard, output=DummyOutput())


def test_lines_go_to_the_app_until_it_is_done(
    real_loop: Loop, prompt: Prompt, keyboard: PipeInput
) -> None:
    """The app receives one line after the other until it is done."""
    app = App(lambda app, line: app.finish() if line == "two" else None)
    keyboard.send_text("one\ntwo\nthree\n")
    host.run(real_loop, app, prompt)  # type: ignore[arg-type]
    assert app.lines == ["one", "two"]


def test_our_timer_can_end_the_prompt(real_loop: Loop, prompt: Prompt) -> None:
    """A timer of our loop ends the prompt without any input."""
    app = App()
    real_loop.call_later(0.01, app.finish)
    host.run(real_loop, app, prompt)  # type: ignore[arg-type]
    assert app.lines == []


def test_our_descriptors_wake_the_host(real_loop: Loop, prompt: Prompt) -> None:
    """A call from another thread arrives through the selector's descriptor, without a
    new thread.
    """
    app = App()
    threads: list[int] = []

    def arrive() -> None:
        threads.append(threading.active_count())
        prompt.write([[("", "chat with bob started")]])
        app.finish()

    other = threading.Thread(target=lambda: real_loop.call_from_thread(arrive))
    real_loop.call_soon(other.start)
    before = threading.active_count()
    host.run(real_loop, app, prompt)  # type: ignore[arg-type]
    other.join()
    assert threads[0] <= before + 1


def test_exception_in_a_callback_is_raised(real_loop: Loop, prompt: Prompt) -> None:
    """An exception in a callback ends the prompt and is raised."""
    real_loop.call_later(0.01, partial(divmod, 1, 0))
    with pytest.raises(ZeroDivisionError):
        host.run(real_loop, App(), prompt)  # type: ignore[arg-type]


def test_exception_in_a_command_is_raised(
    real_loop: Loop, prompt: Prompt, keyboard: PipeInput
) -> None:
    """An exception in the handling of a line is raised as well."""
    keyboard.send_text("divide\n")
    with pytest.raises(ZeroDivisionError):
        host.run(real_loop, App(lambda *_: 1 // 0), prompt)  # type: ignore[arg-type]


def test_ctrl_d_finishes_and_ctrl_c_interrupts(
    real_loop: Loop, prompt: Prompt, keyboard: PipeInput
) -> None:
    """Ctrl-D finishes the app, and Ctrl-C raises KeyboardInterrupt."""
    app = App()
    keyboard.send_text("\x04")
    host.run(real_loop, app, prompt)  # type: ignore[arg-type]
    assert app.done
    keyboard.send_text("\x03\x03")
    with pytest.raises(KeyboardInterrupt):
        host.run(real_loop, App(), prompt)  # type: ignore[arg-type]
