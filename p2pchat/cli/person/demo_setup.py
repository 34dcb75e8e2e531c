"""What `p2p demo` plays on: a registry in a temporary folder, a robot, and the person, on one loop.

All real: the sockets, the database, the two nodes, the encryption.
"""

import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from p2pchat.app.local_node import make_node
from p2pchat.app.registry_process import RunningRegistry
from p2pchat.app.run import TO_END, AtPrompt, MakeNode, at_signals, converse
from p2pchat.app.session import UserSession, running_loop
from p2pchat.net.address import Address
from p2pchat.net.loop import Loop
from p2pchat.peer.events import Called, ChatEnded, ChatStarted, Event, LoggedIn, TextReceived
from p2pchat.peer.node import Node
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.peer.store.profile import Profile
from p2pchat.ui.program.plain import LineWriter
from p2pchat.ui.screen.call import Call
from p2pchat.ui.screen.screens import Listening
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.appearance import Appearance

ROBOT: Final = "robot"
PERSON: Final = "you"
SCRIPT: Final = ("hello", "is anybody reading along?", "goodbye")

_LOOPBACK: Final = Address("127.0.0.1", 0)


def chat_with_robot(look: Appearance) -> int:
    """Open a prompt with that look in a chat with the robot; return the exit code."""
    with _stage() as stage:
        if stage.exit_code:
            return stage.exit_code
        app = converse(stage.person, stage.loop, Call(ROBOT), AtPrompt(None, None, look))
    if app.error is not None:
        raise app.error
    return app.exit_code


def hold_conversation() -> int:
    """Say the script's lines to the robot, each after its answer, and print the conversation.

    Gives the exit code.
    """
    lines = iter(SCRIPT)
    ended = False

    def say_next() -> None:
        line = next(lines, None)
        if line is None:
            node.leave(ROBOT)
            return
        view.show(TextReceived(PERSON, line))
        node.say(ROBOT, line)

    def on_event(event: Event) -> None:
        nonlocal ended
        view.show(event)
        match event:
            case LoggedIn():
                node.call(ROBOT)
            case ChatStarted() | TextReceived():
                stage.loop.call_soon(say_next)
            case ChatEnded():
                ended = True
            case _:
                pass

    with _stage() as stage, stage.person(Listening(on_event)) as node:
        view = View(LineWriter(sys.stdout, stage.loop.end_with).write, plain=True)
        try:
            node.start()
            stage.loop.run_until(lambda: ended or bool(stage.exit_code))
        finally:
            node.stop()
    return stage.exit_code


class _Stage:
    """The registry is open, the robot waits; `person(on_event)` makes the person's node.

    Once `exit_code` is set the demo is to end: a signal has arrived.
    """

    person: MakeNode

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.exit_code = 0
        at_signals(loop, TO_END, self._end)

    def _end(self, exit_code: int) -> None:
        self.exit_code = exit_code


@contextmanager
def _stage() -> Iterator[_Stage]:
    with (
        tempfile.TemporaryDirectory(prefix="p2pchat-demo-") as folder,
        running_loop() as (loop, network),
        ExitStack() as stack,
    ):
        stage = _Stage(loop)
        registry = RunningRegistry(loop, Path(folder) / "registry")
        stack.callback(registry.close)
        stack.callback(loop.run_until, lambda: registry.stopped)
        stack.callback(registry.stop)
        listener, fingerprint = registry.open_secure(_LOOPBACK, None)
        port = listener.tcp.address.port
        url = RegistryUrl(_LOOPBACK.host, port, port, secure=True, fingerprint=fingerprint)

        def join(username: str) -> MakeNode:
            """Make an account, with a profile of its own; return what makes its node."""
            home = Path(folder) / username
            home.mkdir(mode=0o700)
            profile = stack.enter_context(closing(Profile(home / "profile.sqlite3")))
            us = UserSession(loop, network, url, profile, home / "identity.pem")
            password = secrets.token_urlsafe()
            credentials = us.credentials(username, password)
            us.registry_commands.register(credentials, password)
            return lambda watcher: nullcontext(make_node(us, credentials, watcher.on_event))

        robot = _start_robot(loop, stack, join(ROBOT))
        stack.callback(robot.stop)
        stage.person = join(PERSON)
        yield stage


def _start_robot(loop: Loop, stack: ExitStack, make_node: MakeNode) -> Node:
    ready = False

    def on_event(event: Event) -> None:
        nonlocal ready
        match event:
            case LoggedIn():
                ready = True
            case Called():
                loop.call_soon(robot.accept)
            case TextReceived(contact, text):
                loop.call_soon(lambda: robot.say(contact, answer(contact, text)))
            case _:
                pass

    robot = stack.enter_context(make_node(Listening(on_event)))
    robot.start()
    loop.run_until(lambda: ready)
    return robot


def answer(contact: str, text: str) -> str:
    """Return what the robot says to that."""
    said = text.lower()
    if any(word in said.split() for word in ("hello", "hi", "hey")):
        return f"Hello, {contact}! Say anything; /help shows what else you can do."
    if any(word in said for word in ("bye", "see you")):
        return "Goodbye! /quit takes you back to your shell."
    if said.endswith("?"):
        return (
            "I am only a small robot, but everything between us went over real sockets, encrypted."
        )
    return f"You said: {text}"
