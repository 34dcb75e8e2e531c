"""How the link to a contact runs, and the event that reports a change of that."""

from collections.abc import Callable

from p2pchat.net.address import is_near
from p2pchat.net.link import Link
from p2pchat.protocol.client.events import Event, PathChanged
from p2pchat.protocol.client.state import LinkPath, Security


def path_of(link: Link | None) -> LinkPath | None:
    """Return how a link runs; None if there is none."""
    if link is None:
        return None
    if link.relayed:
        return LinkPath.RELAYED
    return LinkPath.LAN if is_near(link.remote.host) else LinkPath.DIRECT


def in_words(link: Link, security: Security) -> str:
    """Return how a link runs, to which address unless it is relayed, and how it is protected."""
    path = path_of(link)
    assert path is not None
    where = "" if link.relayed else f" at {link.remote}"
    return f"{path.value}{where}, {security.value}"


class PathReport:
    """Reports the paths of successive links to one contact; that the first is direct is usual."""

    def __init__(self, contact: str, on_event: Callable[[Event], None]) -> None:
        self._contact = contact
        self._on_event = on_event
        self._last: LinkPath | None = None

    def note(self, link: Link) -> None:
        """Note a new link; report a path that is not as before."""
        before, path = self._last, path_of(link)
        self._last = path
        is_usual = before is None and path is not LinkPath.RELAYED
        if path is not None and path is not before and not is_usual:
            self._on_event(PathChanged(self._contact, path))
