"""Where contacts reach us: which hosts and ports our peer servers listen at."""

from typing import Final

from p2pchat.errors import UsageError
from p2pchat.net.address import is_loopback
from p2pchat.peer.calls.peer_server import PeerServer
from p2pchat.protocol.address import Address

_ANY_PORT: Final = 0


class ListenAddress:
    """Opens `server`, and with it `clear_server` if there is one, for callers in clear.

    `host` None: on loopback for a registry on this machine, else on every interface.
    """

    def __init__(
        self, server: PeerServer, clear_server: PeerServer | None, host: str | None, port: int
    ) -> None:
        self._server = server
        self._clear_server = clear_server
        self._host = host
        self._port = port

    def open(self, local_host: str, again: bool) -> tuple[Address, int | None]:
        """Listen where remotes who see us at `local_host` can reach us; see RegistrySession."""
        host = self._host or reachable_by(local_host)
        clear_port = None
        if self._clear_server is not None:
            clear_port = self._clear_server.ensure_open(host, _ANY_PORT, again=again).port
        if again and self._port != _ANY_PORT:
            raise UsageError(
                f"the registry says that port {self._port} is taken",
                likely="another user at this address has announced it",
                advice="choose another --peer-port, or none",
            )
        return self._server.ensure_open(host, self._port, again=again), clear_port


def reachable_by(local_host: str) -> str:
    """Return the host to listen on so that remotes who see us at `local_host` can reach us, and no
    wider.
    """
    if is_loopback(local_host):
        return local_host
    return "::" if ":" in local_host else "0.0.0.0"  # noqa: S104  # contacts come from anywhere
