"""Completions at the cursor for prompt_toolkit; `commands.complete` computes them."""

from collections.abc import Callable, Iterable, Mapping

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from p2pchat.ui.text.commands import complete


class CommandCompleter(Completer):
    """Completes commands with their help, and names with their presence."""

    def __init__(self, names: Callable[[], Mapping[str, str]]) -> None:
        self._names = names

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002  # the signature is prompt_toolkit's
    ) -> Iterable[Completion]:
        """Yield the completions."""
        before = document.text_before_cursor
        typed = len(before.rpartition(" ")[2])
        for text, meaning in complete(before, self._names()):
            yield Completion(text, start_position=-typed, display_meta=meaning)
