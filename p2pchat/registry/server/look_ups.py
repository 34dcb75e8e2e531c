"""Direct answers to searches at the original listener, by the bytes of the name.

Most requests to a registry are searches for online users, and clients may send many at once. They
are answered here without building a message for each. Anything else (another request, a user who is
not online, an incomplete frame, a limit that is reached, answers that do not fit into the send
queue) is left to the connection handler, which gives the same answers.
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
    """Answers input that consists of searches for online users only."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ready = service.ready_in_clear

    def answer(self, client_session: ClientSession, data: bytes, room: int) -> bytes | None:
        """Return the answers to all requests in `data`, at most `room` bytes.

        Return None, and count nothing, if the connection handler must give them.
        """
        answers = []
        at = 0
        while length := _LENGTHS.get(data[at : at + HEADER_BYTES]):
            name = data[at + HEADER_BYTES : at + length]
            frame = self._ready.get(name) or self._make(name)
            if frame is None:
                return None
            answers.append(frame)
            room -= len(frame)
            at += length
        if (
            room < 0
            or at != len(data)
            or not self._service.take_searches(client_session, len(answers))
        ):
            return None
        return b"".join(answers)

    def _make(self, name: bytes) -> bytes | None:
        """Return the answer for a user, and keep it; None if the user is not online in clear."""
        try:
            found = self._service.find_in_clear(name.decode())
        except UnicodeDecodeError:
            return None
        if found is None or found.presence is not Presence.ONLINE:
            return None
        self._ready[name] = frame = ORIGINAL.encode(found)
        return frame
