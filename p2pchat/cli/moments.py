"""Options whose value is a point in time, in milliseconds since the epoch."""

import datetime as dt
from typing import Any

import click

from p2pchat.errors import UsageError


class Moment(click.ParamType[int]):
    """A point in time in the past, such as the last 14:30."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the milliseconds; raise a usage error if the value is not a time."""
        if isinstance(value, int):
            return value
        from p2pchat.ui.text.moments import EXAMPLES, moment_of

        try:
            moment = moment_of(str(value), dt.datetime.now().astimezone())
            return int(moment.timestamp() * 1000)
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is not a point in time; examples: {EXAMPLES}", param, ctx)


class Duration(click.ParamType[int]):
    """A duration, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seconds; raise a usage error if the value is not a duration."""
        if isinstance(value, int):
            return value
        from p2pchat.protocol.durations import seconds_of

        try:
            return seconds_of(str(value))
        except UsageError as error:
            self.fail(f"{error.what}; examples: {error.advice}", param, ctx)


class ComingMoment(click.ParamType[int]):
    """A point in time in the future."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the milliseconds; raise a usage error if the value is not a time in the future."""
        if isinstance(value, int):
            return value
        from p2pchat.ui.text.moments import COMING_EXAMPLES, coming_moment_of

        try:
            moment = coming_moment_of(str(value), dt.datetime.now().astimezone())
            return int(moment.timestamp() * 1000)
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{value!r} is not a time in the future; examples: {COMING_EXAMPLES}", param, ctx
            )
