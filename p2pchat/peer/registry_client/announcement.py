"""Announces at each login at which port contacts reach us, or that the address is hidden."""

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from p2pchat.callbacks import ignore
from p2pchat.errors import OnFailed, P2PError, UsageError
from p2pchat.net.link import Link
from p2pchat.peer.registry_client.losses import cannot_hide
from p2pchat.peer.registry_client.reach import Reach
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.protocol.address import Address
from p2pchat.protocol.meeting import Ping, Pong
from p2pchat.protocol.messages import AnnouncePort, AnnouncePortResult, Message, Outcome

_TRIES: Final = 5


class Ask(Protocol):
    """Sends a request to the registry."""

    def __call__(
        self,
        request: Message,
        then: Callable[[Message], None],
        failed: OnFailed | None = None,
    ) -> None:
        """Pass the answer to `then`; without `failed`, a refusal ends the session."""


OpenPort = Callable[[str, bool], tuple[Address, int | None]]
"""Opens the peer server; see RegistrySession."""


class Announcement:
    """What the registry is told about our address; `ask` sends a request on the current link."""

    def __init__(self, url: RegistryUrl, reach: Reach, open_port: OpenPort, ask: Ask) -> None:
        self.listening: Address | None = None
        """Where our peer server listens; None before a login and if the address is hidden."""
        self.external: Address | None = None
        """Where a router passes connections on to it, as it says itself."""
        self.confirmed: Address | None = None
        """The same, once the registry sees us come from that host."""
        self._clear_port: int | None = None
        self._announced = 0
        self._url = url
        self._reach = reach
        self._open_port = open_port
        self._ask = ask

    def make(
        self, link: Link, *, can_meet: bool, then: Callable[[], None], failed: OnFailed
    ) -> None:
        """Open the peer server and announce it on the link, then call one of the functions.

        `can_meet`: the registry has circuits, without which a hidden user could not be reached.
        """
        if not self._reach.is_hidden:
            self._announce(link, 0, then, failed)
        elif can_meet:
            answered = partial(self._hidden, then, failed)
            self._ask(AnnouncePort(None, hidden=True), answered)
        else:
            failed(cannot_hide(self._url))

    def _announce(self, link: Link, tries: int, then: Callable[[], None], failed: OnFailed) -> None:
        def answered(answer: Message) -> None:
            """Try another port if this one is taken."""
            assert isinstance(answer, AnnouncePortResult)
            if answer.outcome is Outcome.OK:
                self._announced = port
                then()
            elif tries < _TRIES:
                self._announce(link, tries + 1, then, failed)
            else:
                failed(UsageError("the registry rejected all ports that were tried"))

        try:
            self.listening, self._clear_port = self._open_port(link.local.host, tries > 0)
        except P2PError as error:
            failed(error)
            return
        port = self.listening.port
        self._ask(AnnouncePort(port, self._clear_port), answered)

    def renew(self) -> None:
        """Announce the router's port instead of ours, or ours again.

        Only if the registry sees us at the router's external address, which PONG tells: others
        combine the port with what it sees, and no router is believed another address.
        """

        def seen(answer: Message) -> None:
            assert isinstance(answer, Pong)
            external = self.external
            is_true = external is not None and external.host == answer.host
            self.confirmed = external if is_true else None
            if self.listening is not None:
                self._announce_again((self.confirmed or self.listening).port)

        self._ask(Ping(), seen, ignore)

    def _announce_again(self, port: int) -> None:
        def answered(answer: Message) -> None:
            """Announce our own port again if the other one is refused; a cluster forgets both."""
            assert isinstance(answer, AnnouncePortResult)
            own = None if self.listening is None else self.listening.port
            if answer.outcome is Outcome.OK:
                self._announced = port
            elif own is not None and own != port:
                self.confirmed, self._announced = None, 0
                self._announce_again(own)

        if port != self._announced:
            self._ask(AnnouncePort(port, self._clear_port), answered, ignore)

    def _hidden(self, then: Callable[[], None], failed: OnFailed, answer: Message) -> None:
        assert isinstance(answer, AnnouncePortResult)
        if answer.outcome is Outcome.OK:
            then()
        else:
            failed(cannot_hide(self._url))
