"""Which keys do more at the prompt than type: bindings and help come from here.

Pure: knows no terminal, so that the shell's help can name them too.
"""

from typing import Final, NamedTuple


class Key(NamedTuple):
    """What somebody presses, the same as prompt_toolkit calls it, and what it does."""

    name: str
    presses: tuple[str, ...]
    help: str


COMPLETE: Final = Key("Tab", ("tab",), "complete a command, or the name of somebody you have met")
NEXT: Final = Key("Alt-A", ("escape", "a"), "go to the next conversation with unread lines")

KEYS: Final = (
    COMPLETE,
    NEXT,
    Key("Up", ("up",), "the line that you typed before"),
    Key("Ctrl-R", ("c-r",), "look among the lines that you have typed"),
    Key("Ctrl-D", ("c-d",), "log out and leave, on an empty line"),
    Key("Ctrl-C", ("c-c",), "log out and leave at once, with exit code 130"),
)
"""Those of ours, and of the library's those that are worth knowing."""
