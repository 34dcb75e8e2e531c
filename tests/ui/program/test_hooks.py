"""Hooks: real programs, started by the loop, with what happened in their environment."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p2pchat.app.config_file import KEYS
from p2pchat.errors import P2PError, UsageError
from p2pchat.net.loop import Loop
from p2pchat.protocol.client.event_json import event_object
from p2pchat.protocol.client.events import Called, Event, TextReceived
from p2pchat.ui.program.hooks import AT_ONCE, Commands, Hooks, parse_hooks, variables_of
from tests.protocol.client.test_event_json import AT, EVENTS

Make = Callable[..., Hooks]


class Desk:
    """Where hooks leave what they were given."""

    def __init__(self, loop: Loop, folder: Path) -> None:
        self.loop = loop
        self.folder = folder
        self.told: list[P2PError] = []
        self.log = (folder / "log").open("wb")
        self._hooks: list[Hooks] = []

    def hooks(self, commands: Commands, **environment: str) -> Hooks:
        hooks = Hooks(
            self.loop,
            commands,
            environment=environment,
            output=self.log.fileno(),
            tell=self.told.append,
        )
        self._hooks.append(hooks)
        return hooks

    def script(self, code: str) -> tuple[str, ...]:
        """Give a command that runs this in Python, in our folder."""
        return (sys.executable, "-c", f"import os, sys\nos.chdir({str(self.folder)!r})\n{code}")

    def until(self, done: Callable[[], bool]) -> None:
        """Run the loop, also until nothing runs."""
        self.loop.run_until(done)
        for hooks in self._hooks:
            self.loop.run_until(lambda hooks=hooks: not hooks.processes)

    def close(self) -> None:
        for hooks in self._hooks:
            self.loop.run_until(lambda hooks=hooks: not hooks.processes)
            hooks.close()
        self.log.close()


@pytest.fixture
def desk(real_loop: Loop, tmp_path: Path) -> Iterator[Desk]:
    """See Desk."""
    desk = Desk(real_loop, tmp_path)
    yield desk
    desk.close()


MESSAGE = TextReceived("bob", "hi; touch pwned\n`touch pwned` $(touch pwned) ✓", 7, AT)


def test_what_a_hook_is_given(desk: Desk) -> None:
    """Fields in the environment, the object on stdin, no shell anywhere."""
    keep = "open('env', 'w').write(repr(dict(os.environ))); open('in', 'w').write(sys.stdin.read())"
    hooks = desk.hooks({"message": desk.script(keep)}, KEPT="yes", LC_ALL="C.UTF-8")
    hooks.on_event(Called("bob"))
    hooks.on_event(MESSAGE)
    desk.until((desk.folder / "in").exists)
    environment = eval((desk.folder / "env").read_text())  # noqa: S307  # written by us
    assert environment["KEPT"] == "yes"
    assert {k: v for k, v in environment.items() if k.startswith("P2P_")} == {
        "P2P_EVENT": "message",
        "P2P_AT": "2023-11-14T22:13:20.123Z",
        "P2P_FROM": "bob",
        "P2P_TEXT": MESSAGE.text,
        "P2P_ID": "7",
        "P2P_SECURITY": "clear",
    }
    assert json.loads((desk.folder / "in").read_text()) == event_object(MESSAGE, 0)
    assert {file.name for file in desk.folder.iterdir()} == {"env", "in", "log"}


@pytest.mark.parametrize("character", ["x", "\n", "\u6f22", "\U0001f600"])
def test_a_long_text_is_cut_in_the_variable_and_whole_on_stdin(desk: Desk, character: str) -> None:
    """A system takes so much of one variable, and a pipe would be full; no text fails a hook."""
    text = character * (65_536 // len(character.encode()))
    count = (
        "import json; said = json.load(sys.stdin)['text'];"
        "kept = os.environ['P2P_TEXT'];"
        "open('size', 'w').write(f'{len(said)} {len(kept)} {said.startswith(kept)}')"
    )
    desk.hooks({"message": desk.script(count)}).on_event(TextReceived("bob", text, 1, AT))
    desk.until(lambda: (desk.folder / "size").exists() and bool((desk.folder / "size").read_text()))
    assert (desk.folder / "size").read_text() == f"{len(text)} 8192 True"
    assert desk.told == []


def test_a_line_is_split_but_never_expanded(desk: Desk) -> None:
    """As a shell would split it, once, when it is read."""
    code = desk.folder / "show.py"
    code.write_text("import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(repr(sys.argv[2:]))")
    out = desk.folder / "out"
    line = f"{sys.executable} {code} {out} 'two words' $HOME *"
    desk.hooks({"request": line}).on_event(Called("bob"))
    desk.until(out.exists)
    assert out.read_text() == "['two words', '$HOME', '*']"


def test_few_run_at_once_and_the_rest_in_order(desk: Desk) -> None:
    """More wait until one has ended; beyond that it is told, once."""
    hooks = desk.hooks({"request": desk.script("import signal; signal.pause()")})
    for n in range(AT_ONCE + 2):
        hooks.on_event(Called(f"b{n}"))
    assert len(hooks.processes) == AT_ONCE
    for n in range(1000):
        hooks.on_event(Called(f"c{n}"))
    assert len(desk.told) == 1
    assert desk.told[0].what == "1000 hooks are waiting, and some were not run"
    processes = hooks.processes
    hooks.close()
    hooks.on_event(Called("late"))
    assert hooks.processes == []
    for process in processes:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


@pytest.mark.parametrize(
    ("code", "how"),
    [("sys.exit('no such luck')", "exit code 1"), ("os.kill(os.getpid(), 9)", "signal 9")],
)
def test_a_hook_that_fails_is_told_once(desk: Desk, code: str, how: str) -> None:
    """What it says is in the log; the next event runs it again."""
    hooks = desk.hooks({"request": desk.script(f"open('ran', 'a').write('x')\n{code}")})
    for _ in range(3):
        hooks.on_event(Called("bob"))
        desk.until(lambda: bool(desk.told))
    desk.loop.run_until(lambda: not hooks.processes)
    assert [error.what for error in desk.told] == [f"the hook for request failed with {how}"]
    assert (desk.folder / "ran").read_text() == "xxx"
    if how == "exit code 1":
        assert (desk.folder / "log").read_text() == "no such luck\n" * 3


def test_a_program_that_is_not_there(desk: Desk) -> None:
    """Is told with what was looked for; nothing else stops."""
    hooks = desk.hooks({"request": "/nowhere/at-all x"})
    for _ in range(2):
        hooks.on_event(Called("bob"))
    [error] = desk.told
    assert error.what.endswith("could not be started: No such file or directory")
    assert "'/nowhere/at-all'" in error.likely


@pytest.mark.parametrize(
    ("event", "command", "why", "advice"),
    [
        ("mesage", "x", "there is no event 'mesage' to run a hook at", "message='x'"),
        ("answer", "x", "there is no event 'answer' to run a hook at", "one of logged_in, "),
        ("message", "echo 'hi", "the hook for message: no closing quotation", ""),
        ("message", "  ", "the hook for message is empty", "name a program"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(
    event: str, command: str, why: str, advice: str
) -> None:
    """Before anything happens."""
    with pytest.raises(UsageError) as caught:
        parse_hooks({event: command})
    assert caught.value.what == why
    assert caught.value.advice.startswith(advice)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_no_field_is_taken_for_a_setting(event: Event) -> None:
    """A hook may run p2p, which reads its settings from the environment; one is meant to be."""
    variables = variables_of(event_object(event, AT))
    settings = {key.variable for key in KEYS} | {"P2P_HOME", "P2P_PASSWORD", "P2P_PROFILE"}
    assert set(variables) & settings <= {"P2P_REGISTRY"}
    assert variables["P2P_EVENT"]
