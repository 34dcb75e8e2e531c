"""The environment of a node's hooks, and where their output goes."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from p2pchat.app.session import UserSession
from p2pchat.app.settings import Settings, private_folder, variables
from p2pchat.app.terminal import is_terminal
from p2pchat.errors import P2PError, StorageError
from p2pchat.private_files import open_private
from p2pchat.ui.program.hooks import Hooks


@contextmanager
def hooks_of(
    settings: Settings, us: UserSession, tell: Callable[[P2PError], None]
) -> Iterator[Hooks]:
    """Yield the hooks of the settings. Raise UsageError if one is invalid.

    Their output goes to our stderr, or to a log if that is a terminal, which may show a prompt.
    """
    environment = variables("")
    # They use the running node, so they need no password.
    environment.pop("P2P_PASSWORD", None)
    environment["P2P_REGISTRY"] = str(us.url)
    if settings.profile is not None:
        environment["P2P_PROFILE"] = settings.profile
    with _log(settings) as output:
        hooks = Hooks(us.loop, settings.hooks, environment=environment, output=output, tell=tell)
        try:
            yield hooks
        finally:
            hooks.close()


@contextmanager
def _log(settings: Settings) -> Iterator[int]:
    if sys.stderr is not None and not is_terminal(sys.stderr):
        yield sys.stderr.fileno()
        return
    private_folder(settings.state_home)
    file = settings.state_home / "hooks.log"
    try:
        log = open_private(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror}") from error
    with log:
        yield log.fileno()
