"""A text as a QR code for a terminal. The only user of segno.

Two rows of it in a line of half blocks, without colours: the paper is drawn and the ink left out,
which is right on a dark terminal; cameras read a light one's negative too.
"""

from io import StringIO

import segno


def draw(text: str) -> str:
    """Return the lines of the code, with the margin that cameras need."""
    out = StringIO()
    segno.make_qr(text).terminal(out, compact=True)
    return out.getvalue().rstrip("\n")
