"""TLS over any transport; itself a transport.

All data that can be decrypted is passed on in the same turn. The owner decides in `on_secured`
whether the certificate is the right one; no data is passed on before.
"""

import math
from collections.abc import Callable
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import InternalError, LinkLost, P2PError, RemoteProtocolError, TimedOut
from p2pchat.net.bulk import Detached
from p2pchat.net.loop import Loop
from p2pchat.net.tls.engine import Engine
from p2pchat.net.transport import Circuit, Wire
from p2pchat.net.worker import Worker
from p2pchat.protocol.address import Address

HANDSHAKE_TIMEOUT: Final = 15.0

MAX_HANDSHAKE_BYTES: Final = 64 * 1024
"""Bytes from a remote that is not authenticated yet; enough for a chain of certificates."""


class TlsTransport:
    """A TLS session over another transport.

    `on_secured` is called once, in the turn in which the handshake is done; close the transport
    there if the certificate or the negotiated protocol is wrong. What was written before is sent
    after it. The handshake is limited to `handshake_timeout` seconds (0: no limit) and
    `handshake_bytes` from the remote. `worker` runs its first step, which takes most of the time,
    if it has room; OpenSSL lets other threads run meanwhile.
    """

    __slots__ = (
        "_closing",
        "_deadline",
        "_early",
        "_engine",
        "_error",
        "_handshake_bytes",
        "_hearing",
        "_inner",
        "_loop",
        "_reading",
        "_secured",
        "_shaking",
        "_unsent",
        "_unsent_bytes",
        "_worker",
        "circuit",
        "local",
        "on_closed",
        "on_data",
        "on_drained",
        "on_end",
        "on_secured",
        "origin",
        "remote",
    )

    def __init__(
        self,
        loop: Loop,
        inner: Wire,
        engine: Engine,
        *,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
        handshake_bytes: int = MAX_HANDSHAKE_BYTES,
        worker: Worker | None = None,
    ) -> None:
        self._loop = loop
        self._inner = inner
        self._engine = engine
        self.local: Address = inner.local
        self.remote: Address = inner.remote
        self.origin = inner.origin
        self.circuit: Circuit | None = inner.circuit
        self.on_data: Callable[[bytes], None] = ignore
        self.on_drained: Callable[[], None] = ignore
        self.on_end: Callable[[], None] = self.close
        self.on_closed: Callable[[P2PError | None], None] = ignore
        self.on_secured: Callable[[Engine], None] = ignore
        self._worker = worker
        self._shaking = False  # on a thread of the worker; until then the engine is its own
        self._early: list[bytes] = []  # received meanwhile
        self._secured = False
        self._reading = True
        self._closing = False
        self._hearing = False
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._error: P2PError | None = None
        inner.on_data = self._received
        inner.on_drained = self._drained
        inner.on_closed = self._ended
        self._handshake_bytes = handshake_bytes
        self._deadline = loop.call_later(handshake_timeout or math.inf, self._too_late)
        inner.lingers = True  # both ends send, so the remote may be sending when we close
        if engine.dialling:
            loop.call_soon(self._shake)

    @property
    def secured(self) -> bool:
        """Whether the handshake is done."""
        return self._secured

    @property
    def lingers(self) -> bool:
        """As that of the transport inside."""
        return self._inner.lingers

    @lingers.setter
    def lingers(self, lingers: bool) -> None:
        self._inner.lingers = lingers

    @property
    def send_ceiling(self) -> int:
        """As that of the transport inside, in encrypted bytes."""
        return self._inner.send_ceiling

    @send_ceiling.setter
    def send_ceiling(self, most: int) -> None:
        self._inner.send_ceiling = most

    @property
    def queued(self) -> int:
        """Bytes written and not yet accepted by the system."""
        return self._inner.queued + self._unsent_bytes

    def write(self, data: bytes) -> None:
        """Encrypt and send; the answers to one piece of input are encrypted together."""
        if self._closing:
            return
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._secured and not self._hearing:
            self._flush()

    def pause_reading(self) -> None:
        """Leave incoming data in the system's buffers."""
        self._reading = False
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        """Read again, beginning with what OpenSSL has buffered."""
        self._reading = not self._closing
        self._inner.resume_reading()
        self._loop.call_soon(self._hear)

    def close(self) -> None:
        """Send what was written and a close notification, then end.

        Data written during the handshake is sent once that is done.
        """
        if self._closing:
            return
        self._closing = True
        self._reading = False
        if self._secured or not self._unsent:
            self._say_goodbye()

    def abort(self) -> None:
        """End at once."""
        self._closing = True
        self._reading = False
        self._deadline.cancel()
        self._inner.abort()

    def detach(self) -> Detached:
        """Hand over the connection with its TLS session. Only allowed after the handshake."""
        self._flush()
        self._closing, self._reading = True, False
        self.on_data = self.on_closed = self.on_secured = ignore
        self.on_drained = self.on_end = ignore
        inner = self._inner.detach()
        engine, self._engine = self._engine, _Nothing()  # a thread may use it from now on
        if inner.data:
            engine.take(inner.data)
        return inner._replace(engines=(engine, *inner.engines), data=b"")

    def _say_goodbye(self) -> None:
        self._deadline.cancel()
        if self._secured:
            self._encrypt()
            self._engine.close()
        self._flush()
        self._inner.close()

    def _received(self, data: bytes) -> None:
        if self._secured:
            self._engine.take(data)
            self._hear()
            return
        self._handshake_bytes -= len(data)
        if self._handshake_bytes < 0:
            self._fail(RemoteProtocolError(f"{self.remote} sent too much in the TLS handshake"))
            return
        if self._shaking:
            self._early.append(data)
            return
        self._engine.take(data)
        self._shake()

    def _too_late(self) -> None:
        self._fail(TimedOut(f"{self.remote} did not finish the TLS handshake"))

    def _shake(self) -> None:
        if self._secured or (self._closing and not self._unsent):
            return
        worker, self._worker = self._worker, None
        self._shaking = worker is not None and worker.submit(
            self._engine.handshake, self._shaken, self._not_shaken
        )
        if self._shaking:
            return
        try:
            secured = self._engine.handshake()
        except RemoteProtocolError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
            self._break(error)
        else:
            self._has_shaken(secured)

    def _shaken(self, secured: bool) -> None:
        """Continue after a step of the handshake on another thread."""
        self._shaking = False
        self._has_shaken(secured)
        early, self._early = self._early, []
        for data in early:
            self._engine.take(data)
        if early:
            self._shake()

    def _not_shaken(self, error: P2PError) -> None:
        self._shaking = False
        self._fail(error)

    def _has_shaken(self, secured: bool) -> None:
        self._secured = secured
        self._flush()
        if not self._secured:
            return
        self._deadline.cancel()
        try:
            self.on_secured(self._engine)
        except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
            self._break(error)
            return
        self.on_secured = ignore  # called once; may hold references
        self._flush()
        if self._closing:
            self._say_goodbye()
        else:
            self._hear()

    def _hear(self) -> None:
        """Pass on all that can be decrypted: select does not know what OpenSSL has buffered."""
        try:
            while self._secured and self._reading and (data := self._engine.read()):
                self._hearing = True
                self.on_data(data)
                self._hearing = False
                self._encrypt()
        except RemoteProtocolError as error:
            self._fail(error)
            return
        except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
            self._hearing = False
            self._break(error)
            return
        self._flush()
        if self._engine.ended:
            self.on_end()

    def _break(self, error: Exception) -> None:
        """Close the connection because its bytes have triggered a bug."""
        self._loop.contain(error, f"TLS with {self.remote}")
        self._fail(InternalError(f"the connection with {self.remote} was closed"))

    def _flush(self) -> None:
        if self._shaking:
            return
        if self._secured:
            self._encrypt()
        data = self._engine.give()
        if data:
            self._inner.write(data)

    def _encrypt(self) -> None:
        if self._unsent:
            self._engine.write(b"".join(self._unsent))
            self._forget_unsent()

    def _forget_unsent(self) -> None:
        self._unsent.clear()
        self._unsent_bytes = 0

    def _drained(self) -> None:
        if self._secured and not self._closing:
            self.on_drained()

    def _fail(self, error: P2PError) -> None:
        """End, after sending the remote a TLS alert if there is one for the reason."""
        self._error = self._error or error
        self._forget_unsent()
        self._flush()
        if not self._secured:
            # No limit includes it any more, so it must not keep a descriptor.
            self._inner.lingers = False
        self.close()

    def _ended(self, error: P2PError | None) -> None:
        if error is None and self._secured and not self._closing and not self._engine.ended:
            # Without a TLS close notification, the data may have been truncated (RFC 8446, 6.1).
            error = LinkLost(f"{self.remote} broke off the connection")
        self._closing = True
        self._reading = False
        self._deadline.cancel()
        on_closed = self.on_closed
        # Release the owner: OpenSSL's memory would stay until the cycle collector runs.
        self.on_data, self.on_closed, self.on_secured = ignore, ignore, ignore
        self.on_drained = self.on_end = ignore
        on_closed(self._error or error)


class _Nothing:
    """Placeholder for a TLS engine that was handed over."""

    alpn: str | None = None
    remote_certificate: bytes | None = None
    binding = b""
    ended = False
    dialling = False

    def take(self, data: bytes | memoryview) -> None:
        """Drop the bytes."""

    def give(self) -> bytes:
        """Return nothing."""
        return b""

    def handshake(self) -> bool:
        """Return that the handshake is complete."""
        return True

    def read(self) -> bytes:
        """Return nothing."""
        return b""

    def write(self, data: bytes | memoryview) -> None:
        """Drop the bytes."""

    def close(self) -> None:
        """Do nothing."""
