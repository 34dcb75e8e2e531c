"""How the person wants the prompt to be. Knows no file and no terminal."""

from dataclasses import dataclass

from p2pchat.ui.text.quiet_hours import QuietHours


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """Taste, with its defaults.

    `edit_mode` is emacs or vi; `theme` auto, dark or light; `notifications` off, osc9 or osc777, by
    which sequence the terminal is asked to notify; `notification_text` full, name or none, how much
    of the message that tells. A contact in `quiet` neither rings nor notifies, and no contact does
    in `quiet_hours`.
    """

    edit_mode: str = "emacs"
    theme: str = "auto"
    timestamps: bool = True
    bell: bool = True
    notifications: str = "off"
    notification_text: str = "name"
    quiet: frozenset[str] = frozenset()
    quiet_hours: QuietHours | None = None
