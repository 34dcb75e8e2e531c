"""Announces at each login at which port contacts reach us, or that the address is hidden."""

from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.errors import OnFailed, P2PError, UsageError
from p2pchat.net.link import Link
from p2pchat.peer.registry_client.losses import cannot_hide
from p2pchat.peer.registry_client.reach import Reach
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.protocol.address import Address
from p2pchat.protocol.messages import AnnouncePort, AnnouncePortResult, Message, Outcome

_TRIES: Final = 5

Ask = Callable[[Message, Callable[[Message], None]], None]
"""Sends a request to the registry; the function receives the answer."""

OpenPort = Callable[[str, bool], tuple[Address, int | None]]
"""Opens the peer server; see RegistrySession."""


class Announcement:
    """What the registry is told about our address; `ask` sends a request on the current link."""

    def __init__(self, url: RegistryUrl, reach: Reach, open_port: OpenPort, ask: Ask) -> None:
        self.listening: Address | None = None
        """Where our peer server listens; None before a login and if the address is hidden."""
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
                then()
            elif tries < _TRIES:
                self._announce(link, tries + 1, then, failed)
            else:
                failed(UsageError("the registry rejected all ports that were tried"))

        try:
            self.listening, clear_port = self._open_port(link.local.host, tries > 0)
        except P2PError as error:
            failed(error)
            return
        self._ask(AnnouncePort(self.listening.port, clear_port), answered)

    def _hidden(self, then: Callable[[], None], failed: OnFailed, answer: Message) -> None:
        assert isinstance(answer, AnnouncePortResult)
        if answer.outcome is Outcome.OK:
            then()
        else:
            failed(cannot_hide(self._url))
