"""Direct answers to searches, by the bytes of the name.

Most requests to a registry are searches for online users, and clients may send many at once. They
are answered here without building a message for each. Anything else (another request, a user who is
not online, an incomplete frame, JSON that is written in another way than ours, a limit that is
reached, answers that do not fit into the send queue) is left to the connection handler, which gives
the same answers.
"""

from typing import Final

from p2pchat.protocol.framing import HEADER_BYTES, FrameWriter, pad
from p2pchat.protocol.messages import Presence
from p2pchat.protocol.names import MAX_USERNAME_BYTES
from p2pchat.protocol.original import ORIGINAL
from p2pchat.protocol.secure import SECURE
from p2pchat.registry.service.client_session import ClientSession
from p2pchat.registry.service.presence import Audience
from p2pchat.registry.service.service import Service

_write: Final = FrameWriter(pad("SEARCH")).write


class LookUps:
    """Answers input that consists of searches for online users only, at one kind of listener."""

    def __init__(self, service: Service, *, secure: bool) -> None:
        self._service = service
        self._secure = secure
        self._dialect = SECURE if secure else ORIGINAL
        self._audience = Audience.SECURE if secure else Audience.ORIGINAL
        """Of the two kinds at a secure listener, the one that is told less: the other results
        depend on the client."""
        self._ready = service.ready_answers(secure=secure)
        before, self._after = (b'{"username":"', b'"}') if secure else (b"", b"")
        sizes = range(1, MAX_USERNAME_BYTES + 1)
        around = len(before) + len(self._after)
        self._start = HEADER_BYTES + len(before)
        self._ends = {
            _write(before + bytes(size + around - len(before)))[: self._start]: self._start + size
            for size in sizes
        }
        """Where the name ends, by the bytes before it as most clients write them."""

    def answer(self, client_session: ClientSession, data: bytes, room: int) -> bytes | None:
        """Return the answers to all requests in `data`, at most `room` bytes.

        Return None, and count nothing, if the connection handler must give them.
        """
        answers = []
        at, start, after = 0, self._start, self._after
        while end := self._ends.get(data[at : at + start]):
            name = data[at + start : at + end]
            at += end + len(after)
            if after and data[at - len(after) : at] != after:
                return None
            frame = self._ready.get(name) or self._make(name)
            if frame is None:
                return None
            answers.append(frame)
            room -= len(frame)
        if (
            room < 0
            or at != len(data)
            or not self._service.take_searches(client_session, len(answers))
        ):
            return None
        return b"".join(answers)

    def _make(self, name: bytes) -> bytes | None:
        """Return the answer for a user, and keep it; None if the user is not online here."""
        if self._secure and (b"\\" in name or b'"' in name):
            return None  # not the name itself, but JSON for it
        try:
            found = self._service.find(name.decode(), self._audience)
        except UnicodeDecodeError:
            return None
        if found is None or found.presence is not Presence.ONLINE:
            return None
        self._ready[name] = frame = self._dialect.encode(found)
        return frame
