"""Explains the loss of a registry whose link was up, when heartbeats are probably being lost.

Many firewalls, NATs and containers pass TCP but not UDP (PROTOCOL, "HELLO").
"""

from typing import Final

from p2pchat.errors import LinkLost, P2PError
from p2pchat.peer.registry_client.url import RegistryUrl

_NO_HELLO: Final = "our HELLO does not reach its UDP port {}, or not as often as it expects"
_SHORTEST: Final = 3.0  # seconds; the original program expects a HELLO every ten


def explained(error: LinkLost, url: RegistryUrl, udp_port: int, *, is_silent: bool) -> LinkLost:
    """Return the error with its likely cause; `is_silent`: the registry reported missing HELLOs."""
    if is_silent:
        return LinkLost(
            f"{error.what}, because no heartbeat of ours comes through by UDP",
            likely=f"a firewall, NAT or container lets TCP pass but not UDP port {udp_port}",
            advice=f"open UDP port {udp_port} at the registry"
            f" (docker -p {udp_port}:{udp_port}/udp); p2p doctor",
        )
    if url.secure:
        return error
    return LinkLost(error.what, likely=_NO_HELLO.format(udp_port), advice=_shorter_interval(url))


def put_offline(url: RegistryUrl, udp_port: int) -> P2PError:
    """Return the error for an original registry that has us offline while its link is up."""
    return P2PError(
        f"the registry at {url.address} has put you offline: your contacts cannot find you",
        likely=_NO_HELLO.format(udp_port),
        advice=_shorter_interval(url),
    )


def _shorter_interval(url: RegistryUrl) -> str:
    interval = min(url.hello_interval / 2, _SHORTEST)
    return f"--registry '{url.with_hello_interval(interval).link}', or let UDP through"
