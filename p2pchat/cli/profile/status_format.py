"""`p2p status --format`: a user-defined line, for a status bar or a prompt. Pure."""

import string
from collections.abc import Mapping
from typing import Any

from p2pchat.errors import UsageError, nearest


def formatted(template: str, fields: Mapping[str, Any]) -> str:
    """Return the template with fields such as `{unread}` replaced.

    Lists and tables yield counts: the number of online contacts, the total of unread lines. Raise
    UsageError for an unknown field.
    """
    values = {name: _shown(value) for name, value in fields.items()}
    return "".join(_parts(template, values))


def _parts(template: str, values: Mapping[str, str]) -> list[str]:
    parts: list[str] = []
    try:
        pieces = list(string.Formatter().parse(template))
    except ValueError as error:
        raise UsageError(f"--format: {error}", advice="write {{ for a literal brace") from error
    for text, name, _, _ in pieces:
        parts.append(text)
        if name is None:
            continue
        if name not in values:
            near = nearest(name, values)
            raise UsageError(
                f"--format: there is no field {{{name}}}",
                likely=f"did you mean {{{near}}}?" if near else "",
                advice=" ".join(f"{{{known}}}" for known in values),
            )
        parts.append(values[name])
    return parts


def _shown(value: object) -> str:
    if value is None:
        return "offline"
    if isinstance(value, Mapping):
        counts = [count for count in value.values() if isinstance(count, int)]
        return str(sum(counts) if counts else len(value))
    return str(len(value)) if isinstance(value, list | tuple) else str(value)
