"""Where things are shown: styled for a prompt, plain for pipes."""

from p2pchat.peer.events import Seen, TextReceived
from p2pchat.ui.render import Fragments
from p2pchat.ui.view import View


def test_plain_lines_have_no_styles_and_no_echo() -> None:
    """What was typed is on the screen already, or came from a pipe."""
    shown: list[list[Fragments]] = []
    view = View(shown.append, plain=True)
    view.show(TextReceived("bob", "one\ntwo"))
    view.tell("a sentence")
    view.ours("alice> ", "hello", "sent")
    assert shown == [
        [[("", "bob: one")], [("", "bob: two")]],
        [[("class:notice", "* a sentence")]],
    ]


def test_a_prompt_gets_styles_and_states_in_words() -> None:
    """No meaning is carried by a style alone."""
    shown: list[list[Fragments]] = []
    view = View(shown.append, plain=False)
    view.ours("alice> ", "hello", "sent")
    view.ours("alice> ", "hello", "delivered")
    view.show(TextReceived("bob", "one"))
    view.show(Seen("bob"))
    assert ["".join(t for _, t in line) for lines in shown for line in lines] == [
        "alice> hello  (sent)",
        "alice> hello  ✓",
        "bob: one",
    ]
