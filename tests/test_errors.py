"""The tree of errors is as it is drawn, and each knows its exit code."""

import inspect
import re

import p2pchat.errors
from p2pchat.errors import P2PError, Unreachable, nearest


def test_the_drawing_is_the_tree() -> None:
    """Every class is drawn, with its exit code."""
    drawn = dict(
        re.findall(r"^(?:[│ ]*[├└]── )?(\w+) +(?:exit )?(\d+)", p2pchat.errors.__doc__ or "", re.M)
    )
    classes = {
        name: str(cls.exit_code)
        for name, cls in inspect.getmembers(p2pchat.errors, inspect.isclass)
        if issubclass(cls, P2PError)
    }
    assert drawn == classes


def test_an_error_says_three_things() -> None:
    """What happened, the likeliest cause, what to try."""
    error = Unreachable("cannot reach x", likely="it is off", advice="turn it on")
    assert (error.what, error.likely, error.advice) == ("cannot reach x", "it is off", "turn it on")
    assert str(error) == "cannot reach x"
    assert Unreachable("x").likely == ""


def test_a_slip_is_near_to_what_was_meant_or_to_nothing() -> None:
    """The nearest one, and an empty word where none is near."""
    assert nearest("serch", ["search", "send"]) == "search"
    assert nearest("xyzzy", iter(["search"])) == ""
    assert nearest("bob", []) == ""
