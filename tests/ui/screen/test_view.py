"""The view: styled for a prompt, plain for pipes."""

import datetime as dt

from p2pchat.protocol.client.events import Seen, TextReceived
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.fragments import Fragments


def test_plain_lines_have_no_styles_and_no_echo() -> None:
    """Plain output does not repeat what was typed."""
    shown: list[list[Fragments]] = []
    view = View(shown.append, plain=True)
    view.show(TextReceived("bob", "one\ntwo"))
    view.tell("a sentence")
    view.ours("alice> ", "hello", "sent")
    assert shown == [
        [[("", "bob: one")], [("", "bob: two")]],
        [[("class:notice", "* a sentence")]],
    ]


def test_prompt_shows_states_in_words() -> None:
    """No meaning is conveyed by style alone."""
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


def test_timestamps_and_dates() -> None:
    """Lines have the contact's time in the local zone, and a new day is marked."""
    zone = dt.timezone(dt.timedelta(hours=2))
    now = dt.datetime(2026, 11, 25, 23, 59, tzinfo=zone)
    shown: list[Fragments] = []
    view = View(shown.extend, plain=False, timestamps=True, now=lambda: now)
    view.show(TextReceived("bob", "one\ntwo", 1, int(now.timestamp() * 1000)))
    now += dt.timedelta(minutes=2)
    view.ours("alice> ", "three", "")
    view.show(TextReceived("bob", "/me sleeps"))
    assert ["".join(t for _, t in line) for line in shown] == [
        "23:59 bob: one",
        "           two",
        "—— Thursday, 26 November 2026 ——",
        "00:01 alice> three",
        "00:01 ~ bob sleeps",
    ]


def test_action_cannot_imitate_a_notice() -> None:
    """A `/me` text is on one line behind a mark of its own."""
    shown: list[Fragments] = []
    View(shown.extend, plain=True).show(TextReceived("eve", "/me waves\n* bob is gone"))
    assert shown == [[("", "~ eve waves * bob is gone")]]


def test_own_action_looks_like_a_remote_one() -> None:
    """An own `/me` text has the same form, with its state."""
    shown: list[Fragments] = []
    View(shown.extend, plain=False).ours("alice to bob> ", "/me waves", "delivered", me="alice")
    assert ["".join(t for _, t in line) for line in shown] == ["~ alice waves  ✓"]
