"""Hooks: real programs, started by the loop, with the event in their environment."""

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


class HookFolder:
    """The folder in which hooks leave what they were given."""

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
        """Return a command that runs this Python code in the folder."""
        return (sys.executable, "-c", f"import os, sys\nos.chdir({str(self.folder)!r})\n{code}")

    def until(self, done: Callable[[], bool]) -> None:
        """Run the loop until the condition holds and no hook runs."""
        self.loop.run_until(done)
        for hooks in self._hooks:
            self.loop.run_until(lambda hooks=hooks: not hooks.processes)

    def close(self) -> None:
        for hooks in self._hooks:
            self.loop.run_until(lambda hooks=hooks: not hooks.processes)
            hooks.close()
        self.log.close()


@pytest.fixture
def hook_folder(real_loop: Loop, tmp_path: Path) -> Iterator[HookFolder]:
    """Yield a folder for hooks."""
    hook_folder = HookFolder(real_loop, tmp_path)
    yield hook_folder
    hook_folder.close()


MESSAGE = TextReceived("bob", "hi; touch pwned\n`touch pwned` $(touch pwned) ✓", 7, AT)


def test_hook_gets_fields_and_the_object(hook_folder: HookFolder) -> None:
    """A hook gets the fields in its environment and the object on stdin; no shell is involved."""
    keep = "open('env', 'w').write(repr(dict(os.environ))); open('in', 'w').write(sys.stdin.read())"
    hooks = hook_folder.hooks({"message": hook_folder.script(keep)}, KEPT="yes", LC_ALL="C.UTF-8")
    hooks.on_event(Called("bob"))
    hooks.on_event(MESSAGE)
    hook_folder.until((hook_folder.folder / "in").exists)
    environment = eval((hook_folder.folder / "env").read_text())  # noqa: S307  # written by us
    assert environment["KEPT"] == "yes"
    assert {k: v for k, v in environment.items() if k.startswith("P2P_")} == {
        "P2P_EVENT": "message",
        "P2P_AT": "2023-11-14T22:13:20.123Z",
        "P2P_FROM": "bob",
        "P2P_TEXT": MESSAGE.text,
        "P2P_ID": "7",
        "P2P_SECURITY": "clear",
        "P2P_BY": "link",
    }
    assert json.loads((hook_folder.folder / "in").read_text()) == event_object(MESSAGE, 0)
    assert {file.name for file in hook_folder.folder.iterdir()} == {"env", "in", "log"}


@pytest.mark.parametrize("character", ["x", "\n", "\u6f22", "\U0001f600"])
def test_long_text_is_cut_in_the_variable_only(hook_folder: HookFolder, character: str) -> None:
    """A long text is cut in the environment, which is limited by the system, and whole on stdin."""
    text = character * (65_536 // len(character.encode()))
    count = (
        "import json; said = json.load(sys.stdin)['text'];"
        "kept = os.environ['P2P_TEXT'];"
        "open('size', 'w').write(f'{len(said)} {len(kept)} {said.startswith(kept)}')"
    )
    hook_folder.hooks({"message": hook_folder.script(count)}).on_event(
        TextReceived("bob", text, 1, AT)
    )
    hook_folder.until(
        lambda: (
            (hook_folder.folder / "size").exists()
            and bool((hook_folder.folder / "size").read_text())
        )
    )
    assert (hook_folder.folder / "size").read_text() == f"{len(text)} 8192 True"
    assert hook_folder.told == []


def test_command_line_is_split_but_not_expanded(hook_folder: HookFolder) -> None:
    """A command line is split as a shell would, without any expansion."""
    code = hook_folder.folder / "show.py"
    code.write_text("import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(repr(sys.argv[2:]))")
    out = hook_folder.folder / "out"
    line = f"{sys.executable} {code} {out} 'two words' $HOME *"
    hook_folder.hooks({"request": line}).on_event(Called("bob"))
    hook_folder.until(out.exists)
    assert out.read_text() == "['two words', '$HOME', '*']"


def test_number_of_running_hooks_is_limited(hook_folder: HookFolder) -> None:
    """Further hooks wait in order; beyond a limit they are dropped, which is reported once."""
    hooks = hook_folder.hooks({"request": hook_folder.script("import signal; signal.pause()")})
    for n in range(AT_ONCE + 2):
        hooks.on_event(Called(f"b{n}"))
    assert len(hooks.processes) == AT_ONCE
    for n in range(1000):
        hooks.on_event(Called(f"c{n}"))
    assert len(hook_folder.told) == 1
    assert hook_folder.told[0].what == "1000 hooks are waiting, and some were not run"
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
def test_failing_hook_is_reported_once(hook_folder: HookFolder, code: str, how: str) -> None:
    """The output of a failing hook is logged, and the next event runs it again."""
    hooks = hook_folder.hooks(
        {"request": hook_folder.script(f"open('ran', 'a').write('x')\n{code}")}
    )
    for _ in range(3):
        hooks.on_event(Called("bob"))
        hook_folder.until(lambda: bool(hook_folder.told))
    hook_folder.loop.run_until(lambda: not hooks.processes)
    assert [error.what for error in hook_folder.told] == [f"the hook for request failed with {how}"]
    assert (hook_folder.folder / "ran").read_text() == "xxx"
    if how == "exit code 1":
        assert (hook_folder.folder / "log").read_text() == "no such luck\n" * 3


def test_missing_program_is_reported(hook_folder: HookFolder) -> None:
    """A program that cannot be started is reported with the name that was looked for."""
    hooks = hook_folder.hooks({"request": "/nowhere/at-all x"})
    for _ in range(2):
        hooks.on_event(Called("bob"))
    [error] = hook_folder.told
    assert error.what.endswith("could not be started: No such file or directory")
    assert "'/nowhere/at-all'" in error.likely


@pytest.mark.parametrize(
    ("event", "command", "why", "advice"),
    [
        ("mesage", "x", "there is no hook event 'mesage'", "message='x'"),
        ("answer", "x", "there is no hook event 'answer'", "one of logged_in, "),
        ("message", "echo 'hi", "the hook for message: no closing quotation", ""),
        ("message", "  ", "the hook for message is empty", "name a program"),
    ],
)
def test_invalid_hook_is_refused_at_once(event: str, command: str, why: str, advice: str) -> None:
    """An unknown event or a malformed command is refused when it is parsed."""
    with pytest.raises(UsageError) as caught:
        parse_hooks({event: command})
    assert caught.value.what == why
    assert caught.value.advice.startswith(advice)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_no_hook_variable_is_read_as_a_setting(event: Event) -> None:
    """A hook that runs p2p finds only P2P_REGISTRY among its settings."""
    variables = variables_of(event_object(event, AT))
    settings = {key.variable for key in KEYS} | {"P2P_HOME", "P2P_PASSWORD", "P2P_PROFILE"}
    assert set(variables) & settings <= {"P2P_REGISTRY"}
    assert variables["P2P_EVENT"]
