"""/history, /search-history and /later as they are typed."""

import re
from collections.abc import Callable

import pytest

from p2pchat.errors import UsageError
from p2pchat.ui.screen.history_orders import HistoryOrders
from p2pchat.ui.screen.pending_orders import PendingOrders
from p2pchat.ui.text.commands import Order
from tests.peer.chat.test_conversations import friends
from tests.ui.screen.test_chat_app import Screen
from tests.world import Person, World


def handlers_of(
    world: World, person: Person, screen: Screen, front: Callable[[], str | None]
) -> Callable[..., None]:
    """Return a function that carries out an order and waits for its answer."""
    client = person.client()
    orders = PendingOrders(screen, lambda: client)
    handlers = HistoryOrders(screen, orders, front, lambda: person.name).handlers

    def do(word: str, argument: str = "") -> None:
        handlers[word](Order(word, argument))
        world.settle()

    return do


def test_history_shows_lines_with_their_state(secure_world: World) -> None:
    """The history of the open chat or a named contact is shown with states."""
    alice, bob = friends(secure_world)
    alice.node.call("bob")
    secure_world.settle()
    alice.say("pizza on friday?\nor saturday")
    secure_world.settle()
    screen = Screen()
    fronts: list[str | None] = ["bob", None]
    do = handlers_of(secure_world, alice, screen, lambda: fronts[0])
    do("history")
    assert re.fullmatch(
        r"\* \d{4}-\d\d-\d\d \d\d:\d\d alice to bob: pizza on friday\?", screen.lines[0]
    )
    assert screen.lines[1] == "*                  or saturday  (delivered)"
    fronts.pop(0)
    with pytest.raises(UsageError, match="no contact"):
        do("history")
    screen.lines.clear()
    do("search-history", "friday piz")
    assert "pizza on friday" in screen.lines[0]
    screen.lines.clear()
    do("search-history", "pasta")
    assert screen.lines == ["* nothing was found"]
    handlers_of(secure_world, bob, screen, lambda: None)("history", "alice")
    assert "alice: pizza on friday?" in screen.lines[1]
    assert screen.lines[2].endswith("(unread)")


def test_line_is_scheduled_for_the_open_chat(secure_world: World) -> None:
    """/later schedules a line, and the outbox shows when it may be sent."""
    alice, _ = friends(secure_world)
    screen = Screen()
    fronts: list[str | None] = ["bob"]
    do = handlers_of(secure_world, alice, screen, lambda: fronts[0])
    do("later", "2h good morning")
    assert re.fullmatch(
        r"\* it will not be sent before \d{4}-\d\d-\d\d \d\d:\d\d: /outbox", screen.lines[-1]
    )
    do("outbox")
    assert "me to bob: good morning  (not before " in screen.lines[-1]
    for typed, what in (
        ("2h", "no text was given"),
        ("soon x", "'soon' is not a time in the future"),
    ):
        with pytest.raises(UsageError, match=what):
            do("later", typed)
    fronts[0] = "carol"
    do("later", "2h x")
    assert "no key of carol" in screen.lines[-1]
    fronts[0] = None
    with pytest.raises(UsageError, match="in no chat"):
        do("later", "2h x")
