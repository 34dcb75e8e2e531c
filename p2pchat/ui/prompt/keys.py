"""Key bindings of the prompt, besides prompt_toolkit's own editing in emacs and vi mode.

`p2p help keys` shows the table.
"""

from collections.abc import Callable
from typing import Final

from prompt_toolkit.application import get_app
from prompt_toolkit.completion import (
    CompleteEvent,
    Completer,
    get_common_complete_suffix,
)
from prompt_toolkit.filters import Condition, emacs_mode, vi_navigation_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

KEYS: Final = (
    ("Tab", "complete a command, a name or a path"),
    ("Alt-A", "go to the next conversation with unread lines; your draft stays with its contact"),
    ("Alt-Enter", "insert a line break"),
    ("Right, Ctrl-E", "accept the grey suggestion, an earlier line"),
    ("Up, Down", "recall earlier lines"),
    ("Ctrl-R", "search earlier lines"),
    ("Ctrl-X Ctrl-E (vi: v)", "edit the text in $EDITOR"),
    ("Enter, again", "confirm sending; any other key returns to editing"),
    ("Ctrl-C", "clear the line"),
    ("Ctrl-Z", "suspend; fg in the shell resumes"),
    ("Ctrl-C twice, or Ctrl-D, on an empty line", "leave"),
)
"""Each key and its effect."""


def bindings(
    completer: Completer, on_next: Callable[[], None], on_interrupt: Callable[[], None]
) -> KeyBindings:
    """Return the key bindings; `on_interrupt` is called for Ctrl-C on an empty line.

    Tab completes the word if there is only one completion, however fast it was pressed.
    """
    made = KeyBindings()

    @made.add("escape", "a")
    def _(_: KeyPressEvent) -> None:
        on_next()

    @made.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @made.add("c-x", "c-e", filter=emacs_mode)
    @made.add("v", filter=vi_navigation_mode)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.open_in_editor()

    _add_interrupts(made, on_interrupt)

    @made.add("tab")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        asked = CompleteEvent(completion_requested=True)
        choices = list(completer.get_completions(buffer.document, asked))
        common = get_common_complete_suffix(buffer.document, choices)
        state = buffer.complete_state
        if len(choices) == 1:
            buffer.apply_completion(choices[0])
        elif common and (state is None or state.current_completion is None):
            buffer.insert_text(common)
        elif buffer.complete_state is not None:
            buffer.complete_next()
        else:
            buffer.start_completion(insert_common_part=True)

    return made


def _add_interrupts(made: KeyBindings, on_interrupt: Callable[[], None]) -> None:
    """Bind Ctrl-C to clear the line, or to call the callback if it is empty."""

    @made.add("c-c", filter=Condition(lambda: bool(get_app().current_buffer.text)))
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.reset()
        event.current_buffer.load_history_if_not_yet_loaded()

    @made.add("c-c", filter=Condition(lambda: not get_app().current_buffer.text))
    def _(_: KeyPressEvent) -> None:
        on_interrupt()
