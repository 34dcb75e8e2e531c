"""Counted nouns agree in number."""

from p2pchat.protocol.counting import counted


def test_noun_and_verb_agree_with_the_number() -> None:
    """The noun and its optional verb are singular for 1 and plural otherwise."""
    assert [counted(n) for n in (0, 1, 2)] == ["0 lines", "1 line", "2 lines"]
    assert counted(1, "line", "waits", "wait") == "1 line waits"
    assert counted(3, "line", "waits", "wait") == "3 lines wait"
    assert counted(1, "account", "was", "were") == "1 account was"
