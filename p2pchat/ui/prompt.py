"""The prompt_toolkit session: what is typed, completed, remembered, and shown around it.

Knows no node: what stands around the line is given. Foreign text is shown as fragments, never
parsed as markup.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.styles import Style

from p2pchat.errors import StorageError
from p2pchat.protocol.screen import Around, Fragment
from p2pchat.ui.commands import complete
from p2pchat.ui.keys import COMPLETE, NEXT
from p2pchat.ui.render import NOTICE, Fragments, our_lines

_STYLE = Style.from_dict(
    {
        "contact": "bold",
        "notice": "italic",
        "bottom-toolbar": "noreverse bg:ansibrightblack fg:ansiwhite",
        "bottom-toolbar.trouble": "bold",
    }
)

_REFRESH_S = 1.0  # the toolbar counts seconds


class Prompt:
    """One line being typed, everything that happens above it, and a toolbar below.

    It is one prompt for its whole life: a line that is entered moves up among the rest, and
    `on_line` gets it. Between two prompts the terminal would be out of our hands, and what is
    typed ahead would be shown twice. `around()` gives what stands around the line.
    """

    def __init__(
        self,
        around: Callable[[], Around],
        *,
        history_file: Path | None,
        input: Input | None = None,  # noqa: A002  # prompt_toolkit's own name
        output: Output | None = None,
    ) -> None:
        self._around = around
        self._pending: list[Sequence[Fragment]] = []
        completer = _CommandCompleter(lambda: around().names)
        self.session: PromptSession[str] = PromptSession(
            lambda: FormattedText(self._message()),
            completer=completer,
            key_bindings=_bindings(completer, lambda: self.on_line("/next")),
            complete_while_typing=True,
            history=_history(history_file),
            refresh_interval=_REFRESH_S,
            bottom_toolbar=lambda: FormattedText(around().toolbar),
            style=_STYLE,
            input=input,
            output=output,
        )
        self.session.default_buffer.accept_handler = self._entered
        self.on_line: Callable[[str], None] = _ignore

    def _entered(self, buffer: Buffer) -> bool:
        self.on_line(buffer.text)
        return False

    def write(self, lines: Iterable[Sequence[Fragment]]) -> None:
        """Print these lines above the one being typed, whatever else is due: one redrawing."""
        first = not self._pending
        self._pending += lines
        if not self.session.app.is_running:
            self._print_pending()
        elif first:
            run_in_terminal(self._print_pending)

    def _print_pending(self) -> None:
        pending, self._pending = self._pending, []
        for line in pending:
            print_formatted_text(
                FormattedText(list(line)), style=_STYLE, output=self.session.app.output
            )

    def _message(self) -> Fragments:
        around = self._around()
        above: Fragments = []
        if around.more_unsettled:
            above.append(("class:notice", f"{NOTICE}{around.more_unsettled} more lines wait\n"))
        for text, state in around.unsettled:
            for line in our_lines(around.prompt, text, state):
                above += [*line, ("", "\n")]
        return [*above, ("class:prompt", around.prompt)]


class _CommandCompleter(Completer):
    """Complete commands and names; what to complete is decided by `commands.complete`."""

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self._names = names

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002  # the signature is prompt_toolkit's
    ) -> Iterable[Completion]:
        before = document.text_before_cursor
        typed = len(before.rpartition(" ")[2])
        for text, meaning in complete(before, sorted(self._names())):
            yield Completion(text, start_position=-typed, display_meta=meaning)


def _bindings(completer: Completer, on_next: Callable[[], None]) -> KeyBindings:
    """Let Tab finish the word where one thing alone could stand, however fast it was typed.

    Alt-A goes to the next unread conversation; what is being typed stays.
    """
    bindings = KeyBindings()

    @bindings.add(*NEXT.presses)
    def _(_: KeyPressEvent) -> None:
        on_next()

    @bindings.add(*COMPLETE.presses)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        asked = CompleteEvent(completion_requested=True)
        choices = list(completer.get_completions(buffer.document, asked))
        if len(choices) == 1:
            buffer.apply_completion(choices[0])
        elif buffer.complete_state is not None:
            buffer.complete_next()
        else:
            buffer.start_completion(insert_common_part=True)

    return bindings


def _ignore(_: str) -> None:
    """Stand in until somebody listens."""


def _history(file: Path | None) -> History:
    if file is None:
        return InMemoryHistory()
    try:
        file.touch(mode=0o600)
        file.open("ab").close()
    except OSError as error:
        raise StorageError(
            f"the input history {file} cannot be written: {error.strerror}",
            advice="look at its folder, or set P2P_HOME to another one",
        ) from error
    return FileHistory(str(file))
