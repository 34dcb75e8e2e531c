"""Dialects convert between frames and messages. Each is a table of codecs.

Knows neither the order of messages (`states`) nor the stream (`framing`). Decoding any bytes gives
a message or RemoteProtocolError, and nothing else.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from p2pchat.errors import LocalProtocolError, RemoteProtocolError
from p2pchat.protocol.framing import Frame, FrameWriter, pad
from p2pchat.protocol.messages import Message
from p2pchat.protocol.text import excerpt


class Codec(NamedTuple):
    """How one message type is written and read; `limit` is the most bytes of its payload.

    `read` raises ValueError, with a reason, if a payload is malformed, or RecursionError if it is
    nested too deeply.
    """

    message: type[Message]
    command: str
    limit: int
    write: Callable[[Any], bytes]
    read: Callable[[bytes], Message]


class Dialect:
    """A set of codecs for the messages."""

    def __init__(self, name: str, codecs: Sequence[Codec]) -> None:
        self.name = name
        self._writers = {
            c.message: (FrameWriter(pad(c.command)).write, c.write, c.limit) for c in codecs
        }
        self._readers = {pad(c.command): c.read for c in codecs}
        self._limits = {c.message: (pad(c.command), c.limit) for c in codecs}

    @property
    def kinds(self) -> Iterable[type[Message]]:
        """The message types that it supports."""
        return self._limits.keys()

    def limits(self, kinds: Iterable[type[Message]]) -> dict[bytes, int]:
        """Return the commands of these message types with their limits, as `Caps` needs them."""
        return dict(self._limits[kind] for kind in kinds if kind in self._limits)

    def encode(self, message: Message) -> bytes:
        """Return the frame of the message.

        Raise LocalProtocolError if this dialect does not support its type or the payload is too
        long.
        """
        writer = self._writers.get(type(message))
        if writer is None:
            raise LocalProtocolError(f"the {self.name} dialect cannot say {message!r}")
        frame, write, limit = writer
        payload = write(message)
        if len(payload) > limit:
            raise LocalProtocolError(f"{message!r} has {len(payload)} bytes of at most {limit}")
        return frame(payload)

    def decode(self, frame: Frame) -> Message:
        """Return the message of the frame. Raise RemoteProtocolError if it is invalid."""
        command, payload = frame
        try:
            return self._readers[command](payload)
        except UnicodeDecodeError:
            why = "the payload is not UTF-8"
        except ValueError as error:
            why = excerpt(str(error))  # may quote the payload
        except RecursionError:
            why = "the payload is nested too deeply"
        raise RemoteProtocolError(f"{command.decode().rstrip()}: {why}")
