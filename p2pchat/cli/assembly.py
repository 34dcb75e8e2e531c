"""Put the rooms together: the only place that knows which parts a running program has."""

import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import UnsupportedOperation
from pathlib import Path
from typing import IO

from p2pchat.cli.options import is_terminal, registry_database
from p2pchat.cli.settings import make_folder
from p2pchat.net.address import Address
from p2pchat.net.certificates import fingerprint_of_file, make_certificate, server_context
from p2pchat.net.endpoints import SocketNetwork
from p2pchat.net.loop import Loop
from p2pchat.net.tls import StandardEngine
from p2pchat.net.worker import ThreadWorker
from p2pchat.peer.events import Event
from p2pchat.peer.node import Node
from p2pchat.registry.accounts import Accounts
from p2pchat.registry.entrance import Registration
from p2pchat.registry.limits import Limits
from p2pchat.registry.passwords import STANDARD_COST, Cost, Passwords
from p2pchat.registry.presence import PresenceBook
from p2pchat.registry.server import Door, Server
from p2pchat.registry.service import Service
from p2pchat.ui.chat_app import Call, ChatApp

MakeNode = Callable[[Callable[[Event], None]], AbstractContextManager[Node]]
"""Makes a node that tells its events to the function, for as long as the context lasts."""


class RunningRegistry:
    """A registry with its database in `folder`; open doors of `server`, run the loop.

    `patience` is in seconds. Raises StorageError. Call `close` when `stopped`, or on an error.
    """

    def __init__(
        self,
        loop: Loop,
        folder: Path,
        *,
        hello_interval: float = 60.0,
        patience: float = 150.0,
        cost: Cost = STANDARD_COST,
        limits: Limits = Limits(),  # noqa: B008  # a frozen value
        registration: Registration = Registration.OPEN,
    ) -> None:
        make_folder(folder)
        self._folder = folder
        self._accounts = Accounts(registry_database(folder), Passwords(cost))
        self._worker = ThreadWorker(
            loop, waiting=limits.password_queue, at_thread_end=self._accounts.disconnect
        )
        presence = PresenceBook(patience)
        service = Service(self._accounts, presence, loop.now, hello_interval, limits, registration)
        self.server = Server(loop, SocketNetwork(loop, self._worker), self._worker, service, limits)
        self.stopped = False

    def open_secure(
        self, tcp: Address, udp_port: int | None, certificate: tuple[Path, Path] | None = None
    ) -> tuple[Door, str]:
        """Open the secure door; give it, and its certificate's fingerprint.

        `certificate`: the files of a certificate and its key; without them, our own, which are made
        where they are not. Raises BindError, StorageError.
        """
        if certificate is None:
            certificate = self._folder / "registry-cert.pem", self._folder / "registry-key.pem"
            if not all(file.exists() for file in certificate):
                make_certificate(*certificate, "p2pchat registry")
        context = server_context(*certificate)
        door = self.server.open_secure(tcp, udp_port, lambda: StandardEngine(context))
        return door, fingerprint_of_file(certificate[0])

    def stop(self) -> None:
        """Begin to stop; the loop must run on until `stopped`."""
        self.server.stop(self._note_stopped)

    def close(self) -> None:
        """Close the database, after what is being written."""
        self._worker.close()
        self._accounts.close()

    def _note_stopped(self) -> None:
        self.stopped = True


def converse_in_lines(make_node: MakeNode, loop: Loop, *, call: Call | None) -> ChatApp:
    """Let a script, or a screen reader, talk through a node in plain lines.

    Gives the app, which says how it ended; the loop is still to be run until idle.
    """
    from p2pchat.ui import plain

    app = ChatApp(plain.PlainView(sys.stdout), call=call, commands_overtake=is_terminal(sys.stdin))
    with make_node(app.on_event) as node:
        try:
            app.run(node)
            plain.run(loop, app, _descriptor(sys.stdin))
        finally:
            app.finish()
    return app


def converse_at_prompt(
    make_node: MakeNode, loop: Loop, *, call: Call | None, history_file: Path | None
) -> ChatApp:
    """Let a person talk through a node at the prompt; gives the app, as `converse_in_lines`."""
    from p2pchat.ui import host
    from p2pchat.ui.prompt import Prompt

    prompt = Prompt(history_file=history_file)
    app = ChatApp(prompt, call=call)
    with make_node(app.on_event) as node:
        prompt.attach(node, app)
        try:
            app.run(node)
            host.run(loop, app, prompt)
        finally:
            app.finish()
    return app


def stay_online(make_node: MakeNode, loop: Loop) -> None:
    """Be a node without a screen until SIGTERM or SIGINT; raises what ends it otherwise."""
    from p2pchat.ui.headless import Headless

    ended = False

    def end() -> None:
        nonlocal ended
        ended = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.call_from_thread(end))
    screen = Headless(sys.stdout)
    with make_node(screen.on_event) as node:
        try:
            node.start()
            loop.run_until(lambda: ended or screen.error is not None)
        finally:
            node.stop()
    if screen.error is not None:
        raise screen.error


def _descriptor(stream: IO[str] | None) -> int | None:
    """Give what a selector can watch, None where there is nothing to read from."""
    try:
        return None if stream is None else stream.fileno()
    except UnsupportedOperation:
        return None
