"""Chooses the words and styles in which events are shown, and passes them to a writer.

The writer may be a prompt or a stream of plain lines.
"""

import datetime as dt
from collections.abc import Callable

from p2pchat.errors import UsageError
from p2pchat.protocol.client.events import Event, TextReceived
from p2pchat.ui.text.fragments import Fragments
from p2pchat.ui.text.render import day_line, notice, our_lines, plain_lines, styled_lines


class View:
    """Shows events through `write(lines)`. Plain: without styles, and without the user's own lines.

    `alert(contact, sentence, text)` alerts the user, `copy(text)` fills the clipboard.
    `timestamps`: show the time of each line by the clock `now`, in the time zone of the screen's
    user, and mark new days.
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
        """Show an event."""
        if self._plain:
            self._write([[("", line)] for line in plain_lines(event)])
        elif isinstance(event, TextReceived):
            self._show_said(styled_lines(event), event.at)
        else:
            self._write(styled_lines(event))

    def copy(self, text: str) -> None:
        """Put a text on the terminal's clipboard. Raise UsageError if there is none."""
        if self._copy is None:
            raise UsageError("copying works only at a terminal's prompt")
        self._copy(text)

    def tell(self, sentence: str) -> None:
        """Show a notice."""
        self._write([notice(sentence)])

    def ours(self, prompt: str, text: str, state: str, contact: str = "", *, me: str = "") -> None:
        """Show a line typed at the prompt, with its state.

        `contact` and `me`: the recipient and the sender, if it was a message.
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
