"""Counts in sentences: `1 line waits`, `2 lines wait`."""


def counted(count: int, noun: str = "line", singular: str = "", plural: str = "") -> str:
    """Return the count with its noun and verb, in singular or plural."""
    things = f"{count} {noun}" if count == 1 else f"{count} {noun}s"
    verb = singular if count == 1 else plural
    return f"{things} {verb}" if verb else things
