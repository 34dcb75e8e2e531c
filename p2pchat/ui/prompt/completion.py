"""Completions at the cursor for prompt_toolkit; `commands.complete` computes them."""

from collections.abc import Callable, Iterable, Mapping

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from p2pchat.ui.prompt.path_completion import path_completions
from p2pchat.ui.text.commands import complete, takes_path


class CommandCompleter(Completer):
    """Completes commands with their help, names with their presence, and paths."""

    def __init__(self, names: Callable[[], Mapping[str, str]]) -> None:
        self._names = names

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002  # the signature is prompt_toolkit's
    ) -> Iterable[Completion]:
        """Yield the completions."""
        before = document.text_before_cursor
        if takes_path(before):
            for path in path_completions(before.partition(" ")[2]):
                yield Completion(
                    path.text,
                    start_position=-path.length,
                    display=path.name,
                    display_meta=path.meaning,
                )
            return
        typed = len(before.rpartition(" ")[2])
        for text, meaning in complete(before, self._names()):
            yield Completion(text, start_position=-typed, display_meta=meaning)
