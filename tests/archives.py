"""Unpacks the archives that the program and its packaging make."""

import tarfile
from pathlib import Path


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive, compressed or not, into a folder, which is created if needed."""
    with tarfile.open(archive) as opened:
        # An attribute, as `extractall` has no parameter `filter` before Python 3.11.4.
        opened.extraction_filter = getattr(tarfile, "data_filter", None)
        opened.extractall(folder)  # noqa: S202  # of our own
