"""Where things are shown: words and styles are chosen here, where they go is the writer's.

The writer may be a prompt, a stream of plain lines, or a link to a screen in another process.
"""

from collections.abc import Callable

from p2pchat.peer.events import Event
from p2pchat.ui.render import Fragments, notice, our_lines, plain_lines, styled_lines


class View:
    """Shows through `write(lines)`. Plain: without styles, and without what the person typed."""

    def __init__(self, write: Callable[[list[Fragments]], None], *, plain: bool) -> None:
        self._write = write
        self._plain = plain

    def show(self, event: Event) -> None:
        """Show what happened."""
        if self._plain:
            self._write([[("", line)] for line in plain_lines(event)])
        else:
            self._write(styled_lines(event))

    def tell(self, sentence: str) -> None:
        """Show a sentence of ours."""
        self._write([notice(sentence)])

    def ours(self, prompt: str, text: str, state: str) -> None:
        """Show a line that was typed at the prompt, and what has become of it."""
        if not self._plain:
            self._write(our_lines(prompt, text, state))
