"""Messages over a transport. Code above this module sees no bytes, code below it no messages.

A link enforces the dialogue at both ends. A remote that breaks a rule, or whose message triggers a
bug of ours, loses only this link.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import InternalError, P2PError, RemoteProtocolError, TimedOut
from p2pchat.net.bulk import Detached
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.transport import SEND_HIGH_WATER, Transport
from p2pchat.protocol.address import Address
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.messages import Message
from p2pchat.protocol.proofs import Channel

RECEIVE_CEILING: Final = 128 * 1024
"""Bytes kept of a remote that sends out of turn; the rest stays in the system's buffers. Must be at
least the longest frame allowed.
"""


class Link:
    """A transport with a dialogue.

    `answers_to_the_end`: a remote that has closed its direction still gets the answers that it is
    owed. `receive_ceiling`: how many unprocessed bytes are kept. A frame must be complete
    `frame_timeout` seconds after its first byte (0: no limit). Set `on_message` and `on_closed` in
    the turn in which the link is created. `on_closed` is called once, never from within a call:
    with None after an orderly end, otherwise with the error that ended the link.
    """

    __slots__ = (
        "_connection",
        "_deadline",
        "_ending",
        "_error",
        "_frame_timeout",
        "_frame_timer",
        "_held",
        "_loop",
        "_on_data",
        "_on_drained",
        "_paused",
        "_pumping",
        "_receive_ceiling",
        "_transport",
        "_unfinished_since",
        "channel",
        "on_closed",
        "on_message",
        "open",
    )

    def __init__(
        self,
        loop: Loop,
        transport: Transport,
        connection: Connection,
        *,
        frame_timeout: float = 0,
        receive_ceiling: int = RECEIVE_CEILING,
        answers_to_the_end: bool = False,
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._connection = connection
        self._deadline: Timer | None = None
        self._frame_timeout = frame_timeout
        self._receive_ceiling = receive_ceiling
        self._frame_timer: Timer | None = None
        self._unfinished_since: float | None = None
        self._error: P2PError | None = None
        self._pumping = False
        self._paused = False
        self._held = False
        self._on_data: Callable[[bytes], None] = self._pump
        self.open = True
        self.channel: Channel | None = None
        """What a login on this link is bound to, if it is a link with a secure registry."""
        self.on_message: Callable[[Message], None] = ignore
        self.on_closed: Callable[[P2PError | None], None] = ignore
        self._on_drained: Callable[[], None] = ignore
        self._ending = False
        if answers_to_the_end:
            transport.on_end = self._end
        transport.on_data = self._on_data
        transport.on_closed = self._closed

    @property
    def local(self) -> Address:
        """The address of our end."""
        return self._transport.local

    @property
    def remote(self) -> Address:
        """The address of the remote."""
        return self._transport.remote

    @property
    def origin(self) -> str:
        """What limits count the remote by; see Transport."""
        return self._transport.origin

    @property
    def relayed(self) -> bool:
        """Whether a registry forwards the bytes."""
        return self._transport.circuit is not None

    @property
    def is_short(self) -> bool:
        """Whether a registry forwards the bytes for a short time only."""
        circuit = self._transport.circuit
        return circuit is not None and circuit.is_short

    @property
    def seen_as(self) -> Address | None:
        """The address from which the registry sees us on a relayed link; see Circuit."""
        circuit = self._transport.circuit
        return None if circuit is None else circuit.seen_as

    @property
    def on_drained(self) -> Callable[[], None]:
        """The callback for when everything has been sent."""
        return self._on_drained

    @on_drained.setter
    def on_drained(self, callback: Callable[[], None]) -> None:
        self._on_drained = callback
        self._hear_of_room()

    @property
    def queued(self) -> int:
        """Bytes sent but not accepted by the system yet; `on_drained` is called at zero."""
        return self._transport.queued

    @property
    def has_room(self) -> bool:
        """Whether little is queued; `on_drained` is called when nothing is."""
        return self._transport.queued < SEND_HIGH_WATER

    def answer_directly(
        self, kind: type[Message], answer: Callable[[bytes, int], bytes | None]
    ) -> None:
        """Pass received bytes to `answer` first, while the remote may send that kind of message.

        `answer(data, room)` returns the answers to all messages in the data, at most `room` bytes,
        or None if the messages are to be handled one by one. Its answers, and the state in which
        it leaves the dialogue, must be the same as if they were.
        """

        def receive(data: bytes) -> None:
            """Answer the data directly if that is possible, otherwise message by message."""
            answers = None
            if self.has_room and self._connection.may_receive(kind):
                try:
                    answers = answer(data, SEND_HIGH_WATER - self._transport.queued)
                except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
                    self._break(error)
                    return
            if answers is None:
                self._pump(data)
            else:
                self._transport.write(answers)

        self._on_data = receive
        self._transport.on_data = receive

    def may_send(self, kind: type[Message]) -> bool:
        """Return whether we may send a message of that kind now."""
        return self.open and self._connection.may_send(kind)

    def send(self, message: Message) -> None:
        """Send a message; ignored on a closed link. Raise LocalProtocolError if it is not our turn.

        Messages that the remote sent too early are handled in a later turn of the loop.
        """
        if not self.open:
            return
        self._transport.write(self._connection.send(message))
        if not self._pumping and (self._connection.frames.waiting or self._ending):
            self._loop.call_soon(self._go_on)

    def expect(self, timeout: float, what: str) -> None:
        """End the link with TimedOut unless `relax` is called within `timeout` seconds."""
        self.relax()
        self._deadline = self._loop.call_later(timeout, lambda: self._fail(TimedOut(what)))

    def relax(self) -> None:
        """Cancel the timeout of `expect`."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    @property
    def held(self) -> bool:
        """Whether the link is held, by `hold`."""
        return self._held

    def hold(self) -> None:
        """Stop handling the remote's messages until `release`; they stay unread.

        Meanwhile, the end of the link is noticed only by sending on it.
        """
        self._held = True
        self._transport.on_data = self._connection.frames.push
        self._pause_or_resume()

    def release(self) -> None:
        """Handle the remote's messages again."""
        if self._held:
            self._held = False
            self._transport.on_data = self._on_data
            self._loop.call_soon(self._go_on)

    def close(self) -> None:
        """Send what is queued, then end."""
        self._stop()
        self._transport.close()

    def abort(self) -> None:
        """End at once."""
        self._stop()
        self._transport.abort()

    def detach(self) -> Detached:
        """Hand over the connection after the last message; no callback follows."""
        self._stop()
        self._on_data = ignore
        self.on_message = self.on_closed = ignore
        self._on_drained = ignore
        rest = self._connection.frames.take_rest()
        detached = self._transport.detach()
        return detached._replace(data=rest + detached.data)

    def _pump(self, data: bytes) -> None:
        """Handle messages until bytes run out, it is our turn, or the remote does not read."""
        self._pumping = True
        heard = False
        try:
            for message in self._connection.feed(data):
                heard = True
                self.on_message(message)
                if not self.open or self._held or self._transport.queued > SEND_HIGH_WATER:
                    self._hear_of_room()
                    break
        except RemoteProtocolError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
            self._break(error)
        finally:
            self._pumping = False
        if not self.open:
            return
        waiting = self._connection.frames.waiting
        if self._frame_timeout and (waiting or self._unfinished_since is not None):
            self._watch_frame(heard=heard)
        if (waiting > self._receive_ceiling) is not self._paused:
            self._pause_or_resume()

    def _break(self, error: Exception) -> None:
        """Close the link because its bytes have triggered a bug."""
        self._loop.contain(error, f"the link with {self.remote}")
        self._fail(InternalError(f"the link with {self.remote} was closed"))

    def _pause_or_resume(self) -> None:
        """Read from the transport unless the link is held or too much is unprocessed."""
        full = self._held or self._connection.frames.waiting > self._receive_ceiling
        if full is not self._paused and self.open:
            self._paused = full
            if full:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _watch_frame(self, *, heard: bool) -> None:
        """Record when an unfinished frame began; one timer per link checks it."""
        if not self._connection.unfinished:
            self._unfinished_since = None
        elif heard or self._unfinished_since is None:
            self._unfinished_since = self._loop.now()
            if self._frame_timer is None:
                self._look_later(self._frame_timeout)

    def _look_later(self, timeout: float) -> None:
        self._frame_timer = self._loop.call_later(timeout, self._look_at_frame)

    def _look_at_frame(self) -> None:
        self._frame_timer = None
        if self._unfinished_since is None:
            return
        left = self._unfinished_since + self._frame_timeout - self._loop.now()
        if left > 0:
            self._look_later(left)
        else:
            self._fail(TimedOut(f"{self.remote} did not finish a message"))

    def _hear_of_room(self) -> None:
        """Ask the transport to report when everything is sent, only while that is needed."""
        self._transport.on_drained = self._drained

    def _drained(self) -> None:
        if self._connection.frames.waiting or self._ending:
            self._go_on()
        if self.open:
            self._on_drained()

    def _go_on(self) -> None:
        if self._held:
            return
        if self.open:
            self._pump(b"")
        if self._ending:
            self._end()

    def _end(self) -> None:
        """Close because the remote sends no more, but only after it has got its answers."""
        self._ending = True
        if not self.open:
            return
        if self._connection.owes or self._transport.queued:
            self._hear_of_room()
            self._transport.pause_reading()  # otherwise the end would be reported again and again
        else:
            self.close()

    def _fail(self, error: P2PError) -> None:
        self._error = error
        self.close()

    def _stop(self) -> None:
        self.open = False
        self.relax()
        if self._frame_timer is not None:
            self._frame_timer.cancel()

    def _closed(self, error: P2PError | None) -> None:
        self._stop()
        on_closed = self.on_closed
        self._on_data = ignore
        self.on_message = self.on_closed = ignore  # the owner is called once, then released
        self._on_drained = ignore
        on_closed(self._error or error)
