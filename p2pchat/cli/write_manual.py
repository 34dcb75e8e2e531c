"""`python -m p2pchat.cli.write_manual p2pchat/man`: regenerate the manual pages."""

import sys
from pathlib import Path

from p2pchat.cli.docs.man_pages import pages
from p2pchat.cli.main import cli


def write(folder: Path) -> None:
    """Write all pages into the folder, replacing existing ones."""
    for old in folder.glob("*.1"):
        old.unlink()
    for file, text in pages(cli, "p2p").items():
        (folder / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
