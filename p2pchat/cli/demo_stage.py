"""What `p2p demo` plays on: a registry in a temporary folder, a robot, and the person, on one loop.

All real: the sockets, the database, the two nodes.
"""

import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from p2pchat.cli.assembly import RunningRegistry, client_side, converse_at_prompt
from p2pchat.net.address import Address
from p2pchat.net.endpoints import Network
from p2pchat.net.loop import Loop
from p2pchat.peer import errands
from p2pchat.peer.events import Called, ChatEnded, ChatStarted, Event, LoggedIn, TextReceived
from p2pchat.peer.node import Node
from p2pchat.peer.profile import Profile
from p2pchat.peer.registry_url import HELLO_INTERVAL, RegistryUrl
from p2pchat.ui.plain import PlainView

ROBOT: Final = "robot"
PERSON: Final = "you"
SCRIPT: Final = ("hello", "is anybody reading along?", "goodbye")

_LOOPBACK: Final = Address("127.0.0.1", 0)
_PATIENCE: Final = 150.0


def chat_with_robot() -> None:
    """Put the person at the prompt, in a chat with the robot."""
    with _stage() as stage:
        app = converse_at_prompt(stage.person, stage.loop, call=ROBOT, history_file=None)
    if app.error is not None:
        raise app.error


def hold_conversation() -> None:
    """Say the script's lines to the robot, each after its answer, and print what is said."""
    view = PlainView(sys.stdout)
    lines = iter(SCRIPT)
    ended = False

    def say_next() -> None:
        line = next(lines, None)
        if line is None:
            node.leave()
            return
        view.show(TextReceived(PERSON, line))
        node.say(line)

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

    with _stage() as stage:
        node = stage.person(on_event)
        node.start()
        stage.loop.run_until(lambda: ended)
        node.stop()


class _Stage:
    """The registry is open, the robot waits; `person(on_event)` makes the person's node."""

    def __init__(self, loop: Loop, person: Callable[[Callable[[Event], None]], Node]) -> None:
        self.loop = loop
        self.person = person


@contextmanager
def _stage() -> Iterator[_Stage]:
    with (
        tempfile.TemporaryDirectory(prefix="p2pchat-demo-") as folder,
        client_side() as (loop, network),
    ):
        registry = RunningRegistry(loop, Path(folder), patience=_PATIENCE)
        profile = Profile(Path(folder) / "profile.sqlite3")
        try:
            door = registry.server.open_original(_LOOPBACK, _LOOPBACK)
            url = RegistryUrl(
                _LOOPBACK.host, door.tcp.address.port, door.udp.address.port, HELLO_INTERVAL
            )
            robot = _start_robot(loop, network, url, profile)
            yield _Stage(loop, _account(loop, network, url, profile, PERSON))
            robot.stop()
        finally:
            registry.stop()
            loop.run_until(lambda: registry.stopped)
            registry.close()
            profile.close()


def _account(
    loop: Loop, network: Network, url: RegistryUrl, profile: Profile, username: str
) -> Callable[[Callable[[Event], None]], Node]:
    """Make an account; give what makes its node."""
    password = secrets.token_urlsafe()
    errands.register(loop, network, url, username, password)
    node = partial(Node, loop, network, url, username, password, profile=profile, rng=Random())
    return lambda on_event: node(on_event=on_event)


def _start_robot(loop: Loop, network: Network, url: RegistryUrl, profile: Profile) -> Node:
    ready = False

    def on_event(event: Event) -> None:
        nonlocal ready
        match event:
            case LoggedIn():
                ready = True
            case Called():
                loop.call_soon(robot.accept)
            case TextReceived(contact, text):
                loop.call_soon(lambda: robot.say(answer(contact, text)))
            case _:
                pass

    robot = _account(loop, network, url, profile, ROBOT)(on_event)
    robot.start()
    loop.run_until(lambda: ready)
    return robot


def answer(contact: str, text: str) -> str:
    """Give what the robot says to that."""
    said = text.lower()
    if any(word in said.split() for word in ("hello", "hi", "hey")):
        return f"Hello, {contact}! Say anything; /help shows what else you can do."
    if any(word in said for word in ("bye", "see you")):
        return "Goodbye! /quit takes you back to your shell."
    if said.endswith("?"):
        return "I am only a small robot, but everything between us went over real sockets."
    return f"You said: {text}"
