"""The example command lines in the commands' help, for `p2p help examples`."""

import inspect
from collections.abc import Iterator

import click


def subcommands(command: click.Command) -> dict[str, click.Command]:
    """Return the commands of a group by name; none of a command that is not a group."""
    if not isinstance(command, click.Group):
        return {}
    ctx = click.Context(command)
    found = {name: command.get_command(ctx, name) for name in command.list_commands(ctx)}
    return {name: each for name, each in found.items() if each is not None}


def examples(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    """Yield each example of a command and its subcommands, as the command's path and the line."""
    for block in inspect.cleandoc(command.help or "").split("\n\n"):
        if block.startswith("\b\n"):
            for line in block.splitlines()[1:]:
                yield path, line
    for name, each in subcommands(command).items():
        yield from examples(each, f"{path} {name}")


def matching(command: click.Command, path: str, word: str) -> list[str]:
    """Return the examples that contain a word or belong to a command of that name."""
    found = [
        line
        for shown_by, line in examples(command, path)
        if not word or word in line or word in shown_by.split()
    ]
    return list(dict.fromkeys(found))
