"""The chat that a screen or a program was started for."""

from typing import NamedTuple


class Call(NamedTuple):
    """The user to call; `in_clear`: unencrypted, if there is no other way."""

    username: str
    in_clear: bool = False
