"""`p2p` without a command: ask a new user the few necessary questions, then show the prompt."""

from typing import TYPE_CHECKING, Final, NamedTuple

import click

from p2pchat.app.config_file import keep_registry
from p2pchat.app.settings import DEFAULT, Settings, make_folder
from p2pchat.cli import options
from p2pchat.cli.echo import echo, echo_wrapped
from p2pchat.errors import (
    InviteNeeded,
    LinkLost,
    LoginNeeded,
    LoginRefused,
    NotTrusted,
    P2PError,
    RegistrationRefused,
    RemoteProtocolError,
    SlowedDown,
    TimedOut,
    Unreachable,
    UsageError,
)
from p2pchat.peer.calls.invitations import is_invitation, parse_invitation, pasted_link
from p2pchat.peer.registry_client.credentials import Credentials
from p2pchat.peer.registry_client.url import parse_registry_url
from p2pchat.protocol.names import PLAIN_RULE

if TYPE_CHECKING:
    from p2pchat.app.session import UserSession
    from p2pchat.peer.calls.invitations import Invitation


_SHORTEST: Final = 6
"""The fewest characters of a password at a secure registry (PROTOCOL, "Names")."""


class Begun(NamedTuple):
    """The account to use, its registry (None: from the settings), and the invitation used,
    if any.
    """

    username: str
    registry: str | None = None
    invitation: "Invitation | None" = None


def begin(settings: Settings) -> Begun:
    """Return the account to log in as, asking for it or creating it if none is known.

    The registry is contacted before anything else is asked. Refused answers are asked again, with
    the earlier answers kept. If the registry was asked for, it is saved in the configuration file.
    Raise UsageError, and, if the registry was not asked for, the error that keeps us from it.
    """
    if _has_an_account(settings) or settings.resolved["registry"][1] != DEFAULT:
        given = options.given_password(settings, None)
        return Begun(_at(settings, settings.registry, None, None, given, ask=True))
    registry = settings.registry
    while True:
        link = _ask_registry(settings, registry)
        invitation = parse_invitation(link) if is_invitation(link) else None
        registry = link if invitation is None else invitation.registry.link
        given = options.given_password(settings, None)
        try:
            username = join_by(settings, registry, invitation, name=None, password=given, ask=True)
        except (Unreachable, LinkLost, TimedOut, NotTrusted, RemoteProtocolError) as error:
            _say(error)
        else:
            keep_registry(settings.config_file, registry, settings.profile)
            return Begun(username, registry, invitation)


def join_by(
    settings: Settings,
    registry: str,
    invitation: "Invitation | None",
    *,
    name: str | None,
    password: str | None,
    ask: bool,
) -> str:
    """Return the account at the registry, asking for it or creating it if there is none.

    The sender of the invitation becomes a verified contact. `ask`: the user can be asked for what
    is missing, and again for what was refused.
    """
    return _at(settings, registry, invitation, name, password, ask=ask)


def _at(
    settings: Settings,
    registry: str,
    invitation: "Invitation | None",
    name: str | None,
    password: str | None,
    *,
    ask: bool,
) -> str:
    from p2pchat.app.session import open_session

    with open_session(settings, registry) as us:
        username = us.profile.last_account(str(us.url))
        if username is None or (name is not None and us.named(name) != username):
            us.registry_commands.reach()
            echo(f"the registry at {us.url.address} answers", err=True)
            code = "" if invitation is None else invitation.code
            if ask:
                username = _choose_account(us, name, password, code, is_new=invitation is not None)
            elif name is None or password is None:
                raise UsageError(
                    "there is no terminal to ask for a name and a password on",
                    advice="use --name NAME, and --password-file FILE or P2P_PASSWORD",
                )
            else:
                username = us.named(name)
                _make_or_log_in(us, us.credentials(username, password), password, code)
        us.profile.note_account(str(us.url), username)
        if invitation is not None:
            us.contacts.follow(invitation.contact, invitation.key, invitation.secret)
    return username


def _choose_account(
    us: "UserSession", name: str | None, given: str | None, code: str, *, is_new: bool
) -> str:
    """Ask for a name and a password until the registry accepts them; return the name.

    `given` is a password to try first. `is_new`: create an account of that name without asking.
    """
    makes, typed, asked = True, "" if name is None else us.named(name), name is None
    while True:
        if asked:
            typed = _ask_name(us, typed)
        asked = True
        if not is_new:
            makes = click.confirm("Create a new account with that name?", default=makes, err=True)
        password = given or _ask_password(typed, is_new=makes, twice=makes and not is_new)
        given = None
        credentials = us.credentials(typed, password)
        try:
            if is_new:
                _make_or_log_in(us, credentials, password, code, ask=True)
            elif makes:
                _register(us, credentials, password)
            else:
                us.registry_commands.log_in(credentials)
        except (RegistrationRefused, LoginRefused, LoginNeeded, SlowedDown) as error:
            _say(error)
        else:
            return typed


def _make_or_log_in(
    us: "UserSession", credentials: Credentials, password: str, code: str, *, ask: bool = False
) -> None:
    """Create the account; log in instead if it exists and has that password."""
    try:
        if ask:
            _register(us, credentials, password, code)
        else:
            us.registry_commands.register(credentials, password, code)
    except InviteNeeded:
        raise
    except RegistrationRefused as refused:
        try:
            us.registry_commands.log_in(credentials)
        except (LoginRefused, LoginNeeded):
            raise refused from None


def _ask_name(us: "UserSession", before: str) -> str:
    """Ask until the answer is a valid name; earlier answers are kept."""
    if us.url.secure and not before:
        echo_wrapped(f"Names there have {PLAIN_RULE}.", err=True)
    while True:
        typed: str = click.prompt(
            "Your name there",
            default=before or None,
            err=True,
        )
        if "://" in typed:
            echo("that is a link; enter a name for yourself, such as alice", err=True)
            continue
        try:
            return us.named(typed)
        except UsageError as error:
            _say(error)


def _ask_password(name: str, *, is_new: bool, twice: bool) -> str:
    """Ask until the answer is a valid password."""
    rule = f" (at least {_SHORTEST} characters)" if is_new else ""
    while True:
        try:
            password = options.ask_password(f"Password of {name}{rule}", twice=twice)
        except UsageError as error:
            _say(error)
            continue
        if not is_new or len(password) >= _SHORTEST:
            return password
        echo(f"that has {len(password)} characters; at least {_SHORTEST} are required", err=True)


def _say(error: P2PError) -> None:
    echo_wrapped(f"{error.what}{f'; {error.likely}' if error.likely else ''}", err=True)


def _has_an_account(settings: Settings) -> bool:
    """Return whether there is an account at the registry that the settings name."""
    if not settings.profile_file.exists():
        return False
    from p2pchat.app.profile_home import open_profile_home

    with open_profile_home(settings, None) as us:
        return us.profile.last_account(str(us.url)) is not None


def _ask_registry(settings: Settings, before: str) -> str:
    """Ask until the answer is a registry's link; Enter means the earlier one."""
    make_folder(settings.config_file.parent)
    while True:
        what = "this machine" if before == settings.registry else before
        link: str = click.prompt(
            f"The registry's link, from its operator (just Enter: {what})",
            default=before,
            show_default=False,
            err=True,
        )
        link = pasted_link(link)
        if "://" not in link:
            link = f"p2p://{link}"
        try:
            (parse_invitation if is_invitation(link) else parse_registry_url)(link)
        except UsageError as error:
            echo(f"{error.what}: {error.likely or error.advice}", err=True)
        else:
            return link


def _register(us: "UserSession", credentials: Credentials, password: str, code: str = "") -> None:
    """Create the account, asking for an invitation code if the registry requires one."""
    invite = code
    while True:
        try:
            us.registry_commands.register(credentials, password, invite)
        except InviteNeeded as error:
            if invite:
                _say(error)
            asked = "This registry requires an invitation. Your code"
            invite = click.prompt(asked, err=True).strip()
        else:
            return
