"""Everybody who looks at a node is told."""

from p2pchat.net.loop import Loop
from p2pchat.peer.events import Called, Event
from p2pchat.ui.screen.screens import Listening, Screens, Watcher


class Talker(Watcher):
    """Has a conversation with bob open."""

    opened = frozenset({"bob"})


def test_all_are_told_while_they_look(loop: Loop) -> None:
    """Also those who come or go because of what is told."""
    heard: list[tuple[int, Event]] = []
    screens = Screens(loop)
    first = Listening(lambda event: (heard.append((1, event)), screens.remove(first)))  # type: ignore[arg-type]
    screens.add(first)
    screens.add(Listening(lambda event: heard.append((2, event))))
    screens.on_event(Called("bob"))
    screens.on_event(Called("carol"))
    assert heard == [(1, Called("bob")), (2, Called("bob")), (2, Called("carol"))]
    screens.on_room()


def test_who_else_talks(loop: Loop) -> None:
    """A conversation that is open elsewhere is not left."""
    screens, one = Screens(loop), Talker()
    screens.add(one)
    assert not screens.talk_to("bob", besides=one)
    screens.add(Talker())
    assert screens.talk_to("bob", besides=one)
    assert not screens.talk_to("carol", besides=one)


def test_a_person_comes_and_goes(loop: Loop) -> None:
    """Programs and logs are nobody; of two screens the last one counts."""

    class Person(Watcher):
        is_person = True

    screens = Screens(loop)
    told: list[bool] = []
    screens.on_attended = told.append
    one, two, log = Person(), Person(), Watcher()
    screens.add(log)
    for person in (one, two):
        screens.add(person)
    for watcher in (one, log, two):
        screens.remove(watcher)
    assert told == [True, True, True, False]
    assert not screens.attended
