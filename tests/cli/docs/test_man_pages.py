"""The manual has a current page for each command that groff accepts without warnings."""

import shutil
import subprocess
from pathlib import Path

import click
import pytest

from p2pchat.cli.docs.examples import subcommands
from p2pchat.cli.docs.man_pages import pages
from p2pchat.cli.main import cli

FOLDER = Path(__file__).parents[3] / "p2pchat" / "man"
PAGES = pages(cli, "p2p")


def test_committed_pages_are_current() -> None:
    """If this fails, run: python -m p2pchat.cli.write_manual p2pchat/man."""
    assert {file.name: file.read_text() for file in FOLDER.iterdir()} == PAGES


def test_every_command_has_a_page() -> None:
    """Each command and subcommand has a page with its description and options."""
    assert {f"p2p-{name}.1" for name in subcommands(cli)} <= PAGES.keys()
    page = PAGES["p2p-users-import.1"]
    assert "username password" in page
    assert r"\fB\-\-data\-dir\fR FOLDER" in page
    assert ".BR p2p\\-users (1)" in page


def test_roff_syntax_in_texts_is_escaped() -> None:
    """Dots and quotes at the start of a line, backslashes and hyphens are escaped."""

    @click.command()
    def odd() -> None:
        """Odd.

        .dots are text

        'quotes\\too' -are

        \b
        ~/.x `y`
        """

    page = pages(odd, "odd")["odd.1"].splitlines()
    assert r"\&.dots are text" in page
    assert r"\(aqquotes\etoo\(aq \-are" in page
    assert r"\(ti/.x \(gay\(ga" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff on this machine")
def test_groff_has_no_warnings() -> None:
    """groff formats all pages without a warning."""
    files = sorted(map(str, FOLDER.iterdir()))
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", *files], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
