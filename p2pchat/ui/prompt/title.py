"""The terminal's title: the conversation in front, and the number of unread lines.

It is restored at the end, on terminals with a stack of titles (xterm's XTWINOPS 22 and 23).
"""

from typing import Final

from prompt_toolkit.output import Output
from prompt_toolkit.output.vt100 import Vt100_Output

_PUSH: Final = "\x1b[22;0t"
_POP: Final = "\x1b[23;0t"
_WITHOUT_TITLE: Final = ("linux", "dumb", "eterm-color", "")


class Title:
    """Sets the title of the terminal behind `output`; does nothing if it is not a terminal."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._is_possible = isinstance(output, Vt100_Output) and output.term not in _WITHOUT_TITLE
        self._shown = ""

    def show(self, front: str, unread: int) -> None:
        """Show the contact in front and the number of unread lines, if they have changed."""
        count = f"({unread}) " if unread else ""
        title = f"{count}{f'{front} - ' if front else ''}p2p"
        if title == self._shown or not self._is_possible:
            return
        if not self._shown:
            self._output.write_raw(_PUSH)
        self._shown = title
        self._output.set_title(title)
        self._output.flush()

    def put_back(self) -> None:
        """Restore the original title."""
        if self._shown:
            self._shown = ""
            self._output.write_raw(_POP)
            self._output.flush()
