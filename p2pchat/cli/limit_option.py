"""`--limit NAME=VALUE`: one option for all fields of a Limits class."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from p2pchat.errors import UsageError, nearest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)


class Given(NamedTuple):
    """A limit as given; `where` is the file or variable that it came from, if any."""

    name: str
    value: str
    where: str = ""


class _NameAndValue(click.ParamType[Given]):
    """Parses NAME=VALUE; `apply` validates it."""

    name = "limit"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,  # noqa: ARG002  # as click calls it
        ctx: click.Context | None,  # noqa: ARG002
    ) -> Given:
        """Return the parsed value."""
        if isinstance(value, Given):
            return value
        name, _, number = str(value).partition("=")
        return Given(name, number)


class NamedValues(click.Option):
    """An option in which every name is a separate setting.

    Values from all sources are combined instead of one source hiding the others. Flags come last;
    for the same name the last value wins.
    """

    def consume_value(
        self, ctx: click.Context, opts: Mapping[str, Any]
    ) -> tuple[Any, ParameterSource]:
        """Return the values of all sources."""
        elsewhere = ctx.lookup_default(self.name or "") or ()
        flags = opts.get(self.name or "", ())
        source = ParameterSource.DEFAULT_MAP if elsewhere else ParameterSource.DEFAULT
        return (*elsewhere, *flags), ParameterSource.COMMANDLINE if flags else source


def limit_of(
    limits: Callable[[], "DataclassInstance"],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the --limit option for that class.

    A wrong name or value is reported before anything else is done.
    """

    def check(_: click.Context, __: click.Parameter, given: tuple[Given, ...]) -> tuple[Given, ...]:
        if given:
            apply(limits(), given)
        return given

    return click.option(
        "--limit",
        "settings_of_limits",
        cls=NamedValues,
        type=_NameAndValue(),
        multiple=True,
        metavar="NAME=VALUE",
        callback=check,
        help="Set a limit; 0 means no limit. Repeatable. A wrong name lists them all.",
    )


def apply(limits: "T", settings: Sequence[Given]) -> "T":
    """Return the limits with these settings applied. Raise UsageError, listing all limits."""
    known = {field.name.replace("_", "-"): field for field in fields(limits)}
    for name, value, where in settings:
        place = f"{where}: " if where else ""
        field = known.get(name)
        if field is None:
            near = nearest(name, known)
            raise UsageError(
                f"{place}there is no limit {name!r}",
                likely=f"did you mean {near!r}?" if near else "it is one of the following",
                advice=", ".join(f"{n}={f.default}" for n, f in known.items()),
            )
        number = float if isinstance(field.default, float) else int
        try:
            given = number(value)
        except ValueError:
            given = -1
        if not 0 <= given < math.inf:
            raise UsageError(
                f"{place}{value!r} is not a valid limit {name}", advice="0 or a number"
            )
        limits = replace(limits, **{field.name: given})
    return limits
