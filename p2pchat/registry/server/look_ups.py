"""The short way of searches at the original listener: from the bytes of a name to a ready answer.

Most of what a registry is asked is where online users are, often many of them in one piece. Such a
piece is answered here without a message being made for each frame. Anything unusual (another
request, a user who is not online, an incomplete frame, a limit that is reached) is left to the
ordinary way, which gives the same answers.
"""

from typing import Final

from p2pchat.protocol.framing import HEADER_BYTES, FrameWriter, pad
from p2pchat.protocol.messages import Presence
from p2pchat.protocol.names import MAX_USERNAME_BYTES
from p2pchat.protocol.original import ORIGINAL
from p2pchat.registry.service.client_session import ClientSession
from p2pchat.registry.service.service import Service

_write: Final = FrameWriter(pad("SEARCH")).write
_LENGTHS: Final = {
    _write(bytes(size))[:HEADER_BYTES]: HEADER_BYTES + size
    for size in range(1, MAX_USERNAME_BYTES + 1)
}
"""The length of a search's frame, by its header as most clients write it."""


class LookUps:
    """Answers pieces of input that consist of searches for online users."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ready = service.ready_in_clear

    def answer(self, client_session: ClientSession, data: bytes) -> bytes | None:
        """Return the answers to all requests in `data`; None if the ordinary way must give them."""
        answers = []
        at = 0
        while length := _LENGTHS.get(data[at : at + HEADER_BYTES]):
            name = data[at + HEADER_BYTES : at + length]
            frame = self._ready.get(name) or self._make(name)
            if frame is None:
                return None
            answers.append(frame)
            at += length
        if at != len(data) or not self._service.take_searches(client_session, len(answers)):
            return None
        return b"".join(answers)

    def _make(self, name: bytes) -> bytes | None:
        """Make the answer for a user and keep it; return None if the user cannot be reached."""
        try:
            found = self._service.find_in_clear(name.decode())
        except UnicodeDecodeError:
            return None
        if found is None or found.presence is not Presence.ONLINE:
            return None
        self._ready[name] = frame = ORIGINAL.encode(found)
        return frame
