"""Command words of irssi, weechat, Slack or Signal, mapped to ours."""

from collections.abc import Mapping
from typing import Final


def _each(table: Mapping[str, str]) -> dict[str, str]:
    """Return the inverted table: each word with its meaning."""
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
        "reject": "no deny",
        "get": "download fetch receive",
        "files": "transfers downloads",
        "send": "send-file file upload attach dcc",
        "search": "whois ping find lookup",
        "search-history": "lastlog grep",
        "unblock": "unignore unban",
        "verify": "safety fingerprint key",
    }
)
"""Words that work as one of our commands."""

ELSEWHERE: Final = _each(
    {
        "Ctrl-L clears the screen": "clear cls",
        "p2p --version, in a shell": "version about",
        "p2p config edit, in a shell": "set config settings options theme color colors",
        "/mute NAME, /dnd 30m, or p2p config edit, in a shell": "notify",
        "p2p history NAME --delete, in a shell": "delete forget",
        "p2p invite, in a shell": "invite",
        "p2p login --registry LINK, in a shell": "server connect registry",
        "p2p outbox retry NAME, or outbox cancel NAME, in a shell": "retry resend",
        "p2p passwd, in a shell": "password passwd",
        "p2p register NAME, in a shell, creates another account": "nick register login",
        "p2p status, in a shell": "status info whoami",
        "chats are between two people only": "group channel topic kick op mode room",
    }
)
"""Words that do not work, and the hint shown instead."""
