"""The client of one connection, as the service sees it."""

from collections.abc import Callable

from p2pchat.callbacks import ignore
from p2pchat.net.rate_limit import group_of
from p2pchat.protocol.address import Address
from p2pchat.protocol.messages import Message, Reason
from p2pchat.protocol.proofs import Channel
from p2pchat.registry.service.presence import Audience, OnlineSession


class ClientSession:
    """A client that is logged in as `username` if that is set, and online if `online_session` is.

    `transient` is set instead of `online_session` for the login of a single command; it receives
    heartbeats. `secure`: connected to a secure listener. `meets`: the client has logged in and can
    meet; `mailbox`: it knows mailboxes. `key` is the identity key that it has proved.
    `hang_up(reason)` closes the connection, `tell(news)` sends an unsolicited message on it; `gone`
    is set once it has ended. `remote` is its address, `group` the key of that in rate limits.
    `channel` is the TLS channel that its login is bound to, at a secure listener.
    """

    __slots__ = (
        "channel",
        "gone",
        "group",
        "hang_up",
        "key",
        "mailbox",
        "meets",
        "online_session",
        "remote",
        "secure",
        "tell",
        "transient",
        "username",
    )

    def __init__(
        self,
        remote: Address,
        hang_up: Callable[[Reason], None],
        tell: Callable[[Message], None],
        *,
        secure: bool = False,
        channel: Channel | None = None,
    ) -> None:
        self.channel = channel
        self.remote = remote
        self.group = group_of(remote.host)
        self.hang_up = hang_up
        self.tell = tell
        self.secure = secure
        self.username: str | None = None
        self.online_session: OnlineSession | None = None
        self.transient: OnlineSession | None = None
        self.gone = False
        self.meets = False
        self.mailbox = False
        self.key: bytes | None = None

    @property
    def audience(self) -> Audience:
        """Which search results the client gets."""
        if not self.secure:
            return Audience.ORIGINAL
        return Audience.MEETING if self.meets else Audience.SECURE

    def forget(self) -> None:
        """Drop the reference to the ended connection, so that its memory is freed at once."""
        self.hang_up = self.tell = ignore
