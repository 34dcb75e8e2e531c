"""Our loop inside prompt_toolkit's, with a pipe for a keyboard: keys, events, failures."""

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
    """Stands for the chat app: does with a line what the test says."""

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
    """What is typed."""
    with create_pipe_input() as pipe:
        yield pipe


@pytest.fixture
def prompt(keyboard: PipeInput) -> Prompt:
    """A prompt with a pipe for a keyboard and no screen."""
    return Prompt(lambda: Around("> "), history_file=None, input=keyboard, output=DummyOutput())


def test_lines_go_to_the_app_until_it_is_done(
    real_loop: Loop, prompt: Prompt, keyboard: PipeInput
) -> None:
    """One prompt after the other."""
    app = App(lambda app, line: app.finish() if line == "two" else None)
    keyboard.send_text("one\ntwo\nthree\n")
    host.run(real_loop, app, prompt)  # type: ignore[arg-type]
    assert app.lines == ["one", "two"]


def test_what_our_loop_does_can_end_the_prompt(real_loop: Loop, prompt: Prompt) -> None:
    """A deadline of ours, with nobody typing."""
    app = App()
    real_loop.call_later(0.01, app.finish)
    host.run(real_loop, app, prompt)  # type: ignore[arg-type]
    assert app.lines == []


def test_our_descriptors_wake_the_host(real_loop: Loop, prompt: Prompt) -> None:
    """A call from another thread comes through the selector's descriptor; no thread is made."""
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


def test_a_bug_in_a_callback_ends_the_prompt_and_is_raised(real_loop: Loop, prompt: Prompt) -> None:
    """Not swallowed by the other loop, which would leave the prompt hanging."""
    real_loop.call_later(0.01, partial(divmod, 1, 0))
    with pytest.raises(ZeroDivisionError):
        host.run(real_loop, App(), prompt)  # type: ignore[arg-type]


def test_a_bug_in_a_command_is_raised_too(
    real_loop: Loop, prompt: Prompt, keyboard: PipeInput
) -> None:
    """What the app does with a line runs inside the other loop as well."""
    keyboard.send_text("divide\n")
    with pytest.raises(ZeroDivisionError):
        host.run(real_loop, App(lambda *_: 1 // 0), prompt)  # type: ignore[arg-type]


def test_ctrl_d_finishes_and_ctrl_c_interrupts(
    real_loop: Loop, prompt: Prompt, keyboard: PipeInput
) -> None:
    """Ctrl-D is leaving, Ctrl-C is 130."""
    app = App()
    keyboard.send_text("\x04")
    host.run(real_loop, app, prompt)  # type: ignore[arg-type]
    assert app.done
    keyboard.send_text("\x03\x03")
    with pytest.raises(KeyboardInterrupt):
        host.run(real_loop, App(), prompt)  # type: ignore[arg-type]
