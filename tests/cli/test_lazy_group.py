"""Commands are imported when they are needed, and the table of their places is current."""

import subprocess
import sys

import click
import pytest

from p2pchat.cli.docs.examples import subcommands
from p2pchat.cli.docs.overview import GROUPS
from p2pchat.cli.lazy_group import LazyGroup
from p2pchat.cli.main import cli


def test_every_command_has_the_name_of_its_place() -> None:
    """Each name in the table leads to the command of that name, and --help shows them all."""
    commands = subcommands(cli)
    assert {name: command.name for name, command in commands.items()} == {n: n for n in commands}
    shown = [name for _, rows in GROUPS for row in rows for name in row.commands]
    assert sorted(shown) == list(commands)


def test_only_the_command_that_runs_is_imported() -> None:
    """The modules of other commands stay unloaded, also where the name is misspelt."""
    script = (
        "import sys; from p2pchat.cli.main import cli\n"
        "try: cli(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if m.startswith('p2pchat.cli.person.')], file=sys.stderr)"
    )
    for words, loaded in ((["search", "--help"], ["p2pchat.cli.person.search"]), (["serch"], [])):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
        )
        assert done.stderr.splitlines()[-1] == str(loaded)


def test_similar_names_include_what_is_not_imported() -> None:
    """A misspelt name is compared with all names, not only with imported commands."""
    group = LazyGroup("top", places={"completion": "p2pchat.cli.docs.completion:completion"})
    with pytest.raises(click.NoSuchCommand) as caught:
        group.resolve_command(click.Context(group), ["complation"])
    assert caught.value.possibilities == ["completion"]
