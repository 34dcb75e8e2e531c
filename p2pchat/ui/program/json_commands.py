"""Parses JSON lines: the commands of `commands`, and those that only programs need.

A program has no conversation in front, so each command names its contact. Pure: knows neither node
nor stream. EVENTS.md documents the commands.
"""

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from p2pchat.errors import UsageError, nearest
from p2pchat.ui.text.commands import COMMANDS, NAME, NUMBER, TIME, WORDS, Command

_LAST: Final = 20

_PERSONS_ONLY: Final = frozenset({"copy", "next", "help", "later", "leave", "me", "run", "send"})
"""Commands about the screen or the conversation in front, which programs lack. `leave` has its own
row below; `/me` is sent as a text; `send` has a time.
"""


Id = str | int | float | None


class JsonOrder(msgspec.Struct, frozen=True):
    """A program's order; missing fields have their defaults.

    `id` is repeated in the answer. `yes` is a command's only switch: `yes`, or `in_clear`.
    """

    word: str
    id: Id = None
    user: str = ""
    text: str = ""
    words: str = ""
    time: str = ""
    not_before: str = ""
    expires: str = ""
    yes: bool = False
    up_to: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)] = 0
    on: bool | None = None
    transfer: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)] = 0
    path: str = ""
    name: str = ""
    folder: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = _LAST

    def __repr__(self) -> str:
        """Return the order without the user's text: it may be logged."""
        return f"JsonOrder({self.word!r}, id={self.id!r}, user={self.user!r})"


class CommandFields(NamedTuple):
    """The required and the optional fields of a command, besides `id` and `command`."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def _row(command: Command) -> CommandFields:
    names = {NAME: ("user",), WORDS: ("words",), TIME: ("time",), NUMBER: ("transfer",)}.get(
        command.takes, ()
    )
    extra = (command.extra.strip("-").replace("-", "_").lower(),) if command.extra else ()
    return CommandFields((), names + extra) if command.optional else CommandFields(names, extra)


ROWS: Final[Mapping[str, CommandFields]] = {
    **{c.word: _row(c) for c in COMMANDS if c.word not in _PERSONS_ONLY},
    "history": CommandFields((), ("user", "limit")),
    "search-history": CommandFields(("words",), ("limit",)),
    "leave": CommandFields((), ("user",)),
    "send-file": CommandFields(("path",), ("to", "name")),
    "get": CommandFields(("transfer",), ("folder",)),
    "decline": CommandFields(("transfer",)),
    "cancel": CommandFields(("transfer",)),
    "mute": CommandFields(("user",), ("time",)),
    "send": CommandFields(("text",), ("to", "not_before", "expires")),
    "seen": CommandFields(("user", "up_to")),
    "mailbox": CommandFields((), ("on",)),
}

_MEANS: Final = {"to": "user", "in_clear": "yes"}
"""Aliases of fields of the order."""

_TYPES: Final = {field.name: field.type for field in msgspec.structs.fields(JsonOrder)}


def load(line: str) -> dict[str, Any]:
    """Return the object on a line. Raise UsageError if it is not a JSON object."""
    try:
        fields = json.loads(line, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            "the line is not JSON",
            likely=str(error).lower(),
            advice='one object on one line, like {"command":"send","to":"bob","text":"hi"}',
        ) from None
    if not isinstance(fields, dict):
        raise UsageError("the line is not a JSON object", advice='start with {"command":')
    return fields


def id_of(fields: Mapping[str, Any]) -> Id:
    """Return the id to repeat in the answer: a text or a number, else nothing."""
    given = fields.get("id")
    return _clean(given) if type(given) in {str, int, float} else None


def understand(fields: Mapping[str, Any]) -> JsonOrder:
    """Return the order in an object. Raise UsageError if it is invalid."""
    if id_of(fields) is None and fields.get("id") is not None:
        raise UsageError("'id' must be a text or a number")
    word = fields.get("command")
    row = ROWS.get(word) if isinstance(word, str) else None
    if row is None:
        raise _unknown(f"there is no command {word!r}", str(word), list(ROWS))
    given = {name: value for name, value in fields.items() if name not in {"command", "id"}}
    _check(str(word), row, given)
    values = {_MEANS.get(name, name): _clean(value) for name, value in given.items()}
    return JsonOrder(str(word), id_of(fields), **values)


def _check(word: str, row: CommandFields, given: Mapping[str, Any]) -> None:
    known = row.required + row.optional
    for name, value in given.items():
        if name not in known:
            raise _unknown(f"{word} takes no {name!r}", name, list(known))
        try:
            msgspec.convert(value, _TYPES[_MEANS.get(name, name)])
        except msgspec.ValidationError as error:
            raise UsageError(f"{name!r} of {word}: {str(error).lower()}") from None
    for name in row.required:
        if given.get(name) in {None, ""}:
            raise UsageError(f"{word} needs {name!r}")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _finite(text: str) -> float:
    """Return the number.

    Raise ValueError if it is too large: it would be repeated as Infinity, which is not JSON.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large a number")
    return number


def _clean(value: Any) -> Any:
    """Replace halves of surrogate pairs, which JSON can express and UTF-8 cannot."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _unknown(what: str, word: str, known: list[str]) -> UsageError:
    near = nearest(word, known)
    if near:
        return UsageError(what, likely=f"did you mean {near!r}?")
    return UsageError(what, advice=f"one of {', '.join(known)}" if known else "leave it out")
