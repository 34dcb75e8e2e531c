"""The client of one connection, as the registry's decisions see it."""

from collections.abc import Callable

from p2pchat.callbacks import ignore
from p2pchat.net.rate_limit import group_of
from p2pchat.protocol.messages import Message, Reason
from p2pchat.protocol.proofs import Channel
from p2pchat.registry.service.presence import OnlineSession


class ClientSession:
    """Logged in as `username` if that is set, online while `online_session` is.

    `transient` is set instead where the login is for one command, and hears heartbeats.
    `secure`: it came by a secure listener. `hang_up(reason)` closes that connection, `tell(news)`
    sends something unasked on it; `gone` once it has ended. `group` is what its address counts as.
    `channel` is what its login is bound to, if it came by a secure listener.
    """

    __slots__ = (
        "channel",
        "gone",
        "group",
        "hang_up",
        "host",
        "online_session",
        "secure",
        "tell",
        "transient",
        "username",
    )

    def __init__(
        self,
        host: str,
        hang_up: Callable[[Reason], None],
        tell: Callable[[Message], None],
        *,
        secure: bool = False,
        channel: Channel | None = None,
    ) -> None:
        self.channel = channel
        self.host = host
        self.group = group_of(host)
        self.hang_up = hang_up
        self.tell = tell
        self.secure = secure
        self.username: str | None = None
        self.online_session: OnlineSession | None = None
        self.transient: OnlineSession | None = None
        self.gone = False

    def forget(self) -> None:
        """Drop the reference to the ended connection, so that its memory is freed at once."""
        self.hang_up = self.tell = ignore
