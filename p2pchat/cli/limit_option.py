"""`--limit NAME=VALUE`: any number of a room's limits as a setting, without an option for each."""

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from p2pchat.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)

limit: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--limit",
    "settings_of_limits",
    multiple=True,
    metavar="NAME=VALUE",
    help="One limit, 0 for none; as often as wanted. A wrong name lists them all.",
)


def apply(limits: "T", settings: Sequence[str]) -> "T":
    """Give the limits with these settings; raises UsageError, naming every limit."""
    known = {field.name.replace("_", "-"): field for field in fields(limits)}
    for setting in settings:
        name, _, value = setting.partition("=")
        field = known.get(name)
        if field is None:
            listed = ", ".join(f"{n}={f.default}" for n, f in known.items())
            raise UsageError(
                f"there is no limit {name!r}", likely="it is one of the following", advice=listed
            )
        number = float if isinstance(field.default, float) else int
        try:
            given = number(value)
        except ValueError:
            given = -1
        if not 0 <= given < math.inf:
            raise UsageError(f"{value!r} is no value of the limit {name}", advice="0 or a number")
        limits = replace(limits, **{field.name: given})
    return limits
