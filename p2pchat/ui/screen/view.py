"""Where things are shown: words and styles are chosen here, where they go is the writer's.

The writer may be a prompt or a stream of plain lines.
"""

import datetime as dt
from collections.abc import Callable

from p2pchat.errors import UsageError
from p2pchat.protocol.client.events import Event, TextReceived
from p2pchat.ui.text.fragments import Fragments
from p2pchat.ui.text.render import day_line, notice, our_lines, plain_lines, styled_lines


class View:
    """Shows through `write(lines)`. Plain: without styles, and without what the person typed.

    `alert(contact, sentence, text)` draws the person's attention, `copy(text)` fills the clipboard.
    `timestamps`: say when each line was said, by the clock `now`, in the time zone of the user who
    looks, and where a day ends.
    """

    def __init__(
        self,
        write: Callable[[list[Fragments]], None],
        *,
        plain: bool,
        alert: Callable[[str, str, str], None] = lambda _contact, _sentence, _text: None,
        copy: Callable[[str], None] | None = None,
        timestamps: bool = False,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now().astimezone(),
    ) -> None:
        self._write = write
        self._plain = plain
        self._timestamps = timestamps and not plain
        self._now = now
        self._day = now().date()
        self.alert = alert
        self._copy = copy

    def show(self, event: Event) -> None:
        """Show what happened."""
        if self._plain:
            self._write([[("", line)] for line in plain_lines(event)])
        elif isinstance(event, TextReceived):
            self._show_said(styled_lines(event), event.at)
        else:
            self._write(styled_lines(event))

    def copy(self, text: str) -> None:
        """Put a text on the terminal's clipboard. Raise UsageError where there is none."""
        if self._copy is None:
            raise UsageError("only the prompt of a terminal can copy")
        self._copy(text)

    def tell(self, sentence: str) -> None:
        """Show a notice."""
        self._write([notice(sentence)])

    def ours(self, prompt: str, text: str, state: str, contact: str = "", *, me: str = "") -> None:
        """Show a line that was typed at the prompt, with its state.

        `contact` and `me`: the recipient and the sender, if it was said to one.
        """
        if not self._plain:
            self._show_said(our_lines(prompt, text, state, contact, me=me), 0)

    def _show_said(self, lines: list[Fragments], at_ms: int) -> None:
        """Show a message with its time; 0 is now."""
        if not self._timestamps:
            self._write(lines)
            return
        when = self._now()
        if at_ms:
            when = dt.datetime.fromtimestamp(at_ms / 1000, tz=when.tzinfo)
        stamp = f"{when:%H:%M} "
        first, *rest = lines
        stamped: list[Fragments] = [[("class:time", stamp), *first]]
        stamped += [[("class:time", " " * len(stamp)), *line] for line in rest]
        if when.date() != self._day:
            self._day = when.date()
            stamped.insert(0, day_line(self._day))
        self._write(stamped)
