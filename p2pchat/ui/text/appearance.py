"""The user's preferences for the prompt. Knows neither files nor terminals."""

from dataclasses import dataclass

from p2pchat.ui.text.quiet_hours import QuietHours


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """Preferences, with their defaults.

    `edit_mode` is emacs or vi; `theme` auto, dark or light; `notifications` off, osc9 or osc777,
    the escape sequence used to notify; `notification_text` full, name or none, how much of the
    message a notification shows. A contact in `quiet` neither rings nor notifies; in `quiet_hours`
    no contact does.
    """

    edit_mode: str = "emacs"
    theme: str = "auto"
    timestamps: bool = True
    bell: bool = True
    notifications: str = "off"
    notification_text: str = "name"
    quiet: frozenset[str] = frozenset()
    quiet_hours: QuietHours | None = None
