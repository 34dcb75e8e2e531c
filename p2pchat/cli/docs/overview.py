"""What `p2p --help` shows: every command, by what it is for, on one small screen.

Static, so that it costs no command; a test holds it to the commands that there are.
"""

from typing import Final, NamedTuple


class Row(NamedTuple):
    """Commands that belong together, and what they do."""

    commands: tuple[str, ...]
    help: str


GROUPS: Final[tuple[tuple[str, tuple[Row, ...]], ...]] = (
    (
        "Chat",
        (
            Row(("login", "chat"), "be online, with a prompt; chat with a contact"),
            Row(("send", "outbox", "listen"), "send and receive without a prompt"),
            Row(("history", "status"), "read what was said; see whether you are online"),
        ),
    ),
    (
        "People",
        (
            Row(("search", "contacts"), "find a user; list contacts and who is online"),
            Row(("verify", "trust"), "compare keys; accept a contact's new key"),
            Row(("invite", "join"), "invite a friend; join by an invitation"),
        ),
    ),
    (
        "Account",
        (
            Row(("register", "passwd"), "create an account; change its password"),
            Row(("logout", "profile"), "end logins; back up or restore a profile"),
            Row(("config",), "list and change settings"),
        ),
    ),
    (
        "Registry",
        (Row(("serve", "users", "backup"), "run one; manage its accounts; back it up"),),
    ),
    (
        "Help",
        (
            Row(("demo", "doctor"), "try it alone; find out what is wrong"),
            Row(("help", "completion"), "read more; complete words in your shell"),
        ),
    ),
)
"""Each group with its rows."""

_TITLE: Final = 10
_COMMANDS: Final = 24


def lines() -> list[str]:
    """Return the groups as lines of at most 80 columns."""
    shown = []
    for title, rows in GROUPS:
        for number, row in enumerate(rows):
            first = f"{title}:" if number == 0 else ""
            commands = ", ".join(row.commands)
            shown.append(f"{first:<{_TITLE}}{commands:<{_COMMANDS}}{row.help}")
    return shown
