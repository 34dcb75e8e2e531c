"""The hosts and ports that our peer servers listen on."""

from typing import Final

from p2pchat.errors import UsageError
from p2pchat.net.address import is_loopback
from p2pchat.peer.calls.peer_server import PeerServer
from p2pchat.protocol.address import Address

_ANY_PORT: Final = 0


class ListenAddress:
    """Opens `server` and, if there is one, `clear_server` for callers in clear.

    `host` None: loopback for a registry on this machine, otherwise every interface.
    """

    def __init__(
        self, server: PeerServer, clear_server: PeerServer | None, host: str | None, port: int
    ) -> None:
        self._server = server
        self._clear_server = clear_server
        self._host = host
        self._port = port

    def open(self, local_host: str, again: bool) -> tuple[Address, int | None]:
        """Listen where remotes that reach us at `local_host` can connect; see RegistrySession."""
        host = self._host or reachable_by(local_host)
        clear_port = None
        if self._clear_server is not None:
            clear_port = self._clear_server.ensure_open(host, _ANY_PORT, again=again).port
        if again and self._port != _ANY_PORT:
            raise UsageError(
                f"the registry says that port {self._port} is taken",
                likely="another user at this address announced it",
                advice="choose another --peer-port, or none",
            )
        return self._server.ensure_open(host, self._port, again=again), clear_port


def reachable_by(local_host: str) -> str:
    """Return the narrowest host to listen on for remotes that reach us at `local_host`."""
    if is_loopback(local_host):
        return local_host
    return "::" if ":" in local_host else "0.0.0.0"  # noqa: S104  # contacts come from anywhere
