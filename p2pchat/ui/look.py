"""How the person wants the prompt to be. Knows no file and no terminal."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Taste, with its defaults.

    `edit_mode` is emacs or vi; `theme` auto, dark or light; `notifications` off, osc9 or osc777, by
    which sequence the terminal is asked to notify. Nobody in `quiet` rings or notifies.
    """

    edit_mode: str = "emacs"
    theme: str = "auto"
    timestamps: bool = True
    bell: bool = True
    notifications: str = "off"
    quiet: frozenset[str] = frozenset()
