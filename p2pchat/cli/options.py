"""Options that several commands share, and how passwords are read."""

import math
import re
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from p2pchat.app.settings import Settings, from_environment
from p2pchat.app.streams import read_text
from p2pchat.app.terminal import is_terminal
from p2pchat.errors import LoginNeeded, P2PError, UsageError

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class NumberRange(click.FloatRange):
    """A number in a range; unlike click's own type, it rejects NaN."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; raise a usage error if the value is not one in the range."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


DAYS: Final = NumberRange(0, 36500, min_open=True)
"""At most a century, so that every resulting time is representable."""


registry: Decorator = click.option(
    "--registry",
    metavar="URL",
    help="The registry's join link, p2p://HOST[:7117][#FINGERPRINT], or original://HOST."
    "  [env: P2P_REGISTRY; default: the one used last, else this machine's]",
)

password_file: Decorator = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Read the password from the first line of FILE.  [env, as a last resort: P2P_PASSWORD]",
)

me: Decorator = click.option(
    "--as", "me", metavar="ME", help="Your account.  [default: the one used last]"
)

data_dir: Decorator = click.option(
    "--data-dir",
    envvar="P2P_SERVE_DATA_DIR",
    show_envvar=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="The registry's folder.  [default: below P2P_HOME]",
)

database: Decorator = click.option(
    "--database",
    metavar="URL",
    envvar="P2P_SERVE_DATABASE",
    show_envvar=True,
    help="postgresql:// URL of a database that several registries share."
    "  [default: a file in --data-dir]",
)


MAX_PASSWORD_BYTES = 1024
"""Fits into a login of either dialect with room to spare."""


_SAFE_IN_A_SHELL = re.compile(r"[\w.@+:,-]+")


def known_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names from the local profile, never from the network.

    Only names without shell metacharacters: names of the original dialect may be `$(rm -r ~)`.
    """
    settings = from_environment(profile=ctx.find_root().params.get("profile"))
    if not settings.profile_file.exists():
        return []
    from p2pchat.peer.registry_client.url import parse_registry_url
    from p2pchat.peer.store.profile import Profile

    try:
        url = parse_registry_url(ctx.params.get("registry") or settings.registry)
        with closing(Profile(settings.profile_file)) as profile:
            names = profile.known_names(str(url))
    except P2PError:
        return []  # completion has no way to show an error
    return [
        CompletionItem(name)
        for name in names
        if name.startswith(incomplete) and _SAFE_IN_A_SHELL.fullmatch(name)
    ]


def given_password(settings: Settings, file: Path | None) -> str | None:
    """Return the password in the file's first line, or from P2P_PASSWORD; None without either.

    Raise UsageError if it is not a valid password.
    """
    password = settings.password
    if file is not None:
        text = read_text(file, errors="surrogateescape")
        password = text.partition("\n")[0].removesuffix("\r")
    return None if password is None else _checked(password)


def get_password(settings: Settings, file: Path | None, username: str, *, twice: bool) -> str:
    """Return the given password, or ask for one without echo.

    Raise LoginNeeded without a terminal to ask on, UsageError if the password is invalid.
    """
    password = given_password(settings, file)
    return ask_password(f"Password of {username}", twice=twice) if password is None else password


def ask_password(question: str, *, twice: bool) -> str:
    """Ask for a password at the terminal. Raise LoginNeeded if there is no terminal."""
    if not is_terminal(sys.stdin):
        raise LoginNeeded(
            f"{question[0].lower()}{question[1:]} is needed",
            likely="stdin is not a terminal, so there is no way to ask",
            advice="use --password-file FILE, or set P2P_PASSWORD",
        )
    return _checked(click.prompt(question, hide_input=True, confirmation_prompt=twice, err=True))


def _checked(password: str) -> str:
    if not password:
        raise UsageError("the password is empty", advice="choose a password")
    try:
        size = len(password.encode())
    except UnicodeEncodeError as error:
        raise UsageError("the password is not valid UTF-8", advice="check your locale") from error
    if size > MAX_PASSWORD_BYTES:
        raise UsageError(
            f"the password has {size} bytes", likely=f"at most {MAX_PASSWORD_BYTES} are allowed"
        )
    return password
