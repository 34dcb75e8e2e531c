"""A text drawn as a QR code."""

import segno

from p2pchat.ui.prompt.qr_code import draw

LINK = "p2p://chat.example.org:7117#" + "a2" * 26
DOTS = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
"""The upper and the lower one of each character; 1 is dark."""


def test_every_dot_is_drawn_with_a_margin() -> None:
    """The drawing has exactly the dots of the code and a margin, and fits a terminal."""
    lines = draw(LINK).splitlines()
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines[0]) <= 80
    rows = [[DOTS[char][half] for char in line] for line in lines for half in (0, 1)]
    wanted = [list(row) for row in segno.make_qr(LINK).matrix_iter(border=4)]
    assert rows[: len(wanted)] == wanted
