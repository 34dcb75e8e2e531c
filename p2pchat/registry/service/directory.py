"""Which accounts exist, and the presence of users who are not online here, for searches.

The implementation here is for a registry of one node: all names are in memory, so a search never
waits for the disk. Knows no socket, no thread and no database; `cluster` implements the same for
several nodes.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from p2pchat.protocol.meeting import Meeting
from p2pchat.protocol.messages import Message, Presence, SearchResult
from p2pchat.protocol.proofs import SignedNodes
from p2pchat.registry.service.node_lists import NodeLists
from p2pchat.registry.service.pending import BlockingJob, Deferred
from p2pchat.registry.service.presence import OFFLINE, Audience, OnlineSession, Whereabouts
from p2pchat.registry.store.accounts import NO_KEY, AccountPolicy
from p2pchat.registry.store.mailboxes import Owner

NOT_FOUND: Final = SearchResult(Presence.NOT_FOUND)
NOWHERE: Final = Whereabouts(NOT_FOUND, NOT_FOUND)

BuildAnswer = Callable[[Mapping[str, SearchResult]], Message]


class Directory(Protocol):
    """What the service needs beyond its own presence table."""

    def nodes_vouched_by(self, fingerprint: str) -> SignedNodes | None:
        """Return the list of other nodes signed by the key with that fingerprint, if any.

        An empty fingerprint means our own key.
        """

    def knows(self, username: str) -> bool:
        """Return whether the account exists, as far as known without blocking."""

    def admit(self, username: str, standing: AccountPolicy) -> None:
        """Add an account that was created or has logged in."""

    def forget(self, username: str) -> None:
        """Remove a deleted account."""

    def look_up(self, username: str, audience: Audience) -> Message | BlockingJob:
        """Answer a search for a user who is not online here."""

    def look_up_all(self, usernames: Iterable[str], answer: BuildAnswer) -> Message | BlockingJob:
        """Return the answer built from what secure listeners tell of these users, who are not
        online here.
        """

    def tell_meeting(
        self, username: str, meeting: Meeting, answer: Callable[[bool], Message]
    ) -> Message | BlockingJob:
        """Notify a user who is online at another node of a meeting; `answer` gets the success."""

    def tell_box_news(self, owner: Owner, waiting: int) -> None:
        """Notify other nodes that runs were left in a box, whose owner may be online there."""

    def announced(
        self, online_session: OnlineSession, answer: Callable[[bool], Message]
    ) -> Message | Deferred:
        """Return the answer to an announced port that our presence table has accepted."""

    def log_out(self, username: str) -> None:
        """End all logins of the account at other nodes."""


class MemoryDirectory:
    """The accounts of a registry of one node; `standings` are the existing ones."""

    def __init__(
        self,
        standings: Iterable[tuple[str, AccountPolicy]] = (),
        lists: NodeLists | None = None,
    ) -> None:
        self._known = dict(standings)
        self._lists = lists or NodeLists()

    def nodes_vouched_by(self, fingerprint: str) -> SignedNodes | None:
        """Return our own list, which names no other node."""
        return self._lists.vouched_by(fingerprint)

    def knows(self, username: str) -> bool:
        """Return whether the account exists."""
        return username in self._known

    def admit(self, username: str, standing: AccountPolicy = NO_KEY) -> None:
        """Add an account that was created or has logged in."""
        self._known[username] = standing

    def forget(self, username: str) -> None:
        """Remove a deleted account."""
        self._known.pop(username, None)

    def look_up(self, username: str, audience: Audience) -> SearchResult:
        """Answer a search for a user who is not online here."""
        standing = self._known.get(username)
        if standing is None:
            return NOT_FOUND
        if audience is not Audience.ORIGINAL and standing.key:
            return SearchResult(Presence.OFFLINE, key=standing.key)
        return OFFLINE

    def look_up_all(self, usernames: Iterable[str], answer: BuildAnswer) -> Message:
        """Return the answer built from what secure listeners tell of these users, who are not
        online here.
        """
        return answer({name: self.look_up(name, Audience.SECURE) for name in usernames})

    def tell_meeting(self, _: str, __: Meeting, answer: Callable[[bool], Message]) -> Message:
        """Return the answer for a user who cannot be notified: there is no other node."""
        return answer(False)

    def tell_box_news(self, _: Owner, __: int) -> None:
        """Do nothing: there are no other nodes."""

    def announced(self, _: OnlineSession, answer: Callable[[bool], Message]) -> Message:
        """Return the answer at once: there is no other node to ask."""
        return answer(True)

    def log_out(self, username: str) -> None:
        """Do nothing: there are no other nodes."""
