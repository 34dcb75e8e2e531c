"""Explains why a session with a registry has ended.

Heartbeats may be the cause: many firewalls, NATs and containers pass TCP but not UDP (PROTOCOL,
"HELLO").
"""

from typing import Final

from p2pchat.errors import LinkLost, LoginNeeded, LoginRefused, P2PError, Unreachable, UsageError
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.protocol.address import Address
from p2pchat.protocol.messages import Presence, SearchResult

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


def cannot_ask(url: RegistryUrl) -> Unreachable:
    """Return the error for a request while there is no session."""
    return Unreachable(
        f"cannot ask the registry at {url.address}: it is lost", advice="wait until it is back"
    )


def cannot_hide(url: RegistryUrl) -> UsageError:
    """Return the error for hide-address at a registry that offers no circuits."""
    return UsageError(
        f"with hide-address nobody could reach you: the registry at {url.address} has no circuits",
        likely="it is an original or an older one",
        advice="log in without hide-address, or ask its operator to upgrade",
    )


def replaced(username: str, where: str = "") -> LoginRefused:
    """Return the error for a login that another one has replaced; `where`: " at ADDRESS"."""
    return LoginRefused(
        f"{username} has logged in{where or ' elsewhere'}",
        likely="you started p2p a second time, and the second login replaced this one",
        advice="quit one of the two",
    )


def replaced_meanwhile(
    username: str, found: SearchResult, ours: Address | None
) -> LoginRefused | None:
    """Return the error if a registry has us online at another port than `ours`; None otherwise.

    A second login replaces the first, and the original dialect does not tell the first one why its
    connection was closed: two nodes of one user would log each other out for ever.
    """
    if found.presence is Presence.ONLINE and ours is not None and found.port != ours.port:
        return replaced(username, f" at {Address(found.host, found.port)}")
    return None


def logged_out(username: str) -> LoginNeeded:
    """Return the error for a login that was ended elsewhere."""
    return LoginNeeded(
        f"{username} was logged out from elsewhere",
        likely="the password was changed, or all logins were ended",
        advice=f"p2p login {username}",
    )


def _shorter_interval(url: RegistryUrl) -> str:
    interval = min(url.hello_interval / 2, _SHORTEST)
    return f"--registry '{url.with_hello_interval(interval).link}', or let UDP through"
