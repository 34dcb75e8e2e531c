"""The prompt around a real node: its message, its toolbar, its completion, its history."""

import stat
from dataclasses import dataclass, field
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import fragment_list_to_text, to_formatted_text
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from p2pchat.ui.prompt import Prompt
from tests.world import World


@dataclass
class Shown:
    """Stands for the app."""

    front: str | None = None
    unread: dict[str, int] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


def text_of(formatted: object) -> str:
    return fragment_list_to_text(to_formatted_text(formatted))  # type: ignore[arg-type]


def test_the_toolbar_tells_who_where_and_with_whom(world: World) -> None:
    """And changes with the node."""
    alice, bob = world.person("alice", "10.0.0.2"), world.person("bob", "10.0.0.3")
    with create_pipe_input() as keyboard:
        prompt = Prompt(history_file=None, input=keyboard, output=DummyOutput())
        shown = Shown()
        prompt.attach(alice.node, shown)

        def toolbar() -> str:
            return text_of(prompt.session.bottom_toolbar)

        def message() -> str:
            return text_of(prompt.session.message)

        assert toolbar() == f" alice at {world.url.address} | connected | in no chat"
        assert message() == "alice> "
        bob.node.call("alice")
        world.settle()
        assert toolbar().endswith("in no chat, bob is calling")
        alice.node.accept()
        world.settle()
        shown.front = "bob"
        protection = "encrypted, unverified" if world.url.secure else "in clear"
        assert toolbar().endswith(f"| in chat with bob, {protection}")
        assert message() == "alice to bob> "
        shown.unread["carol"] = 3
        assert toolbar().endswith("| carol: 3 unread")
        alice.node.conversations.do_not_disturb = True
        assert "not to be disturbed" in toolbar()
        world.kill_registry()
        assert "registry lost, next try in" in toolbar()


def test_completion_and_a_private_history(tmp_path: Path, world: World) -> None:
    """Commands and known names; what was typed is its owner's."""
    alice = world.person("alice", "10.0.0.2")
    file = tmp_path / "input-history"
    with create_pipe_input() as keyboard:
        prompt = Prompt(history_file=file, input=keyboard, output=DummyOutput())
        prompt.attach(alice.node, Shown(names={"bob", "bea"}))
        completer = prompt.session.completer
        assert completer is not None

        def offered(text: str) -> list[str]:
            document = Document(text, len(text))
            return [c.text for c in completer.get_completions(document, CompleteEvent())]

        assert offered("/chat b") == ["bea", "bob"]
        assert offered("/qu") == ["/quit"]
        assert offered("hello b") == []
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
