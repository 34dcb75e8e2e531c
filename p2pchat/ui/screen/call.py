"""The one chat that a screen or a program is started for."""

from typing import NamedTuple


class Call(NamedTuple):
    """The user to call; `in_clear`: unencrypted, if that is the only way."""

    username: str
    in_clear: bool = False
