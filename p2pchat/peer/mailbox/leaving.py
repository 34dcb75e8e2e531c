"""Leaves lines with contacts: one errand for each, and when a mailbox is tried again.

Knows not when lines are due; see `mailbox`.
"""

from collections import Counter
from collections.abc import Callable

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError
from p2pchat.net.loop import Loop
from p2pchat.peer.mailbox.errand import Desk, End, Errand
from p2pchat.peer.mailbox.talk import Talk
from p2pchat.protocol.client.events import Trouble

Then = Callable[[], None]


class Leaving:
    """The errands of one account. `on_end()` is called after each.

    Methods raise StorageError.
    """

    def __init__(self, loop: Loop, desk: Desk, on_end: Then) -> None:
        self._loop = loop
        self._desk = desk
        self._on_end = on_end
        self._registry: bytes | None = None
        self._errands: dict[str, Errand] = {}
        self._waiters: dict[str, list[Then]] = {}
        self._held: Counter[str] = Counter()
        self._refused: dict[str, tuple[str, float]] = {}  # why, and until when
        self._slow: set[str] = set()  # of those, whose mailbox need only be waited for
        self._told: set[tuple[str, str]] = set()  # refusals that the user knows of

    def logged_in(self, registry: bytes) -> None:
        """Record the id of the registry, which keeps mailboxes."""
        self._registry = registry
        self._refused.clear()
        self._told.clear()

    def offline(self) -> None:
        """Record that nothing can be left."""
        self._registry = None
        errands, self._errands = self._errands, {}
        for errand in errands.values():
            errand.cancel()
            self._release_waiters(errand.talk.contact)

    def refusal(self, contact: str) -> str:
        """Return why a contact's mailbox takes nothing now, for the user; empty if that is not so.

        That there is none, or no pass, is no reason to tell.
        """
        why, until = self._refused.get(contact, ("", 0.0))
        return f"{contact}'s mailbox {why}" if why and self._loop.now() < until else ""

    def refused_until(self, talk: Talk) -> float:
        """Return until when a contact's mailbox is not tried again, by the loop's clock."""
        return self._refused.get(talk.contact, ("", 0.0))[1]

    def leave(self, talk: Talk, then: Then = ignore) -> None:
        """Leave what waits for a contact; `then` follows, also if that is impossible."""
        contact = talk.contact
        is_refused = self._loop.now() < self.refused_until(talk)
        if self._registry is None or is_refused or self._held[contact] > 0:
            self._loop.call_soon(then)
            return
        self._waiters.setdefault(contact, []).append(then)
        if contact not in self._errands:
            errand = self._errands[contact] = Errand(self._desk, talk, self._registry, self._ended)
            errand.begin()

    def hold(self, contact: str, then: Then) -> None:
        """Leave nothing for a contact until `release`; call `then` once nothing is under way."""
        self._held[contact] += 1
        errand = self._errands.get(contact)
        if errand is None:
            then()
        else:
            errand.hold()
            self._waiters.setdefault(contact, []).append(then)

    def release(self, contact: str) -> None:
        """Resume after `hold`."""
        self._held[contact] -= 1

    def renumbered(self, contact: str) -> None:
        """Record that lines to a contact have other numbers now."""
        errand = self._errands.get(contact)
        if errand is not None:
            errand.renumbered()

    def try_again(self, contact: str) -> None:
        """Retry a mailbox that has refused something, unless a pause is pending."""
        if contact not in self._slow:
            self._refused.pop(contact, None)

    def _ended(self, errand: Errand, end: End) -> None:
        contact = errand.talk.contact
        self._errands.pop(contact, None)
        if end.pause:
            self._refused[contact] = end.why, self._loop.now() + end.pause
        if end.is_slow:
            self._slow.add(contact)
        else:
            self._slow.discard(contact)
        if end.why and not end.is_slow and (contact, end.why) not in self._told:
            self._told.add((contact, end.why))
            error = P2PError(f"{contact}'s mailbox {end.why}: what you write waits here meanwhile")
            self._desk.on_event(Trouble(error))
        self._release_waiters(contact)
        self._on_end()

    def _release_waiters(self, contact: str) -> None:
        for then in self._waiters.pop(contact, []):
            self._loop.call_soon(then)
