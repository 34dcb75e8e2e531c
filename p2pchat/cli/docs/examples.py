"""The example command lines in the commands' help, for `p2p help examples`."""

import inspect
from collections.abc import Iterator

import click


def examples(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    """Yield each example of a command and its subcommands, as the command's path and the line."""
    for block in inspect.cleandoc(command.help or "").split("\n\n"):
        if block.startswith("\b\n"):
            for line in block.splitlines()[1:]:
                yield path, line
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from examples(each, f"{path} {name}")


def matching(command: click.Command, path: str, word: str) -> list[str]:
    """Return the examples that contain a word or belong to a command of that name."""
    found = [
        line
        for shown_by, line in examples(command, path)
        if not word or word in line or word in shown_by.split()
    ]
    return list(dict.fromkeys(found))
