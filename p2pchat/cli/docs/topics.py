"""The topics of `p2p help TOPIC` and the manual, besides each command's own --help.

Topics are built from the code that they describe, where possible. Knows neither terminal nor roff
formatting.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from p2pchat import errors
from p2pchat.app import settings
from p2pchat.app.config_file import KEYS
from p2pchat.cli.serve import serve

Rows = list[tuple[str, str]]
"""Pairs of a term and its explanation."""


class Section(NamedTuple):
    """A table with a title, and optional text below it."""

    title: str
    rows: Rows
    note: str = ""


class Topic(NamedTuple):
    """One topic: what it is about, and either its tables or its text."""

    about: str
    sections: Callable[[], list[Section]] = list
    text_file: str = ""
    folder: str = "p2pchat.cli.docs.texts"

    def text(self) -> str:
        """Return the text, from the topic's folder."""
        from importlib.resources import files

        return files(self.folder).joinpath(self.text_file).read_text(encoding="utf-8")


def exit_codes() -> list[Section]:
    """Return each exit code with the descriptions of its errors."""
    meanings: dict[int, list[str]] = {0: ["done"], 1: ["anything else"]}
    for error in _errors():
        if "meaning" in vars(error) and error.meaning:
            meanings.setdefault(error.exit_code, []).append(error.meaning)
    meanings[errors.INTERRUPTED] = ["interrupted by Ctrl-C"]
    return [
        Section(
            "Exit codes",
            [(str(code), "; ".join(means)) for code, means in sorted(meanings.items())],
            "For p2p send and p2p chat, 0 means that the contact's node has acknowledged every"
            " line (with --left-is-enough, or is left in the contact's mailbox), 6 that lines wait"
            " in the outbox or in the contact's mailbox. For files, 0 means that the contact has"
            " them, verified, 6 that the contact is offline or has not answered, 7 declined.",
        )
    ]


def environment() -> list[Section]:
    """Return the environment variables that are read."""
    return [
        Section(
            "Environment",
            [*((key.variable, key.meaning) for key in KEYS), *settings.VARIABLES.items()],
        ),
        Section("Environment of p2p serve", list(serve.serve.environment().items())),
    ]


def keys() -> list[Section]:
    """Return the commands and keys of the prompt."""
    from p2pchat.ui.prompt.keys import KEYS
    from p2pchat.ui.text.commands import help_rows

    return [
        Section("Commands at the prompt", help_rows()),
        Section("Keys at the prompt", list(KEYS)),
    ]


_WIRE: Final = "p2pchat.protocol"

TOPICS: Final = {
    "exit-codes": Topic("what p2p's exit codes mean", exit_codes),
    "environment": Topic("environment variables", environment),
    "keys": Topic("commands and keys at the prompt", keys),
    "prompt": Topic("what you can type at the prompt", text_file="prompt.txt"),
    "one-machine": Topic("try it with two people on one machine", text_file="one-machine.txt"),
    "reliability": Topic("delivery, history and the outbox", text_file="reliability.txt"),
    "trust": Topic("keys, contacts, tokens, passwords", text_file="trust.txt"),
    "reach": Topic("who can reach you", text_file="reach.txt"),
    "mailbox": Topic("messages for people who are offline", text_file="mailbox.txt"),
    "files": Topic("sending and receiving files", text_file="files.txt"),
    "settings": Topic("your settings, and where they come from", text_file="settings.txt"),
    "scripts": Topic("scripts, bots and hooks", text_file="scripts.txt"),
    "registry": Topic("running a registry", text_file="registry.txt"),
    "original": Topic("the original system", text_file="original.txt"),
    "troubleshooting": Topic("error messages, and what to do", text_file="troubleshooting.txt"),
    "security": Topic("what is protected, and what is not", text_file="SECURITY.md", folder=_WIRE),
    "protocol": Topic("what goes on the wire", text_file="WIRE.md", folder=_WIRE),
}


def _errors() -> Iterator[type[errors.P2PError]]:
    for member in vars(errors).values():
        if isinstance(member, type) and issubclass(member, errors.P2PError):
            yield member
