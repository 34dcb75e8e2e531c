"""Formats the progress of a transfer in one line: `report.pdf  41 %  11.8 MB/s  0:04 left`.

Does no I/O. Where there is no room, the least important parts are left out first.
"""

from typing import Final

from prompt_toolkit.utils import get_cwidth

from p2pchat.protocol.client.transfers import Transfer
from p2pchat.protocol.sizes import size_words

_SEPARATOR: Final = "  "
_SHORTEST_NAME: Final = 8
_ELLIPSIS: Final = "…"
_HOUR: Final = 3600
_LONGEST: Final = 100 * _HOUR


def gauge(transfer: Transfer, width: int) -> str:
    """Return a progress line for a transfer, at most `width` cells wide."""
    percent = 100 * transfer.done // transfer.size if transfer.size else 100
    pieces = [f"{percent:3} %"]
    if transfer.rate:
        left = (transfer.size - transfer.done) / transfer.rate
        pieces.append(f"{size_words(transfer.rate)}/s")
        pieces.append(f"{_clock(left)} left")
    elif transfer.why:
        pieces.append(transfer.why)
    arrow = "to" if transfer.outgoing else "from"
    name = f"{transfer.name} {arrow} {transfer.user}"
    for names in (name, transfer.name):
        for count in range(len(pieces), 0, -1):
            line = _SEPARATOR.join((names, *pieces[:count]))
            if get_cwidth(line) <= width:
                return line
    room = max(_SHORTEST_NAME, width - get_cwidth(_SEPARATOR + pieces[0]))
    return _fitting(cut(transfer.name, room) + _SEPARATOR + pieces[0], width)


def cut(text: str, width: int) -> str:
    """Return the text, shortened in the middle to at most `width` cells."""
    if get_cwidth(text) <= width:
        return text
    half = (width - 1) // 2
    return _fitting(text, width - 1 - half) + _ELLIPSIS + _fitting(text[::-1], half)[::-1]


def _fitting(text: str, width: int) -> str:
    """Return the longest prefix of the text that fits into so many cells."""
    used = 0
    for index, c in enumerate(text):
        used += get_cwidth(c)
        if used > width:
            return text[:index]
    return text


def _clock(seconds: float) -> str:
    """Format a duration, such as 0:04 or 1:02:03."""
    whole = int(min(seconds, _LONGEST))
    hours, rest = divmod(whole, _HOUR)
    minutes, seconds_left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds_left:02}" if hours else f"{minutes}:{seconds_left:02}"
