"""The prompt_toolkit session: what is typed, completed, remembered, and shown around it.

Reads the state of the node; commands go through the app. Foreign text is shown as fragments, never
parsed as markup.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol

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
from p2pchat.peer.events import Event
from p2pchat.peer.node import Node
from p2pchat.peer.registry_session import Standing
from p2pchat.ui.commands import complete
from p2pchat.ui.render import Fragments, notice, styled_lines

_STYLE = Style.from_dict(
    {
        "contact": "bold",
        "notice": "italic",
        "bottom-toolbar": "noreverse bg:ansibrightblack fg:ansiwhite",
        "bottom-toolbar.trouble": "bold",
    }
)

_REFRESH_S = 1.0  # the toolbar counts seconds

_STANDINGS = {
    Standing.CONNECTING: "connecting",
    Standing.ONLINE: "connected",
    Standing.WAITING: "registry lost",
    Standing.STOPPED: "not logged in",
}


class Shown(Protocol):
    """What the prompt shows of the app."""

    @property
    def front(self) -> str | None:
        """With whom what is typed is said."""

    @property
    def unread(self) -> Mapping[str, int]:
        """Lines of others that were not shown, by contact."""

    @property
    def names(self) -> Collection[str]:
        """Names to complete."""


class Prompt:
    """One line being typed, everything that happens above it, and a toolbar below.

    It is one prompt for its whole life: a line that is entered moves up among the rest, and
    `on_line` gets it. Between two prompts the terminal would be out of our hands, and what is
    typed ahead would be shown twice.
    """

    def __init__(
        self,
        *,
        history_file: Path | None,
        input: Input | None = None,  # noqa: A002  # prompt_toolkit's own name
        output: Output | None = None,
    ) -> None:
        self._node: Node | None = None
        self._app: Shown | None = None
        self._pending: list[Fragments] = []
        completer = _CommandCompleter(lambda: self._app.names if self._app is not None else ())
        self.session: PromptSession[str] = PromptSession(
            lambda: FormattedText(self._message()),
            completer=completer,
            key_bindings=_bindings(completer, lambda: self.on_line("/next")),
            complete_while_typing=True,
            history=_history(history_file),
            refresh_interval=_REFRESH_S,
            bottom_toolbar=lambda: FormattedText(self._toolbar()),
            style=_STYLE,
            input=input,
            output=output,
        )
        self.session.default_buffer.accept_handler = self._entered
        self.on_line: Callable[[str], None] = _ignore

    def attach(self, node: Node, app: Shown) -> None:
        """Show the state of both from now on."""
        self._node = node
        self._app = app

    def show(self, event: Event) -> None:
        """Show what happened, above the line being typed."""
        self._print(styled_lines(event))

    def tell(self, sentence: str) -> None:
        """Show a sentence of ours."""
        self._print([notice(sentence)])

    def _entered(self, buffer: Buffer) -> bool:
        line = buffer.text
        self._print([[*self._message(), ("", line)]])
        self.on_line(line)
        return False

    def _print(self, lines: list[Fragments]) -> None:
        """Print with what else comes before the terminal is ours: one redrawing for a burst."""
        first = not self._pending
        self._pending += lines
        if not self.session.app.is_running:
            self._print_pending()
        elif first:
            run_in_terminal(self._print_pending)

    def _print_pending(self) -> None:
        pending, self._pending = self._pending, []
        for line in pending:
            print_formatted_text(FormattedText(line), style=_STYLE, output=self.session.app.output)

    def _message(self) -> Fragments:
        node = self._node
        if node is None:
            return [("", "> ")]
        whom = f" to {self._app.front}" if self._app is not None and self._app.front else ""
        return [("class:prompt", f"{node.username}{whom}> ")]

    def _toolbar(self) -> Fragments:
        node, app = self._node, self._app
        if node is None or app is None:
            return []
        online = node.standing is Standing.ONLINE
        return [
            ("", f" {node.username} at {node.url.address} | "),
            ("" if online else "class:bottom-toolbar.trouble", _standing(node)),
            ("", f" | {_conversation(node, app.front)}{_unread(app.unread)}"),
        ]


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

    @bindings.add("escape", "a")
    def _(_: KeyPressEvent) -> None:
        on_next()

    @bindings.add("tab")
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


def _conversation(node: Node, front: str | None) -> str:
    chat = node.chat(front) if front is not None else None
    if chat is not None:
        away = ", away" if chat.away else ""
        waiting = f", {chat.waiting} not delivered yet" if chat.waiting else ""
        state = f"in chat with {front}, {chat.security.value}{away}{waiting}"
    elif node.calling:
        state = f"calling {node.calling}"
    else:
        state = "in no chat"
    asking = "".join(f", {caller} is calling" for caller in node.called_by)
    return f"{state}{asking}{', not to be disturbed' if node.conversations.do_not_disturb else ''}"


def _standing(node: Node) -> str:
    wait = node.registry.next_try_in
    return _STANDINGS[node.standing] + ("" if wait is None else f", next try in {wait:.0f} s")


def _unread(unread: Mapping[str, int]) -> str:
    return "".join(f" | {contact}: {count} unread" for contact, count in unread.items())


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
