"""Errors have one form, whatever their source, and are wrapped on a terminal."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from p2pchat.cli.main import cli
from tests.programs import environment
from tests.terminal.screen import Screen


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--frob"], ["p2p: no such option '--frob'", "  try: p2p --help"]),
        (
            ["history", "--serch", "x"],
            [
                "p2p: no such option '--serch'",
                "  likely: did you mean --search?",
                "  try: p2p history --help",
            ],
        ),
        (["search"], ["p2p: missing argument 'USER'", "  try: p2p search --help"]),
        (["users", "add"], ["p2p: missing argument 'NAME'", "  try: p2p users add --help"]),
        (
            ["history", "bob", "--limit", "0"],
            [
                "p2p: invalid value for '--limit': 0 is not in the range x>=1",
                "  try: p2p history --help",
            ],
        ),
        (
            ["serch"],
            [
                "p2p: there is no command p2p serch",
                "  likely: did you mean search?",
                "  try: p2p search --help",
            ],
        ),
        (
            ["status", "more"],
            ["p2p: got unexpected extra argument (more)", "  try: p2p status --help"],
        ),
    ],
)
def test_usage_errors_have_the_common_form(words: list[str], said: list[str]) -> None:
    """Exit 2 with the error, a suggestion and the help to read, all on stderr."""
    result = CliRunner().invoke(cli, words, prog_name="p2p")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == said


@pytest.mark.parametrize("command", [["serve"], ["login"], ["chat", "bob"], ["listen"]])
def test_unknown_limit_is_reported_first(tmp_path: Path, command: list[str]) -> None:
    """An unknown limit is reported before an account or password is needed."""
    result = CliRunner(env={"P2P_HOME": str(tmp_path)}).invoke(cli, [*command, "--limit", "?"])
    assert result.exit_code == 2
    assert "p2p: there is no limit '?'" in result.stderr
    assert result.stderr.count("=") > 5
    assert not (tmp_path / "data").exists()


def test_error_is_wrapped_between_words(tmp_path: Path) -> None:
    """An error is wrapped at the terminal's width."""
    env = environment(tmp_path)
    screen = Screen("login", "--limit", "?", env=env, screens=[], columns=40)
    assert screen.end() == 2
    assert "p2p: there is no limit '?'" in screen.lines
    limits = [line for line in screen.lines if "=" in line]
    assert all(line.startswith(("  try: ", "    ")) for line in limits), screen.text
    assert all("=" in word for line in limits for word in line.removeprefix("  try:").split())
