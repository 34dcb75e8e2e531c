"""Who looks at one node: the screen of its own process, if it has one, and those that attached."""

from collections.abc import Callable, Collection

from p2pchat.peer.events import Event


class Watcher:
    """Somebody who is told what happens; what a kind of them does not need, it leaves as it is."""

    def on_event(self, event: Event) -> None:
        """Take what the node tells."""

    def on_room(self) -> None:
        """More can be said than before."""

    is_person = False
    """Whether somebody sits in front of it."""

    @property
    def opened(self) -> Collection[str]:
        """With whom conversations are open here, in front or behind."""
        return ()


class Listening(Watcher):
    """A function that is told."""

    def __init__(self, hear: Callable[[Event], None]) -> None:
        self._hear = hear

    def on_event(self, event: Event) -> None:
        """Tell it."""
        self._hear(event)


class Screens(Watcher):
    """Everybody who looks, in the order in which they came."""

    def __init__(self) -> None:
        self._watchers: list[Watcher] = []
        self.on_attended: Callable[[bool], None] = lambda _: None
        """Told whenever a person comes or goes, whether one is there now."""

    @property
    def attended(self) -> bool:
        """Whether a person is there."""
        return any(watcher.is_person for watcher in self._watchers)

    def add(self, watcher: Watcher) -> None:
        """Tell them from now on."""
        self._watchers.append(watcher)
        if watcher.is_person:
            self.on_attended(True)

    def remove(self, watcher: Watcher) -> None:
        """Tell them no more."""
        self._watchers.remove(watcher)
        if watcher.is_person:
            self.on_attended(self.attended)

    def talk_to(self, contact: str, *, besides: Watcher) -> bool:
        """Tell whether somebody else has that conversation open."""
        return any(contact in w.opened for w in self._watchers if w is not besides)

    def on_event(self, event: Event) -> None:
        """Tell everybody."""
        for watcher in tuple(self._watchers):
            watcher.on_event(event)

    def on_room(self) -> None:
        """Tell everybody."""
        for watcher in tuple(self._watchers):
            watcher.on_room()
