"""The prompt_toolkit session: the line being typed, its history, and the display around it.

Knows no node: the surroundings of the line are passed in. Foreign text is shown as fragments, never
parsed as markup.
"""

import base64
import datetime as dt
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory, ConditionalAutoSuggest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output
from prompt_toolkit.renderer import print_formatted_text

from p2pchat.callbacks import ignore
from p2pchat.errors import StorageError
from p2pchat.private_files import make_private
from p2pchat.protocol.text import one_line
from p2pchat.ui.prompt.completion import CommandCompleter
from p2pchat.ui.prompt.drafts import Drafts
from p2pchat.ui.prompt.keys import bindings
from p2pchat.ui.prompt.terminal import our_terminal
from p2pchat.ui.prompt.title import Title
from p2pchat.ui.screen.around import Around
from p2pchat.ui.text.appearance import Appearance
from p2pchat.ui.text.confirm import as_meant, why_ask
from p2pchat.ui.text.fragments import Fragment, Fragments
from p2pchat.ui.text.gauge import gauge
from p2pchat.ui.text.render import CODE, NOTICE, our_lines
from p2pchat.ui.text.themes import style_of
from p2pchat.ui.text.toolbar import fitted
from p2pchat.ui.text.wrapping import cells, hanging, wrapped

_REFRESH_S: Final = 1.0  # the toolbar counts seconds
_DRAFT_EVERY_S: Final = 1.0
_RUN: Final = "/run "
_NOTIFIED: Final = 200
"""The most characters of a notification."""

_MENU_ROWS: Final = 9
"""The rows reserved for the completion menu and the line, only while a command is typed."""
_NOTIFICATION: Final = {
    "off": "",
    "osc9": "\x1b]9;{title}: {text}\x07",
    "osc777": "\x1b]777;notify;{title};{text}\x07",
}


class Prompt:
    """One line being typed, everything shown above it, and a toolbar below.

    It is a single prompt for the whole session: an entered line moves up, and is passed to
    `on_line`. Between two prompts the terminal would be out of our control, and text typed ahead
    would be shown twice. `around()` returns the surroundings of the line; when another contact
    comes to front, an unfinished line is stored in `drafts`.
    """

    def __init__(
        self,
        around: Callable[[], Around],
        *,
        history_file: Path | None,
        drafts_file: Path | None = None,
        look: Appearance = Appearance(),  # noqa: B008  # a frozen value
        input: Input | None = None,  # noqa: A002  # prompt_toolkit's own name
        output: Output | None = None,
    ) -> None:
        self._around = around
        self._look = look
        self._style = style_of(look.theme)
        self._pending: list[Sequence[Fragment]] = []
        self._drafts = Drafts(drafts_file)
        self._front = ""
        self._goes_next = False  # by a key, with what is typed left behind
        self._draft_kept_at = 0.0
        self._asked_about: str | None = None
        self._asked_to_leave = False
        self._completer = CommandCompleter(lambda: dict(around().names))
        self.session: PromptSession[str] = PromptSession(
            lambda: FormattedText(self._message()),
            completer=self._completer,
            key_bindings=bindings(self._completer, self._next, self._interrupted),
            complete_while_typing=True,
            reserve_space_for_menu=0,
            auto_suggest=ConditionalAutoSuggest(
                AutoSuggestFromHistory(), Condition(lambda: not self._is_in_menu())
            ),
            enable_suspend=True,
            tempfile_suffix=".txt",
            vi_mode=look.edit_mode == "vi",
            history=_history(history_file),
            refresh_interval=_REFRESH_S,
            bottom_toolbar=lambda: FormattedText(self._toolbar()),
            style=self._style,
            input=input,
            output=output or our_terminal(),
        )
        self.session.default_buffer.accept_handler = self._entered
        self.session.default_buffer.on_text_changed += lambda _: self._think_again()
        self.session.app.before_render += lambda _: self._keep_up()
        # Suppress the warning about terminals that do not report the cursor position.
        self.session.app.renderer.cpr_not_supported_callback = lambda: None
        self._title = Title(self.session.app.output)
        self.on_line: Callable[[str], None] = ignore
        self.on_run: Callable[[str], None] = ignore
        self.on_stop_running: Callable[[], None] = lambda: None
        self._running = ""  # the running command

    def _entered(self, buffer: Buffer) -> bool:
        """Submit the line, or ask for confirmation first; return True if the text should stay."""
        text = buffer.text
        if self._asked_about != text and why_ask(text):
            self._asked_about = text
            return True
        confirmed, self._asked_about = self._asked_about is not None, None
        command = text.strip().removeprefix(_RUN).strip() if text.startswith(_RUN) else ""
        self._drafts.keep(self._front, "")
        self._goes_next = False
        buffer.reset(append_to_history=True)
        # prompt_toolkit would load it only at the next redraw: arrow up before that found nothing.
        buffer.load_history_if_not_yet_loaded()
        if command:
            self._running = command
            self.on_run(command)
        else:
            self.on_line(as_meant(text) if confirmed else text)
        return True

    def _next(self) -> None:
        """Go to the next conversation; what was typed stays."""
        self._goes_next = True
        self.on_line("/next")

    def has_run(self, block: str) -> None:
        """Put a command's output into the line; Enter sends it."""
        self._running = ""
        self.session.default_buffer.insert_text(block)
        self.session.app.invalidate()

    def copy(self, text: str) -> None:
        """Copy a text to the terminal's clipboard, by OSC 52."""
        output = self.session.app.output
        output.write_raw(f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07")
        output.flush()

    def put_away(self) -> None:
        """Store the unfinished line and print pending output, because the prompt ends."""
        self._print_pending()
        self._title.put_back()
        self._drafts.keep(self._front, self.session.default_buffer.text)

    def _think_again(self) -> None:
        """Cancel what was meant for the text before this change."""
        self._goes_next = False
        self._asked_about = None
        self._asked_to_leave = False

    def _interrupted(self) -> None:
        """Ask before Ctrl-C ends chat and node, because it may have been pressed by mistake."""
        if self._running:
            self.on_stop_running()
            return
        if self._asked_to_leave:
            self.session.app.exit(exception=KeyboardInterrupt)
        self._asked_to_leave = True

    def write(self, lines: Iterable[Sequence[Fragment]]) -> None:
        """Print these lines above the one being typed.

        The terminal stays in raw mode meanwhile. prompt_toolkit's own way restores it, so that the
        terminal would echo keys pressed at that moment.
        """
        app = self.session.app
        first = not self._pending
        self._pending += lines
        if not app.is_running:
            self._print_pending()
        elif first and app._running_in_terminal:  # the editor uses it until it ends
            run_in_terminal(self._print_pending)
        elif first and app.renderer.waiting_for_cpr:
            app.create_background_task(self._print_when_settled())
        elif first:
            self._print_above()

    async def _print_when_settled(self) -> None:
        """Print once the terminal has said where its cursor is: what comes then would be wrong."""
        await self.session.app.renderer.wait_for_cpr_responses()
        waited, self._pending = self._pending, []
        self.write(waited)  # by now the editor may use the terminal

    def _print_above(self) -> None:
        """Print above the prompt, then redraw it in the remaining room.

        prompt_toolkit would query the cursor position for that, and draw too much until it knows
        it.
        """
        app, renderer = self.session.app, self.session.app.renderer
        drawn = renderer.last_rendered_screen
        room = max(renderer._min_available_height, drawn.height if drawn is not None else 0)
        renderer.erase()
        printed = self._print_pending()
        renderer._min_available_height = max(1, room - printed) if room else 0
        app.invalidate()

    def alert(self, contact: str, sentence: str, text: str) -> None:
        """Alert the user in the configured way to an event of a contact."""
        look = self._look
        hours = look.quiet_hours
        now = dt.datetime.now().astimezone().time()
        if contact in look.quiet or (hours is not None and hours.contain(now)):
            return
        output = self.session.app.output
        if look.bell:
            output.bell()
        notification = _NOTIFICATION[look.notifications]
        if notification:
            told = {"full": f"{contact}: {text}" if text else sentence, "none": "a message"}
            said = one_line(told.get(look.notification_text, sentence))[:_NOTIFIED]
            safe = said.replace(";", ",")  # a separator in one of these sequences
            output.write_raw(notification.format(title="p2p", text=safe))
        output.flush()

    def _print_pending(self) -> int:
        """Print pending lines; return how many rows they took."""
        pending, self._pending = self._pending, []
        rows = 0
        output = self.session.app.output
        width = output.get_size().columns
        for line in pending:
            for piece in _in_width(line, width):
                print_formatted_text(output, FormattedText([*piece, ("", "\n")]), self._style)
                rows += 1 + cells(piece) // (width + 1)
        output.flush()
        return rows

    def _keep_up(self) -> None:
        """Store the draft while it is typed, and switch it when another conversation comes to
        front.
        """
        buffer = self.session.default_buffer
        around = self._around()
        front = around.front
        self._title.show(front, around.unread)
        self.session.reserve_space_for_menu = _MENU_ROWS if buffer.text.startswith("/") else 0
        now = time.monotonic()
        if front != self._front:
            self._switch(buffer, front)
        elif now - self._draft_kept_at >= _DRAFT_EVERY_S:
            self._draft_kept_at = now
            self._drafts.keep(front, buffer.text)

    def _switch(self, buffer: Buffer, front: str) -> None:
        """Put the draft for the conversation that comes to front into the line.

        Where there was none, what was typed while `/chat bob` or `p2p chat bob` was under way is
        meant for bob, like lines that were entered meanwhile: it follows the draft.
        """
        follows = not (self._front or self._goes_next)
        self._drafts.keep(self._front, "" if follows else buffer.text)
        self._front, self._goes_next = front, False
        draft = self._drafts.of(front)
        if not follows:
            buffer.document = Document(draft, len(draft))
        elif draft:
            buffer.document = Document(draft + buffer.text, len(draft) + buffer.cursor_position)

    def _message(self) -> Fragments:
        around = self._around()
        above: Fragments = []
        width = self.session.app.output.get_size().columns
        if around.more_unsettled:
            above.append(("class:notice", f"{NOTICE}{around.more_unsettled} more lines wait\n"))
        for text, state in around.unsettled:
            for line in our_lines(around.prompt, text, state, me=around.me):
                for piece in _in_width(line, width):
                    above += [*piece, ("", "\n")]
        for transfer in around.moving:
            above.append(("class:notice", f"{NOTICE}{gauge(transfer, width - len(NOTICE) - 1)}\n"))
        if around.more_moving:
            above.append(("class:notice", f"{NOTICE}{around.more_moving} more files are moving\n"))
        return [*above, ("class:prompt", around.prompt)]

    def _toolbar(self) -> Sequence[Fragment]:
        text = self.session.default_buffer.text
        if self._running:
            return [("class:bottom-toolbar.question", f" running {self._running}: Ctrl-C ends it")]
        if self._asked_to_leave:
            return [("class:bottom-toolbar.question", " press Ctrl-C again to leave and log out")]
        if self._asked_about is not None and self._asked_about == text:
            question = f" {why_ask(text)}: Enter again sends it"
            return [("class:bottom-toolbar.question", question)]
        around = self._around()
        return fitted(around.left, around.right, self.session.app.output.get_size().columns)

    def _is_in_menu(self) -> bool:
        """Return whether the menu has entries: grey text beside it would be in the way."""
        buffer = self.session.default_buffer
        return any(self._completer.get_completions(buffer.document, CompleteEvent()))


def _in_width(line: Sequence[Fragment], width: int) -> Iterable[Sequence[Fragment]]:
    """Return a line split to fit the width; code is left whole, for the terminal to break."""
    if any(style == CODE for style, _ in line):
        return [line]
    return wrapped(line, width, hanging(line))


def _history(file: Path | None) -> History:
    if file is None:
        return InMemoryHistory()
    try:
        make_private(file)
    except OSError as error:
        raise StorageError(
            f"the input history {file} cannot be written: {error.strerror}",
            advice="check its folder, or set P2P_HOME to another one",
        ) from error
    return FileHistory(str(file))
