"""A text as a QR code for a terminal. The only user of segno.

Each line shows two rows as half blocks, without colours. The light modules are drawn, which is
right on a dark terminal; cameras also read the negative on a light one.
"""

from io import StringIO

import segno


def draw(text: str) -> str:
    """Return the lines of the code, with its quiet zone."""
    out = StringIO()
    segno.make_qr(text).terminal(out, compact=True)
    return out.getvalue().rstrip("\n")
