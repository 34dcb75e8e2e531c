"""The setup of `p2p demo`: a registry in a temporary folder, a robot, and the user, on one loop.

All of it is real: the sockets, the database, the two nodes, the encryption.
"""

import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from p2pchat.app.local_node import make_node
from p2pchat.app.node_options import NodeOptions
from p2pchat.app.registry_process import RunningRegistry
from p2pchat.app.run import (
    TO_END,
    AtPrompt,
    MakeNode,
    at_signals,
    converse,
    own_node,
    screen_hello,
)
from p2pchat.app.session import UserSession, running_loop
from p2pchat.client.clients import Clients
from p2pchat.net.loop import Loop
from p2pchat.net.worker import ThreadWorker
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import (
    Called,
    ChatEnded,
    ChatStarted,
    Event,
    LoggedIn,
    TextReceived,
)
from p2pchat.protocol.client.messages import Hello
from p2pchat.protocol.client.orders import Accept, Leave, Open, Say
from p2pchat.ui.program.plain import LineWriter
from p2pchat.ui.screen.call import Call
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.appearance import Appearance

ROBOT: Final = "robot"
PERSON: Final = "you"
SCRIPT: Final = ("hello", "is anybody reading along?", "goodbye")

_LONGEST_END_S = 2.0
_LOOPBACK: Final = Address("127.0.0.1", 0)


def chat_with_robot(look: Appearance) -> int:
    """Open a prompt in a chat with the robot; return the exit code."""
    with _stage() as stage:
        if stage.exit_code:
            return stage.exit_code
        at_prompt = AtPrompt(None, None, look)
        node = own_node(stage.person, stage.loop, screen_hello(at_prompt))
        app = converse(node, stage.loop, Call(ROBOT), at_prompt)
    if app.error is not None:
        raise app.error
    return app.exit_code


def hold_conversation() -> int:
    """Send the script's lines to the robot, each after the last answer, and print the conversation.

    Return the exit code.
    """
    lines = iter(SCRIPT)
    ended = False

    def say_next() -> None:
        line = next(lines, None)
        if line is None:
            client.order(Leave(ROBOT))
            return
        view.show(TextReceived(PERSON, line))
        client.order(Say(ROBOT, line))

    def on_event(event: Event) -> None:
        """Show the event, and play the person's part: say the next line after each answer."""
        nonlocal ended
        view.show(event)
        match event:
            case LoggedIn():
                client.order(Open(ROBOT))
            case ChatStarted() | TextReceived():
                say_next()
            case ChatEnded():
                ended = True
            case _:
                pass

    with _stage() as stage, own_node(stage.person, stage.loop, Hello(follow=True)) as used:
        view = View(LineWriter(sys.stdout, stage.loop.end_with).write, plain=True)
        client = used.client
        client.on_event = on_event
        client.begin()
        try:
            used.start()
            stage.loop.run_until(lambda: ended or bool(stage.exit_code))
        finally:
            client.close()
    return stage.exit_code


class _Stage:
    """The open registry and the waiting robot; `person()` creates the clients of the user's node.

    `exit_code` is set once the demo should end because a signal arrived.
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
            """Create an account with its own profile; return a factory for its node."""
            home = Path(folder) / username
            home.mkdir(mode=0o700)
            profile = stack.enter_context(closing(Profile(home / "profile.sqlite3")))
            us = UserSession(loop, network, url, profile, home / "identity.pem")
            password = secrets.token_urlsafe()
            credentials = us.credentials(username, password)
            us.registry_commands.register(credentials, password)

            def make_clients() -> AbstractContextManager[Clients]:
                clients = Clients(loop)
                worker = ThreadWorker(loop)
                stack.callback(worker.close, _LONGEST_END_S)
                node = make_node(us, credentials, clients.on_event, NodeOptions(), worker)
                clients.serve(node)
                return nullcontext(clients)

            return make_clients

        _start_robot(loop, stack, join(ROBOT))
        stage.person = join(PERSON)
        yield stage


def _start_robot(loop: Loop, stack: ExitStack, make_node: MakeNode) -> None:
    """Start the robot, which accepts every call and answers every line until the stack closes."""
    ready = False

    def on_event(event: Event) -> None:
        """Accept each call, and answer each line."""
        nonlocal ready
        match event:
            case LoggedIn():
                ready = True
            case Called(contact):
                robot.order(Accept(contact))
            case TextReceived(contact, text):
                robot.order(Say(contact, answer(contact, text)))
            case _:
                pass

    used = stack.enter_context(own_node(make_node, loop, Hello(follow=True)))
    robot = used.client
    stack.callback(robot.close)
    robot.on_event = on_event
    robot.begin()
    used.start()
    loop.run_until(lambda: ready)


def answer(contact: str, text: str) -> str:
    """Return the robot's answer to the text."""
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
