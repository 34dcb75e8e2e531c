"""Requests to the registry that need no node, such as registering and searching.

Each runs the loop until it is done, and logs out. In the secure dialect they use a transient login,
so that a running node of the same account stays online.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from p2pchat.errors import InviteNeeded, LoginNeeded, P2PError, RegistrationRefused, UsageError
from p2pchat.net.address import with_zone_of
from p2pchat.net.endpoints import ANY_PORT, Network
from p2pchat.net.loop import Loop
from p2pchat.peer.registry_client.client import Dialer, RegistryClient
from p2pchat.peer.registry_client.credentials import Credentials
from p2pchat.peer.registry_client.dialer import RegistryDialer
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.protocol.address import Address
from p2pchat.protocol.meeting import CAN_MEET, Meet, MeetResult, Ping, Pong
from p2pchat.protocol.messages import (
    AnnouncePort,
    ChangePassword,
    ChangePasswordResult,
    Grant,
    Message,
    Outcome,
    Reason,
    RegisterResult,
    RevokeTokens,
    Search,
    SearchResult,
)
from p2pchat.protocol.prekeys import MailboxGrant


class TransientLogin(NamedTuple):
    """A login for one command: its grant, our own address, and where to send heartbeats."""

    grant: Grant
    local_host: str
    heartbeats: Address


class Seen(NamedTuple):
    """Our end of a link: our own address of it, and the one that the remote sees."""

    local: Address
    seen: Address


class RegistryCommands:
    """Requests to the registry that `dialer` dials.

    Every method raises Unreachable, LinkLost, TimedOut or NotTrusted if the registry cannot be
    asked, and LoginNeeded or LoginRefused if the login fails. Dialling, and each answer, may take
    `patience` seconds.
    """

    def __init__(self, loop: Loop, network: Network, dialer: RegistryDialer) -> None:
        self._loop = loop
        self._network = network
        self._dialer = dialer
        self.patience = math.inf

    @contextmanager
    def transient_login(self, credentials: Credentials) -> Iterator[TransientLogin]:
        """Log in without going online; only in the secure dialect."""
        with self._connected() as client:
            grant = self._log_in(client, credentials)
            assert grant is not None
            link, udp_port = self._link, self._dialer.reached.udp_port
            here = with_zone_of(link.local.host, link.remote.host)
            yield TransientLogin(grant, here, Address(link.remote.host, udp_port))

    def register(self, credentials: Credentials, password: str, invite: str = "") -> None:
        """Create an account. Raise RegistrationRefused if the registry refuses.

        `invite` is the invitation code, if the registry requires one.
        """
        with self._connected() as client:
            answer = self._ask(client, credentials.registration(self._link, password, invite))
            if not isinstance(answer, RegisterResult) or answer.outcome is not Outcome.OK:
                raise self._not_registered(credentials.username, answer)
            if answer.grant is not None:
                credentials.keep(answer.grant)
                self._dialer.learn(answer.grant.nodes, self._link)
            if not self._dialer.url.secure:
                self._announce_some_port(client)

    def reach(self) -> None:
        """Check that the registry answers and has the key that we know."""
        with self._connected():
            pass

    def log_in(self, credentials: Credentials) -> None:
        """Log in once, and keep the token for the next login."""
        with self._connected() as client:
            self._log_in(client, credentials)

    def search(self, username: str, credentials: Credentials | None) -> SearchResult:
        """Look up a user; the original dialect needs no login for it."""
        with self._connected() as client:
            if self._dialer.url.secure:
                self._log_in(client, credentials)
            answer = self._ask(client, Search(username))
            assert isinstance(answer, SearchResult)
            return answer

    def meet(self, username: str, credentials: Credentials) -> MeetResult | None:
        """Ask for a circuit with a user; return None if the registry knows of none."""
        with self._connected() as client:
            grant = self._log_in(client, credentials)
            if grant is None or CAN_MEET not in grant.can:
                return None
            answer = self._ask(client, Meet(username))
            assert isinstance(answer, MeetResult)
            return answer

    @contextmanager
    def mailbox(
        self, credentials: Credentials
    ) -> Iterator[tuple[MailboxGrant | None, Callable[[Message], Message]]]:
        """Yield what the registry says of our mailbox, and a function that asks about mailboxes.

        None if it keeps none. The function returns the answer.
        """
        with self._connected() as client:
            grant = self._log_in(client, credentials)
            yield None if grant is None else grant.mailbox, partial(self._ask, client)

    def seen_as(
        self,
        credentials: Credentials,
        machine: RegistryUrl | None = None,
        from_port: int = ANY_PORT,
    ) -> Seen | None:
        """Return our address on a link to a machine, and the one that the machine sees.

        By default, the machine that answered last, from any port that may be used again. None if
        the registry does not tell.
        """
        url = machine or self._dialer.reached
        with self._connected(self._dialer.machine(url, from_port=from_port)) as client:
            grant = self._log_in(client, credentials)
            if grant is None or CAN_MEET not in grant.can:
                return None
            answer = self._ask(client, Ping())
            assert isinstance(answer, Pong)
            return Seen(self._link.local, Address(answer.host, answer.port))

    def change_password(self, credentials: Credentials, old: str, new: str) -> None:
        """Set a new password; all tokens of the account end. Raise UsageError if refused."""
        with self._connected() as client:
            self._log_in(client, credentials)
            answer = self._ask(client, ChangePassword(old, new))
            assert isinstance(answer, ChangePasswordResult)
            if answer.outcome is not Outcome.OK:
                raise _not_changed(answer)
            credentials.forget()

    def log_out(self, credentials: Credentials, *, everywhere: bool) -> None:
        """End our token, or all tokens of the account."""
        with self._connected() as client:
            self._log_in(client, credentials)
            self._ask(client, RevokeTokens("" if everywhere else credentials.token))
            credentials.forget()

    @contextmanager
    def _connected(self, dialer: Dialer | None = None) -> Iterator[RegistryClient]:
        client = RegistryClient(self._loop, dialer or self._dialer)
        try:
            self._link = self._loop.wait_for(client.connect, self.patience)
            yield client
        finally:
            client.close()

    def _ask(self, client: RegistryClient, request: Message) -> Message:
        answer: Message = self._loop.wait_for(partial(client.ask, request), self.patience)
        return answer

    def _log_in(self, client: RegistryClient, credentials: Credentials | None) -> Grant | None:
        if credentials is None:
            raise LoginNeeded(
                f"you have no account at {self._dialer.url} yet", advice="p2p register NAME"
            )
        answer = self._ask(client, credentials.login(self._link, errand=True))
        if credentials.try_again(answer):
            answer = self._ask(client, credentials.login(self._link, errand=True))
        error = credentials.refusal(answer)
        if error is not None:
            raise error
        grant: Grant | None = getattr(answer, "grant", None)
        if grant is not None:
            credentials.keep(grant)
            self._dialer.learn(grant.nodes, self._link)
        return grant

    def _announce_some_port(self, client: RegistryClient) -> None:
        """Announce a port, because the original program waits for that after registering.

        It reads nothing else first: it would miss a LOGOUT and keep an absent user online.
        """
        here = Address(with_zone_of(self._link.local.host, self._link.remote.host), 0)
        port = self._network.listen(here, lambda transport: transport.abort())
        try:
            self._ask(client, AnnouncePort(port.address.port))
        finally:
            port.close()

    def _not_registered(self, username: str, answer: Message) -> P2PError:
        reason = answer.reason if isinstance(answer, RegisterResult) else None
        likely, advice = {
            Reason.BAD_NAME: (
                "a name has at most 32 lower-case letters, digits, '.', '_' and '-'",
                "choose another name",
            ),
            Reason.WEAK_PASSWORD: ("the password is too short", "choose a longer one"),
            Reason.REGISTRATION_CLOSED: (
                "only its operator creates accounts",
                "ask its operator for one",
            ),
            Reason.INVITE_NEEDED: (
                "it requires a code, which may have expired or been used up",
                f"ask its operator for a code, then p2p register {username} --invite CODE",
            ),
        }.get(
            reason or Reason.NAME_TAKEN,
            ("the name is taken", "p2p register with another name, or p2p login if it is yours"),
        )
        refusal = InviteNeeded if reason is Reason.INVITE_NEEDED else RegistrationRefused
        return refusal(
            f"the registry at {self._dialer.url.address} refused to register {username}",
            likely=likely,
            advice=advice,
        )


def _not_changed(answer: ChangePasswordResult) -> UsageError:
    weak = answer.reason is Reason.WEAK_PASSWORD
    return UsageError(
        "the password was not changed",
        likely="the new one is too short" if weak else "the old one is wrong",
    )
