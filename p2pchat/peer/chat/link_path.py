"""How the link to a contact runs, and the event that reports a change of that."""

from collections.abc import Callable

from p2pchat.errors import P2PError, Unreachable
from p2pchat.net.address import is_near
from p2pchat.net.link import Link
from p2pchat.protocol.client.events import Event, PathChanged
from p2pchat.protocol.client.state import LinkPath, Security


def path_of(link: Link, *, punched: bool = False, offered: bool = False) -> LinkPath:
    """Return how a link runs.

    `punched`: both ends dialled or listened at the same ports. `offered`: we have dialled where the
    contact's peer server listens, as the contact told us on a circuit.
    """
    if link.relayed:
        return LinkPath.RELAYED
    if is_near(link.remote.host):
        return LinkPath.LAN
    if punched:
        return LinkPath.PUNCHED
    return LinkPath.MAPPED if offered and ":" not in link.remote.host else LinkPath.DIRECT


def in_words(link: Link, path: LinkPath, security: Security) -> str:
    """Return how a link runs, to which address unless it is relayed, and how it is protected."""
    where = "" if link.relayed else f" at {link.remote}"
    return f"{path.value}{where}, {security.value}"


def why_lost(contact: str, link: Link | None, error: P2PError | None) -> P2PError | None:
    """Return why a link was lost: of a short circuit, that no direct link was found.

    An error of None, when the contact has hung up, stays.
    """
    if link is None or error is None or not link.is_short:
        return error
    return Unreachable(
        f"{contact} can only be reached through the registry, which passes on next to nothing",
        likely="it runs with --no-relay, or one of you has used up the day's bytes",
        advice="p2p doctor tells how to become reachable; lines wait meanwhile",
    )


class PathReport:
    """Reports the paths of successive links to one contact; that the first is direct is usual."""

    def __init__(self, contact: str, on_event: Callable[[Event], None]) -> None:
        self._contact = contact
        self._on_event = on_event
        self._last: LinkPath | None = None

    def note(self, path: LinkPath) -> None:
        """Record the path of a new link; report it if it has changed."""
        before, self._last = self._last, path
        is_usual = before is None and path is not LinkPath.RELAYED
        if path is not before and not is_usual:
            self._on_event(PathChanged(self._contact, path))
