"""The screens of one node: that of its own process, if it has one, and those that attached.

A screen that fails at an event loses that event, and perhaps itself; the node and the others go on.
"""

from collections.abc import Callable, Collection

from p2pchat.net.compartment import Scheduler
from p2pchat.peer.events import Event


class Watcher:
    """Receives a node's events; subclasses override what they need."""

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""

    def on_room(self) -> None:
        """Note that more can be said than before."""

    def on_bug(self) -> None:
        """Note that an event was lost because of a bug, which is logged."""

    is_person = False
    """Whether a person reads it, as at a prompt."""

    @property
    def opened(self) -> Collection[str]:
        """The contacts with an open conversation here, in front or not."""
        return ()


class Listening(Watcher):
    """A function that is told."""

    def __init__(self, hear: Callable[[Event], None]) -> None:
        self._hear = hear

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""
        self._hear(event)


class Screens(Watcher):
    """All watchers of a node, in the order in which they came."""

    def __init__(self, loop: Scheduler) -> None:
        self._loop = loop
        self._watchers: list[Watcher] = []
        self.on_attended: Callable[[bool], None] = lambda _: None
        """Told whenever a person comes or goes, whether one is there now."""

    @property
    def attended(self) -> bool:
        """Whether a person is there."""
        return any(watcher.is_person for watcher in self._watchers)

    def add(self, watcher: Watcher) -> None:
        """Add a screen; it receives every event from now on."""
        self._watchers.append(watcher)
        if watcher.is_person:
            self.on_attended(True)

    def remove(self, watcher: Watcher) -> None:
        """Remove a screen; it receives no more events."""
        self._watchers.remove(watcher)
        if watcher.is_person:
            self.on_attended(self.attended)

    def talk_to(self, contact: str, *, besides: Watcher) -> bool:
        """Return whether another screen has that conversation open."""
        return any(contact in w.opened for w in self._watchers if w is not besides)

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""
        for watcher in tuple(self._watchers):
            try:
                watcher.on_event(event)
            except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
                self._broken(watcher, error)

    def on_room(self) -> None:
        """Note that more can be said than before."""
        for watcher in tuple(self._watchers):
            try:
                watcher.on_room()
            except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
                self._broken(watcher, error)

    def _broken(self, watcher: Watcher, error: Exception) -> None:
        self._loop.contain(error, f"a watcher of the node ({type(watcher).__name__})")
        watcher.on_bug()
