"""Composition root: builds a running program from its parts."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from io import UnsupportedOperation
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple, Protocol

from p2pchat.app.terminal import is_terminal
from p2pchat.callbacks import ignore
from p2pchat.client.client import Client
from p2pchat.client.clients import Clients
from p2pchat.client.local_client import LocalClient
from p2pchat.errors import P2PError, UsageError
from p2pchat.net.loop import Loop
from p2pchat.protocol.client.messages import Hello
from p2pchat.ui.screen.call import Call
from p2pchat.ui.screen.chat_app import ChatApp
from p2pchat.ui.screen.said_lines import Untold
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.appearance import Appearance

if TYPE_CHECKING:
    from p2pchat.ui.program.app import ProgramApp

MakeNode = Callable[[], AbstractContextManager[Clients]]
"""Creates the clients of a node of this process, for the duration of the context."""


TO_END: Final = (signal.SIGTERM, signal.SIGHUP)
"""The signals that end a program; SIGHUP means that the terminal window was closed."""


class AtPrompt(NamedTuple):
    """An interactive prompt; the files store the input history and unsent drafts."""

    history_file: Path | None
    drafts_file: Path | None
    look: Appearance


class Talk(Protocol):
    """The outcome of a session with a node."""

    error: P2PError | None
    exit_code: int
    untold: Untold


class _Used(NamedTuple):
    """A node in use: its client, whether it is logged in, and how to start it."""

    client: Client
    is_ready: bool
    start: Callable[[], None]


UsedNode = AbstractContextManager[_Used]
"""A node of this or another process, for the duration of the context."""


@contextmanager
def own_node(make_node: MakeNode, loop: Loop, hello: Hello) -> Iterator[_Used]:
    """Yield this process's node, which ends when its client closes."""
    with make_node() as clients:
        client = LocalClient(loop, clients, hello)
        client.on_close = clients.node.stop
        yield _Used(client, False, clients.node.start)


@contextmanager
def other_node(client: Client) -> Iterator[_Used]:
    """Yield another process's node, which keeps running when its client closes."""
    yield _Used(client, True, ignore)


def screen_hello(at_prompt: AtPrompt | None) -> Hello:
    """Return the greeting that a screen sends to its node: a person is present."""
    return Hello(follow=True, attended=True, waits=at_prompt is None)


def converse(node: UsedNode, loop: Loop, call: Call | None, at_prompt: AtPrompt | None) -> ChatApp:
    """Run a chat session on a node, at a prompt or with plain lines.

    Return the app, which holds the outcome; the caller still has to run the loop until idle.
    """
    if at_prompt is not None:
        from p2pchat.ui.prompt import host
        from p2pchat.ui.prompt.prompt import Prompt
        from p2pchat.ui.screen.around import around

        prompt = Prompt(
            lambda: around(app),
            history_file=at_prompt.history_file,
            drafts_file=at_prompt.drafts_file,
            look=at_prompt.look,
        )
        view = View(
            prompt.write,
            plain=False,
            alert=prompt.alert,
            copy=prompt.copy,
            timestamps=at_prompt.look.timestamps,
        )
        app = ChatApp(view, call=call)
        at_signals(loop, TO_END, app.finish)
        with _session(node, loop, app):
            host.run(loop, app, prompt)
        return app
    from p2pchat.ui.program import plain

    overtake = is_terminal(sys.stdin)
    with closing(plain.PacedWriter(sys.stdout, loop)) as writer:
        app = ChatApp(View(writer.write, plain=True), call=call, commands_overtake=overtake)
        writer.on_behind = app.wait_for_reader
        at_signals(loop, TO_END, app.finish)
        with _session(node, loop, app):
            plain.run(loop, app, _descriptor(sys.stdin))
        writer.flush()
    return app


@contextmanager
def _session(node: UsedNode, loop: Loop, app: "ChatApp | ProgramApp") -> Iterator[None]:
    """Run a node under the app, and finish the app at the end."""
    with node as used, loop.containing():
        try:
            app.run(used.client, ready=used.is_ready)
            used.start()
            yield
        finally:
            app.finish()


class Following(NamedTuple):
    """How a program follows events; without orders it only listens.

    `only`: events of that contact alone. `seen`: unread messages come first, and written ones are
    marked as seen. Without `as_json` the lines are plain.
    """

    as_json: bool = True
    only: str = ""
    seen: bool = False
    orders: bool = True

    @property
    def hello(self) -> Hello:
        """The greeting of the program to its node."""
        return Hello(follow=True, only=self.only, seen=self.seen)


def follow(node: UsedNode, loop: Loop, call: Call | None, how: Following) -> "ProgramApp":
    """Run a program's session on a node, with or without orders, until SIGTERM."""
    from p2pchat.ui.program import plain
    from p2pchat.ui.program.app import ProgramApp
    from p2pchat.ui.program.line_out import LineOut
    from p2pchat.ui.program.stream import Stream

    with closing(LineOut(loop, _stdout())) as out:
        stream = Stream(out.write, as_json=how.as_json, only=how.only, seen=how.seen)
        app = ProgramApp(stream, call=call)
        at_signals(loop, TO_END, lambda _: app.finish())
        with _session(node, loop, app):
            if how.orders:
                plain.run(loop, app, _descriptor(sys.stdin))
            else:
                loop.run_until(lambda: app.done)
    return app


def _stdout() -> int:
    descriptor = _descriptor(sys.stdout)
    if descriptor is None:
        raise UsageError("stdout is closed, but events are written there")
    return descriptor


def stay_online(make_node: MakeNode, loop: Loop) -> None:
    """Run a node without a screen until SIGTERM or SIGINT. Raise any error that ends it earlier."""
    from p2pchat.ui.program.headless import Headless

    ended = False

    def end(_: int) -> None:
        nonlocal ended
        ended = True

    at_signals(loop, (*TO_END, signal.SIGINT), end)
    with (
        closing(Headless(sys.stdout, loop)) as screen,
        make_node() as clients,
        closing(LocalClient(loop, clients, Hello(follow=True))) as client,
        loop.containing(),
    ):
        client.on_event = screen.on_event
        client.begin()
        clients.node.conversations.away_status.be(idle=True)
        try:
            clients.node.start()
            loop.run_until(lambda: ended or screen.error is not None)
        finally:
            clients.node.stop()
    if screen.error is not None:
        raise screen.error


def at_signals(loop: Loop, numbers: Sequence[signal.Signals], end: Callable[[int], None]) -> None:
    """Call `end` on the loop, with the exit code, when one of the signals first arrives.

    A second one ends the process at once. Signals that were ignored (by nohup, say) stay ignored.
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
