"""`p2p help`: each topic matches the program, and an unknown topic gets a suggestion."""

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from p2pchat import errors
from p2pchat.app.settings import VARIABLES, from_environment
from p2pchat.cli.docs import overview
from p2pchat.cli.docs.examples import subcommands
from p2pchat.cli.docs.topics import TOPICS
from p2pchat.cli.main import cli
from p2pchat.protocol.secure import ALPN, SECURE
from p2pchat.ui.prompt.keys import KEYS
from p2pchat.ui.text.commands import COMMANDS
from tests.programs import environment
from tests.terminal.screen import Screen

README = (Path(__file__).parents[2] / "README.md").read_text()


def run(*arguments: str) -> Result:
    """Run `p2p help`."""
    return CliRunner().invoke(cli, ["help", *arguments], prog_name="p2p")


def words(*arguments: str) -> str:
    """Return the output with line breaks replaced by spaces."""
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return " ".join(result.stdout.split())


def test_overview_lists_commands_and_topics() -> None:
    """Without a topic, all commands and topics are listed."""
    said = words().replace(",", " ")
    for name in (*subcommands(cli), *TOPICS):
        assert f" {name} " in said


def test_overview_names_every_command_once() -> None:
    """The overview names each command once and fits a small screen."""
    named = [name for _, rows in overview.GROUPS for row in rows for name in row.commands]
    assert sorted(named) == sorted(subcommands(cli))
    shown = CliRunner().invoke(cli, ["--help"], prog_name="p2p").stdout
    assert len(shown.splitlines()) <= 24


def test_every_help_fits_a_terminal() -> None:
    """Each help text fits 80 columns, and nothing is truncated."""
    for path, command in _named(cli, "p2p"):
        shown = CliRunner().invoke(cli, [*path.split()[1:], "--help"], prog_name="p2p").stdout
        for line in shown.splitlines():
            assert len(line) <= 80, (path, line)
            assert not line.endswith("...") or line.startswith("Usage: "), (
                path,
                line,
            )
        assert (command.help or "").strip(), path


def test_examples_are_found_by_a_word() -> None:
    """All examples, or those with a word; without a match the error says so."""
    every = run("examples").stdout.splitlines()
    assert 'p2p send bob "dinner is ready"' in every
    some = run("examples", "send").stdout.splitlines()
    assert set(some) < set(every)
    assert all("send" in line or "make" in line for line in some)
    result = run("examples", "zebra")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no example has the word 'zebra'" in result.stderr


def test_help_does_not_depend_on_docstrings() -> None:
    """With `PYTHONOPTIMIZE=2`, which removes docstrings, the texts are the same."""
    script = (
        "import sys; from p2pchat.cli.main import cli\n"
        "for words in {}:\n"
        "    try: cli(words.split())\n    except SystemExit: pass\n"
    ).format(
        [f"{path[4:]} --help".strip() for path, _ in _named(cli, "p2p")]
        + [f"help {topic}" for topic in (*TOPICS, "examples")]
    )
    said = [
        subprocess.run(
            [sys.executable, *flags, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        for flags in ((), ("-OO",))
    ]
    assert said[0] == said[1]
    assert len(said[0]) > 10_000


@pytest.mark.parametrize("command", [["send"], ["users", "add"], ["help"]])
def test_command_help_is_the_same(command: list[str]) -> None:
    """`p2p help COMMAND` prints the command's own help, for subcommands as well."""
    asked = CliRunner().invoke(cli, [*command, "--help"], prog_name="p2p")
    assert run(*command).stdout == asked.stdout


def test_every_exit_code_is_explained() -> None:
    """The exit codes are those of the errors, here and in the README."""
    classes = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)]
    ours = [cls for cls in classes if issubclass(cls, errors.P2PError)]
    codes = {0, errors.INTERRUPTED, *(cls.exit_code for cls in ours)}
    told = re.findall(r"^  (\d+) ", run("exit-codes").stdout, re.MULTILINE)
    assert [int(code) for code in told] == sorted(codes)
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)] == sorted(
        codes
    )
    assert "the contact rejected the call" in words("exit-codes")


class _Asked(Mapping[str, str]):
    """An empty environment that records which variables are read."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_every_variable_is_explained() -> None:
    """Each variable that settings or options read is listed."""
    asked = _Asked()
    from_environment(asked)
    said = run("environment").stdout.split()
    assert asked.names | VARIABLES.keys() <= set(said)
    for command in _every(cli):
        for option in command.params:
            assert option.envvar is None or option.envvar in said


def test_every_prompt_command_and_key_is_explained() -> None:
    """The commands and keys of the prompt come from its own tables."""
    said = words("keys")
    for command in COMMANDS:
        assert f"{command.usage} {command.help}" in said
    for key, does in KEYS:
        assert f"{key} {does}" in said


def test_protocol_topic_names_every_command() -> None:
    """The wire commands are those of the codecs, and lines fit a terminal."""
    said = words("protocol")
    assert ALPN in said
    for command in SECURE.limits(SECURE.kinds):
        word = command.decode().rstrip()
        assert word.endswith("_RESP") or re.search(rf"\b{word}\b", said), word
    for topic in (name for name, topic in TOPICS.items() if topic.text_file):
        assert all(len(line) <= 80 for line in run(topic).stdout.splitlines())


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (["exit-code"], "exit-codes"),
        (["serv"], "serve"),
        (["users", "invit"], "users invite"),
        (["keys", "more"], "keys"),
    ],
)
def test_unknown_topic_gets_a_suggestion(asked: list[str], meant: str) -> None:
    """Exit 2 with a suggestion in the common form of errors."""
    result = run(*asked)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        f"p2p: there is no help on {' '.join(asked)!r}",
        f"  likely: did you mean {meant}?",
        f"  try: p2p help {meant}",
    ]


def test_malformed_topic_is_reported_safely() -> None:
    """Control characters are not repeated, and the error says where the list is."""
    result = run("\x1b[2J")
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert "try: p2p help" in result.stderr


def test_topics_are_completed() -> None:
    """Topics and commands are completed, then subcommands."""
    for typed, offered in (("p2p help e", "environment"), ("p2p help users inv", "invite")):
        result = CliRunner(
            env={
                "_P2P_COMPLETE": "bash_complete",
                "COMP_WORDS": typed,
                "COMP_CWORD": str(typed.count(" ")),
            }
        ).invoke(cli, [], prog_name="p2p")
        assert f"plain,{offered}" in result.stdout.splitlines()


def test_pager_is_used_for_long_texts_only(tmp_path: Path) -> None:
    """A text that does not fit the terminal is shown in a pager."""
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho paged\ncat > /dev/null\n")
    pager.chmod(0o700)
    env = environment(tmp_path, PAGER=str(pager))
    for topic, rows, shown in (("exit-codes", 24, "interrupted"), ("keys", 10, "paged")):
        screen = Screen("help", topic, env=env, screens=[], rows=rows)
        screen.wait_for(shown)
        assert screen.end() == 0
        assert ("paged" in screen.text) == (shown == "paged")


def test_help_imports_nothing_heavy() -> None:
    """A text topic imports neither the prompt nor the network."""
    script = (
        "import sys; from p2pchat.cli.main import cli\n"
        "for topic in ('exit-codes', 'environment', 'security'):\n"
        "    try: cli(['help', topic])\n    except SystemExit: pass\n"
        "heavy = 'prompt_toolkit', 'asyncio', 'peewee', 'cryptography', 'p2pchat.net', 'ssl'\n"
        "print([m for m in heavy if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"


def _named(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from _named(each, f"{path} {name}")


def _every(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from _every(each)
