"""The keys that help names are the keys that the prompt has."""

from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.key_binding.key_bindings import KeyBindingsBase, merge_key_bindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import DummyOutput

from p2pchat.protocol.screen import Around
from p2pchat.ui.keys import KEYS
from p2pchat.ui.prompt import Prompt


def test_every_key_that_is_named_is_bound() -> None:
    """By us, or by the library."""
    with create_pipe_input() as keyboard:
        prompt = Prompt(
            lambda: Around("> "), history_file=None, input=keyboard, output=DummyOutput()
        )
        app = prompt.session.app
        ours = app.key_bindings
        assert isinstance(ours, KeyBindingsBase)
        bound = {
            tuple(k.value if isinstance(k, Keys) else k for k in binding.keys)
            for binding in merge_key_bindings([ours, app._default_bindings]).bindings
        }
    aliases = {"tab": "c-i"}
    for key in KEYS:
        assert tuple(aliases.get(press, press) for press in key.presses) in bound, key.name
