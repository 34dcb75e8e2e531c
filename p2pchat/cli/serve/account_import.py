"""Import accounts from a file of `username password` lines, as the original system keeps them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from p2pchat.app.streams import read_text
from p2pchat.errors import UsageError

if TYPE_CHECKING:
    from p2pchat.cli.serve.registry_access import OperatedRegistry

_NOT_UTF8 = range(0xDC80, 0xDD00)


class Imported(NamedTuple):
    """The outcome of a line: whether it created an account, and a remark for the operator."""

    line: int
    is_made: bool
    remark: str = ""


def import_accounts(
    registry: "OperatedRegistry", file: Path, *, dry_run: bool
) -> Iterator[Imported]:
    """Create an account for each line except empty ones and comments; yield the outcomes.

    `dry_run`: only report what would happen. Raise StorageError.
    """
    from p2pchat.protocol.names import is_plain_username
    from p2pchat.registry.store.accounts import Creation

    seen: set[str] = set()
    for number, line in enumerate(read_text(file, errors="surrogateescape").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, password = line.partition(" ")
        refusal = _refusal(name, password)
        if not refusal and (name in seen or registry.accounts.standing(name) is not None):
            refusal = f"there is an account {name} already"
        if refusal:
            yield Imported(number, False, refusal)
            continue
        seen.add(name)
        if not dry_run:
            if registry.accounts.create(name, password) is not Creation.MADE:
                yield Imported(number, False, f"there is an account {name} already")
                continue
            registry.changed(name)
        yield Imported(number, True, "" if is_plain_username(name) else _original_only(name))


def check_new_name(name: str) -> None:
    """Raise UsageError if the name is valid at neither listener."""
    from p2pchat.protocol.names import is_username
    from p2pchat.protocol.text import one_line

    if not is_username(name):
        raise UsageError(
            f"{one_line(name)!r} is not a valid username",
            advice="letters, digits, '.', '_' and '-'",
        )


def _refusal(name: str, password: str) -> str:
    """Return why a line cannot create an account; empty if it can."""
    try:
        check_new_name(name)
    except UsageError as error:
        return error.what
    if not password:
        return f"{name} has no password"
    if any(ord(c) in _NOT_UTF8 for c in password):
        return f"the password of {name} is not valid UTF-8"
    return ""


def _original_only(name: str) -> str:
    return (
        f"{name} can log in only at the original listener: names at the secure one are"
        " lower-case letters, digits, '.', '_' and '-', at most 32"
    )
