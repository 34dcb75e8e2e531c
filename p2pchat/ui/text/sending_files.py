"""Recognises files that may be sent by mistake, by their names and folders only."""

import os
from pathlib import Path
from typing import Final

MANY: Final = 1000
LEFT_OUT: Final = "left out: {} (symbolic links, empty folders, devices and the like)"
RENAMED: Final = "{} names arrive changed, as not every system allows them"


def why_ask(path: Path) -> str:
    """Return why to confirm the sending of a file or folder; empty if not needed."""
    if path.name.startswith(".") and path.name.strip("."):
        return f"{path.name} is hidden"
    if path.is_dir():
        count = 0
        for _, folders, names in os.walk(path):
            count += len(names)
            if count > MANY:
                return f"{path} has more than {MANY} files"
            hidden = next((name for name in (*names, *folders) if name.startswith(".")), None)
            if hidden is not None:
                return f"{path} has hidden files, such as {hidden}"
    return ""
