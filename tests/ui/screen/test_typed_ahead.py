"""What is typed is done in order, each in its turn."""

from p2pchat.ui.screen.typed_ahead import END, TypedAhead
from p2pchat.ui.text.commands import Order, Say


def test_what_may_not_go_on_holds_up_the_rest() -> None:
    """And is done once it may, in the order in which it was typed."""
    may = [False]
    done: list[object] = []
    typed = TypedAhead(lambda _: may[0], done.append)
    typed.put(Say("one"))
    typed.put(Order("leave"))
    typed.put(END)
    assert done == []
    assert typed.texts == ["one"]
    assert typed.ended
    may[0] = True
    typed.work_off()
    assert done == [Say("one"), Order("leave"), END]
    assert not typed.ended


def test_a_pipe_is_read_no_further_while_much_waits() -> None:
    """And is told once when there is room again."""
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
