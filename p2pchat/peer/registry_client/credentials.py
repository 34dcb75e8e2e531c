"""How an account logs in at a registry: with its token, or else its password.

Explains refusals to the user. Does no I/O on the network.
"""

import time
from collections.abc import Callable
from typing import Any

from p2pchat.errors import LoginNeeded, LoginRefused, P2PError, RemoteProtocolError
from p2pchat.net.link import Link
from p2pchat.peer.registry_client.link import pinned_key
from p2pchat.peer.registry_client.reach import Reach
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.peer.store.identity import Identity
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.mailbox import CAN_MAILBOX
from p2pchat.protocol.meeting import CAN_MEET
from p2pchat.protocol.messages import Grant, Login, LoginResult, Outcome, Reason, Register
from p2pchat.protocol.proofs import login_statement


class Credentials:
    """An account and its credentials; `password` None: only the token is used.

    `reach`: the paths that the account's node uses.
    `wall` returns seconds since the epoch.
    """

    def __init__(
        self,
        url: RegistryUrl,
        username: str,
        password: str | None,
        *,
        profile: Profile,
        identity: Identity,
        allow_original: bool = False,
        reach: Reach = Reach(),  # noqa: B008  # immutable
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._wall = wall
        self.url = url
        self.username = username
        self.identity = identity
        self.allow_original = allow_original
        self.reach = reach
        self._password = password
        self._sent_token = ""
        self._profile = profile

    def login(self, link: Link, *, errand: bool = False) -> Login:
        """Return the login to send on the link. Raise LoginNeeded without a token or password."""
        if not self.url.secure:
            return Login(self.username, self._known_password())
        self._sent_token = token = self.token
        return Login(
            self.username,
            "" if token else self._known_password(),
            token,
            allow_original=self.allow_original,
            errand=errand,
            **self._proof(link),
        )

    def registration(self, link: Link, password: str, invite: str) -> Register:
        """Return the request to send on the link to create the account."""
        if not self.url.secure:
            return Register(self.username, password)
        return Register(self.username, password, errand=True, invite=invite, **self._proof(link))

    def _proof(self, link: Link) -> dict[str, Any]:
        """Return the fields that prove our identity on the link."""
        assert link.channel is not None
        at = int(self._wall())
        statement = login_statement(link.channel, self.username, at)
        return {
            "key": self.identity.public,
            "proof": self.identity.sign(statement),
            "at": at,
            "vouched_by": pinned_key(self.url, self._profile) or "",
            "can": (CAN_MEET, CAN_MAILBOX) if self.reach.relay else (CAN_MAILBOX,),
        }

    def keep(self, grant: Grant) -> None:
        """Keep the token for the next login."""
        self._profile.keep_token(str(self.url), self.username, grant.token)

    @property
    def token(self) -> str:
        """The token for the next login; empty if there is none."""
        return self._profile.token(str(self.url), self.username)

    def forget(self) -> None:
        """Forget the token, which is no longer valid."""
        self._profile.keep_token(str(self.url), self.username, "")

    def try_again(self, answer: object) -> bool:
        """Forget a token that was refused; return whether to log in again with the password."""
        if isinstance(answer, LoginResult) and answer.reason is Reason.BAD_TOKEN:
            self.forget()
            return bool(self._sent_token) and self._password is not None
        return False

    def refusal(self, answer: object) -> P2PError | None:
        """Return the error for the answer to a login; None if it succeeded."""
        # The original program refuses with RegisterResult, see PROTOCOL.
        if not isinstance(answer, LoginResult):
            return self._wrong()
        if answer.outcome is Outcome.OK:
            return self._without_grant() if self.url.secure and answer.grant is None else None
        if answer.reason is Reason.BAD_TOKEN and self._sent_token:
            return LoginNeeded(
                f"your login as {self.username} at {self.url} has ended",
                likely="it was not used for a month, or was ended elsewhere",
                advice=f"p2p login {self.username}",
            )
        if answer.reason is Reason.BAD_CLOCK:
            return LoginRefused(
                f"the registry at {self.url.address} refused the login of {self.username}",
                likely="the clock of this machine, or the registry's, is more than a day off",
                advice="set the clock: date",
            )
        if answer.reason is Reason.DISABLED:
            return LoginRefused(
                f"the account {self.username} at {self.url} is disabled",
                likely="the registry's operator has disabled it",
                advice="ask the operator",
            )
        return self._wrong()

    def _without_grant(self) -> RemoteProtocolError:
        return RemoteProtocolError(
            f"the registry at {self.url.address} accepted {self.username} but gave no token"
        )

    def _wrong(self) -> LoginRefused:
        return LoginRefused(
            f"the registry at {self.url.address} refused the login of {self.username}",
            likely="the password is wrong, or there is no such account",
            advice=f"p2p register {self.username}, if there is no account",
        )

    def _known_password(self) -> str:
        if self._password is None:
            raise LoginNeeded(
                f"the password of {self.username} is needed", advice=f"p2p login {self.username}"
            )
        return self._password
