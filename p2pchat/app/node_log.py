"""The log of a client's node: a file in the profile, because the terminal may show a prompt."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from typing import Final

from p2pchat.app.settings import Settings, private_folder
from p2pchat.errors import StorageError
from p2pchat.private_files import make_private

_MOST_BYTES: Final = 1024 * 1024


@contextmanager
def logged(settings: Settings) -> Iterator[None]:
    """Write warnings and errors to the log within the context; keeps two files of at most 1 MiB.

    Raise StorageError if it cannot be written.
    """
    file = settings.log_file
    private_folder(file.parent)
    try:
        make_private(file)
        handler = RotatingFileHandler(file, maxBytes=_MOST_BYTES, backupCount=1, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"cannot write the log {file}: {error.strerror}",
            advice="set P2P_HOME to a folder of yours",
        ) from error
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("p2pchat")
    logger.addHandler(handler)
    propagated, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.propagate = propagated
        logger.removeHandler(handler)
        handler.close()
