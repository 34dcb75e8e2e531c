"""An error in the form in which it is sent to another process. Converts both ways."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from p2pchat.errors import LinkLost, P2PError


class Failure(msgspec.Struct, frozen=True, omit_defaults=True, rename={"advice": "try"}):
    """An error: exit code, kind for programs, what happened, likely cause and advice.

    `unsent`: bytes that were not sent when a link was lost.
    """

    code: int
    reason: str
    what: str
    likely: str = ""
    advice: str = ""
    unsent: int = 0


def failure_of(error: P2PError) -> Failure:
    """Return the failure that describes an error."""
    return Failure(
        error.exit_code,
        reason_of(error),
        error.what,
        error.likely,
        error.advice,
        error.unsent if isinstance(error, LinkLost) else 0,
    )


def error_of(failure: Failure) -> P2PError:
    """Return the error for a failure; for an unknown kind, one with the same exit code."""
    kind = _KINDS.get(failure.reason, P2PError)
    error: P2PError = kind.__new__(kind)
    P2PError.__init__(error, failure.what, likely=failure.likely, advice=failure.advice)
    error.exit_code = failure.code
    if isinstance(error, LinkLost):
        error.unsent = failure.unsent
    return error


def reason_of(error: P2PError) -> str:
    """Return the kind of an error for programs, such as `contact_offline`.

    An error of a private class has the kind of its public base class.
    """
    return next(_REASONS[kind] for kind in type(error).__mro__ if kind in _REASONS)


def _kinds(kind: type[P2PError]) -> Iterator[type[P2PError]]:
    yield kind
    for other in kind.__subclasses__():
        yield from _kinds(other)


_REASONS: Final[dict[type[P2PError], str]] = {
    kind: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
    for kind in _kinds(P2PError)
    if kind.__module__ == P2PError.__module__
} | {P2PError: "other"}
_KINDS: Final[dict[str, type[P2PError]]] = {reason: kind for kind, reason in _REASONS.items()}
