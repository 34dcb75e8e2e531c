"""Words that people bring from irssi, weechat, Slack or Signal: what they are called here."""

from collections.abc import Mapping
from typing import Final


def _each(table: Mapping[str, str]) -> dict[str, str]:
    """Return the table the other way round: each word, and what it means."""
    return {word: meaning for meaning, words in table.items() for word in words.split()}


SAME: Final = _each(
    {
        "accept": "yes ok",
        "away": "afk back idle",
        "block": "ignore ban",
        "chat": "msg query dm talk open w whisper call join",
        "contacts": "who names list friends roster users people buddies ls contact",
        "dnd": "busy quiet",
        "help": "h ? commands man",
        "history": "log hist scrollback",
        "mute": "silence hush snooze",
        "leave": "part close hangup wc end",
        "next": "n unread",
        "outbox": "queue pending unsent",
        "quit": "q exit bye logout disconnect wq",
        "reject": "no deny decline",
        "search": "whois ping find lookup",
        "search-history": "lastlog grep",
        "unblock": "unignore unban",
        "verify": "safety fingerprint key",
    }
)
"""They work: each is one of our commands."""

ELSEWHERE: Final = _each(
    {
        "Ctrl-L clears the screen": "clear cls",
        "files cannot be sent yet": "send-file file upload attach dcc",
        "p2p --version, in a shell": "version about",
        "p2p config edit, in a shell": "set config settings options theme color colors",
        "/mute NAME, /dnd 30m, or p2p config edit, in a shell": "notify",
        "p2p history NAME --delete, in a shell": "delete forget",
        "p2p invite, in a shell": "invite",
        "p2p login --registry LINK, in a shell": "server connect registry",
        "p2p outbox retry NAME, or cancel NAME, in a shell": "retry cancel resend",
        "p2p passwd, in a shell": "password passwd",
        "p2p register NAME, in a shell, makes another account": "nick register login",
        "p2p status, in a shell": "status info whoami",
        "two people talk here, not more": "group channel topic kick op mode room",
    }
)
"""They do not, and this is said instead."""
