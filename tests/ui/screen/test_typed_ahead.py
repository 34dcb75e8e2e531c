"""Typed lines are handled in order."""

from p2pchat.ui.screen.typed_ahead import END, TypedAhead
from p2pchat.ui.text.commands import Order, Say


def test_blocked_line_holds_up_the_rest() -> None:
    """Lines wait behind one that may not be handled yet, and are then handled in order."""
    may = [False]
    done: list[object] = []
    typed = TypedAhead(lambda _: may[0], done.append)
    typed.put(Say("one"))
    typed.put(Order("leave"))
    assert not typed.ended
    typed.put(END)
    assert done == []
    assert typed.texts == ["one"]
    assert typed.ended
    may[0] = True
    typed.work_off()
    assert done == [Say("one"), Order("leave"), END]
    assert typed.ended  # leaving takes time, in which the node may end


def test_pipe_is_paused_while_many_lines_wait() -> None:
    """Reading pauses at a limit, and the room is reported once."""
    may, told = [False], []
    typed = TypedAhead(lambda _: may[0], lambda _: None)
    typed.on_room = lambda: told.append(1)
    n = 0
    while typed.has_room:
        typed.put(Say(str(n := n + 1)))
    assert n == 1000
    may[0] = True
    typed.work_off()
    assert told == [1]
    typed.put(Say("more"))
    assert told == [1]
