"""Hooks: the user's own commands, run by the node on events; never through a shell.

A hook gets the event's fields in its environment (P2P_FROM, P2P_TEXT, ...) and its JSON object (see
EVENTS.md) on stdin. Text from strangers is never part of its name or arguments. A timer polls for
exited hooks, which works on every system without a thread.
"""

import shlex
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from p2pchat.errors import P2PError, UsageError, nearest
from p2pchat.net.loop import Loop, Timer
from p2pchat.protocol.client.event_json import NAMES, event_object
from p2pchat.protocol.client.events import Event
from p2pchat.protocol.text import json_line
from p2pchat.wall_clock import now_ms

AT_ONCE: Final = 4
_MOST_WAITING: Final = 1000
_LOOK_EVERY: Final = 0.05  # seconds, while one runs
_MOST_CHARACTERS: Final = 8192  # of a variable; stdin has the full text

Commands = Mapping[str, Sequence[str] | str]
"""The command for each event: words, or a line that is split like a shell command."""


class _Run(NamedTuple):
    name: str
    fields: dict[str, Any]


class Hooks:
    """Runs the commands for the events of a client, at most AT_ONCE at a time, the others in order.

    `environment` is added to the event's fields; `output` is the descriptor of their stdout and
    stderr. `tell(error)` is called once for each failing hook, however often it fails. Raise
    UsageError if a command is invalid.
    """

    def __init__(
        self,
        loop: Loop,
        commands: Commands,
        *,
        environment: Mapping[str, str],
        output: int,
        tell: Callable[[P2PError], None],
    ) -> None:
        self._loop = loop
        self._commands = parse_hooks(commands)
        self._environment: dict[str, str | bytes] = {**environment}
        self._output = output
        self._tell = tell
        self._waiting: deque[_Run] = deque()
        self._under_way: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._told: set[str] = set()
        self._timer: Timer | None = None
        self._closed = False

    @property
    def processes(self) -> list[int]:
        """The ids of the running processes."""
        return [process.pid for _, process in self._under_way]

    def on_event(self, event: Event) -> None:
        """Run the commands for the event, now or when a slot is free."""
        name = NAMES[type(event)]
        if name not in self._commands or self._closed:
            return
        if len(self._waiting) >= _MOST_WAITING:
            self._fail(
                "",
                P2PError(
                    f"{_MOST_WAITING} hooks are waiting, and some were not run",
                    likely=f"the {AT_ONCE} running hooks do not end",
                    advice="let them work in the background",
                ),
            )
            return
        self._waiting.append(_Run(name, event_object(event, now_ms())))
        self._go_on()

    def close(self) -> None:
        """Start no more hooks; running ones continue."""
        self._closed = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
        for _, process in self._under_way:
            process.returncode = 0  # they outlive us; avoids a ResourceWarning
        self._under_way.clear()

    def _go_on(self) -> None:
        while self._waiting and len(self._under_way) < AT_ONCE:
            run = self._waiting.popleft()
            try:
                self._under_way.append((run.name, self._start(run)))
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else None
                program = self._commands[run.name][0]
                self._fail(
                    run.name,
                    P2PError(
                        f"the hook for {run.name} could not be started: {(why or str(error))}",
                        likely=f"there is no executable {program!r}; hooks run without a shell",
                        advice=f"which {shlex.quote(program)}",
                    ),
                )
        if self._under_way and (self._timer is None or not self._timer.live):
            self._timer = self._loop.call_later(_LOOK_EVERY, self._look)

    def _start(self, run: _Run) -> subprocess.Popen[bytes]:
        # A file, because a pipe may be too small for a long text, and writing would block.
        with tempfile.TemporaryFile() as said:
            said.write(json_line(run.fields).encode() + b"\n")
            said.seek(0)
            return subprocess.Popen(  # noqa: S603  # the user's own command, without a shell
                self._commands[run.name],
                stdin=said,
                stdout=self._output,
                stderr=self._output,
                env=self._environment | _encoded(variables_of(run.fields)),
                start_new_session=True,  # Ctrl-C at our terminal must not end it
            )

    def _look(self) -> None:
        """Check which hooks have exited."""
        for name, process in tuple(self._under_way):
            code = process.poll()
            if code is None:
                continue
            self._under_way.remove((name, process))
            if code:
                how = f"exit code {code}" if code > 0 else f"signal {-code}"
                self._fail(
                    name,
                    P2PError(
                        f"the hook for {name} failed with {how}",
                        likely="see its output, on the node's stderr or in hooks.log",
                        advice=f"run it by hand: {shlex.join(self._commands[name])}",
                    ),
                )
        self._go_on()

    def _fail(self, name: str, error: P2PError) -> None:
        if name not in self._told:
            self._told.add(name)
            self._tell(error)


def parse_hooks(commands: Commands) -> dict[str, tuple[str, ...]]:
    """Return each command as words. Raise UsageError if one is invalid."""
    parsed: dict[str, tuple[str, ...]] = {}
    names = list(NAMES.values())
    for event, command in commands.items():
        if event not in names:
            near = nearest(event, names)
            advice = f"{near}='{command}'" if near else f"one of {', '.join(names)}"
            raise UsageError(f"there is no hook event {event!r}", advice=advice)
        try:
            words = shlex.split(command) if isinstance(command, str) else list(command)
        except ValueError as error:
            raise UsageError(f"the hook for {event}: {str(error).lower()}") from None
        if not words:
            raise UsageError(f"the hook for {event} is empty", advice="name a program")
        parsed[event] = tuple(words)
    return parsed


def variables_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return an object's fields as variables, truncated if they are long.

    Lists and full texts are only on stdin.
    """
    return {
        f"P2P_{name.upper()}": _text(value)
        for name, value in fields.items()
        if name != "v" and not isinstance(value, list)
    }


def _encoded(variables: Mapping[str, str]) -> dict[str, str | bytes]:
    """Return variables in UTF-8, like stdin: a locale may lack characters of a contact's text."""
    return {name: value.encode("utf-8", "replace") for name, value in variables.items()}


def _text(value: Any) -> str:
    """Return a value as a variable; systems limit the size of each, and of all together."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)[:_MOST_CHARACTERS].replace("\0", "")
