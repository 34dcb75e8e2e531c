"""The exception tree matches its drawing, exit codes included."""

import inspect
import re

import p2pchat.errors
from p2pchat.errors import P2PError, Unreachable, nearest


def test_the_drawing_is_the_tree() -> None:
    """The docstring draws every class with its exit code."""
    drawn = dict(
        re.findall(r"^(?:[│ ]*[├└]── )?(\w+) +(?:exit )?(\d+)", p2pchat.errors.__doc__ or "", re.M)
    )
    classes = {
        name: str(cls.exit_code)
        for name, cls in inspect.getmembers(p2pchat.errors, inspect.isclass)
        if issubclass(cls, P2PError)
    }
    assert drawn == classes


def test_error_has_text_cause_and_advice() -> None:
    """An error tells what happened, the likely cause and what to try."""
    error = Unreachable("cannot reach x", likely="it is off", advice="turn it on")
    assert (error.what, error.likely, error.advice) == ("cannot reach x", "it is off", "turn it on")
    assert str(error) == "cannot reach x"
    assert Unreachable("x").likely == ""


def test_nearest_word() -> None:
    """`nearest` returns the most similar word, or an empty string."""
    assert nearest("serch", ["search", "send"]) == "search"
    assert nearest("xyzzy", iter(["search"])) == ""
    assert nearest("bob", []) == ""
