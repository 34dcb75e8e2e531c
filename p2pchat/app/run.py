"""Put the rooms together: the only place that knows which parts a running program has."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from io import UnsupportedOperation
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple, Protocol

import msgspec

from p2pchat.app.terminal import is_terminal
from p2pchat.errors import P2PError, UsageError
from p2pchat.net.loop import Loop
from p2pchat.peer.control.client import ControlClient
from p2pchat.peer.node import Node
from p2pchat.protocol.screen import Around, Attach, AttachProgram
from p2pchat.ui.remote.client import Attached
from p2pchat.ui.screen.call import Call
from p2pchat.ui.screen.chat_app import ChatApp
from p2pchat.ui.screen.screens import Screens, Watcher
from p2pchat.ui.screen.typed_ahead import TakesInput
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.appearance import Appearance

if TYPE_CHECKING:
    from p2pchat.ui.program.app import ProgramApp
    from p2pchat.ui.prompt.prompt import Prompt

MakeNode = Callable[[Watcher], AbstractContextManager[Node]]
"""Makes a node that the watcher is told of, for as long as the context lasts."""


TO_END: Final = (signal.SIGTERM, signal.SIGHUP)
"""The signals that stop us, and the one of a closed terminal window."""


class AtPrompt(NamedTuple):
    """An interactive prompt; the files keep the input history and unsent drafts."""

    history_file: Path | None
    drafts_file: Path | None
    look: Appearance


class Talk(Protocol):
    """How a talk through a node has ended."""

    error: P2PError | None
    exit_code: int


def converse(
    make_node: MakeNode, loop: Loop, call: Call | None, at_prompt: AtPrompt | None
) -> ChatApp:
    """Run a chat session on a node, at a prompt or with plain lines (for a script, say).

    Gives the app, which says how it ended; the loop is still to be run until idle.
    """
    screens = Screens(loop)
    if at_prompt is not None:
        from p2pchat.ui.prompt import host
        from p2pchat.ui.screen.around import around

        prompt = _prompt(lambda: around(app), at_prompt)
        view = View(
            prompt.write,
            plain=False,
            alert=prompt.alert,
            copy=prompt.copy,
            timestamps=at_prompt.look.timestamps,
        )
        app = ChatApp(view, call=call)
        at_signals(loop, TO_END, app.finish)
        with _node_of(make_node, screens, app), loop.containing():
            host.run(loop, app, prompt)
        return app
    from p2pchat.ui.program import plain

    overtake = is_terminal(sys.stdin)
    with closing(plain.PacedWriter(sys.stdout, loop)) as writer:
        app = ChatApp(View(writer.write, plain=True), call=call, commands_overtake=overtake)
        writer.on_behind = app.wait_for_reader
        at_signals(loop, TO_END, app.finish)
        with _node_of(make_node, screens, app), loop.containing():
            plain.run(loop, app, _descriptor(sys.stdin))
        writer.flush()
    return app


@contextmanager
def _node_of(make_node: MakeNode, screens: Screens, app: "ChatApp | ProgramApp") -> Iterator[None]:
    """Run a node under the app: it logs out when the app is done."""
    with make_node(screens) as node:
        screens.add(app)
        app.on_done = node.stop
        _connect(screens, node)
        try:
            app.run(node)
            node.start()
            yield
        finally:
            app.finish()


def attach(
    client: ControlClient, loop: Loop, request: Attach, at_prompt: AtPrompt | None
) -> Attached:
    """The same as `converse`, at a node in another process: the one that the client asks."""
    if at_prompt is not None:
        from p2pchat.ui.prompt import host

        prompt = _prompt(lambda: app.around, at_prompt)
        app = Attached(loop, client, prompt.write)
        app.alert, app.copy = prompt.alert, prompt.copy
        at_signals(loop, TO_END, app.finish)
        app.attach(msgspec.structs.replace(request, timestamps=at_prompt.look.timestamps))
        host.run(loop, app, prompt)
        return app
    from p2pchat.ui.program import plain

    app = Attached(loop, client, plain.LineWriter(sys.stdout, loop.end_with).write)
    at_signals(loop, TO_END, app.finish)
    app.attach(Attach(request.call, request.in_clear, True, is_terminal(sys.stdin)))
    plain.run(loop, app, _descriptor(sys.stdin))
    return app


def _prompt(around: Callable[[], Around], at_prompt: AtPrompt) -> "Prompt":
    from p2pchat.ui.prompt.prompt import Prompt

    return Prompt(
        around,
        history_file=at_prompt.history_file,
        drafts_file=at_prompt.drafts_file,
        look=at_prompt.look,
    )


class Following(NamedTuple):
    """How a program follows what happens; without orders it only listens. See `AttachProgram`."""

    as_json: bool = True
    only: str = ""
    seen: bool = False
    orders: bool = True


def serve_program(
    make_node: MakeNode, loop: Loop, call: Call | None, how: Following
) -> "ProgramApp":
    """Run a program's session on a node, both ways or listening only, until SIGTERM."""
    from p2pchat.ui.program.app import ProgramApp
    from p2pchat.ui.program.line_out import LineOut
    from p2pchat.ui.program.stream import Stream

    with closing(LineOut(loop, _stdout())) as out:
        stream = Stream(out.write, as_json=how.as_json, only=how.only, seen=how.seen)
        app = ProgramApp(loop, stream, call=call)
        at_signals(loop, TO_END, lambda _: app.finish())
        with _node_of(make_node, Screens(loop), app), loop.containing():
            _run_program(loop, app, how)
    return app


def attach_program(
    client: ControlClient, loop: Loop, call: Call | None, how: Following
) -> Attached:
    """The same as `serve_program`, at a node in another process."""
    from p2pchat.ui.program.plain import LineWriter, ended_with_reader

    with ended_with_reader(loop, _stdout()):
        app = Attached(loop, client, LineWriter(sys.stdout, loop.end_with).write)
        contact, in_clear = call or ("", False)
        app.attach(AttachProgram(contact, in_clear, how.as_json, how.only, how.seen))
        _run_program(loop, app, how)
    return app


def _run_program(loop: Loop, app: TakesInput, how: Following) -> None:
    from p2pchat.ui.program import plain

    if how.orders:
        plain.run(loop, app, _descriptor(sys.stdin))
    else:
        loop.run_until(lambda: app.done)


def _stdout() -> int:
    descriptor = _descriptor(sys.stdout)
    if descriptor is None:
        raise UsageError("stdout is closed, and that is where everything is told")
    return descriptor


def _connect(screens: Screens, node: Node) -> None:
    """Pass the node's events to the screens, and let contacts know whether a person watches."""
    node.on_room = screens.on_room
    screens.on_attended = lambda there: node.conversations.away_status.be(idle=not there)


def stay_online(make_node: MakeNode, loop: Loop) -> None:
    """Run a node without a screen until SIGTERM or SIGINT. Raise any error that ends it earlier."""
    from p2pchat.ui.program.headless import Headless

    ended = False

    def end(_: int) -> None:
        nonlocal ended
        ended = True

    at_signals(loop, (*TO_END, signal.SIGINT), end)
    screens = Screens(loop)
    with (
        closing(Headless(sys.stdout, loop)) as screen,
        make_node(screens) as node,
        loop.containing(),
    ):
        screens.add(screen)
        _connect(screens, node)
        node.conversations.away_status.be(idle=True)
        try:
            node.start()
            loop.run_until(lambda: ended or screen.error is not None)
        finally:
            node.stop()
    if screen.error is not None:
        raise screen.error


def at_signals(loop: Loop, numbers: Sequence[signal.Signals], end: Callable[[int], None]) -> None:
    """Call `end` on the loop once when one of the signals comes, with its exit code.

    A second one ends the process as it is. What was ignored (by nohup, say) stays so.
    """

    def heard(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_from_thread(partial(end, 128 + number))

    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, heard)


def _descriptor(stream: IO[str] | None) -> int | None:
    """Return a descriptor that a selector can watch; None if there is no input."""
    try:
        return None if stream is None else stream.fileno()
    except UnsupportedOperation:
        return None
