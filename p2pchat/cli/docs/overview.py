"""The text of `p2p --help`: every command, grouped by purpose, on one small screen.

Static, so that no command needs to be imported; a test keeps it complete.
"""

from typing import Final, NamedTuple


class CommandGroup(NamedTuple):
    """Related commands, and what they do."""

    commands: tuple[str, ...]
    help: str


GROUPS: Final[tuple[tuple[str, tuple[CommandGroup, ...]], ...]] = (
    (
        "Chat",
        (
            CommandGroup(("login", "chat"), "be online, with a prompt; chat with a contact"),
            CommandGroup(("send", "outbox", "listen"), "send and receive without a prompt"),
            CommandGroup(("send-file", "files"), "send files and folders; receive them"),
            CommandGroup(("history", "status"), "read past messages; see whether you are online"),
        ),
    ),
    (
        "People",
        (
            CommandGroup(("search", "contacts"), "find a user; list contacts and who is online"),
            CommandGroup(("verify", "trust"), "compare keys; accept a contact's new key"),
            CommandGroup(("invite", "join"), "invite a friend; accept an invitation"),
        ),
    ),
    (
        "Account",
        (
            CommandGroup(("register", "passwd"), "create an account; change its password"),
            CommandGroup(("logout", "profile"), "end logins; back up or restore a profile"),
            CommandGroup(("mailbox", "config"), "messages left for you; change settings"),
        ),
    ),
    (
        "Registry",
        (
            CommandGroup(
                ("serve", "users", "backup"), "run a registry; manage accounts; back it up"
            ),
        ),
    ),
    (
        "Help",
        (
            CommandGroup(("demo", "doctor"), "try it alone; find out what is wrong"),
            CommandGroup(("help", "completion"), "read more; complete words in your shell"),
        ),
    ),
)
"""Each group's title and rows."""

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
