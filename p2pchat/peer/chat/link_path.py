"""How the link to a contact runs, and the event that reports a change of that."""

from collections.abc import Callable

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


class PathReport:
    """Reports the paths of successive links to one contact; that the first is direct is usual."""

    def __init__(self, contact: str, on_event: Callable[[Event], None]) -> None:
        self._contact = contact
        self._on_event = on_event
        self._last: LinkPath | None = None

    def note(self, path: LinkPath) -> None:
        """Note the path of a new link; report it unless it is as before."""
        before, self._last = self._last, path
        is_usual = before is None and path is not LinkPath.RELAYED
        if path is not before and not is_usual:
            self._on_event(PathChanged(self._contact, path))
