"""Text from the system without surrogates.

Python has them where a byte of an argument, a terminal or a path is no character of the locale;
neither UTF-8 nor SQLite can store them.
"""


def without_surrogates(text: str) -> str:
    """Return the text with such bytes decoded as UTF-8; what is not UTF-8 is replaced."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # halves of pairs, as JSON can express them
        return text.encode("utf-8", "replace").decode()
