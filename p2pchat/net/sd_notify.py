"""Reports our state to the service manager that started us, by sd_notify(3).

Reads no environment variables. Without an address, nothing is sent.
"""

import logging
import socket
import time
from typing import Final

from p2pchat.net.loop import Loop, Timer

_TIMEOUT_S: Final = 1.0  # long enough for a busy manager
_log = logging.getLogger(__name__)


class ServiceNotifier:
    """Notifications to the service manager at `address`: a path, `@` and an abstract name, or None.

    `watchdog` is the longest time in seconds between two signs of life that it accepts. The loop
    sends them, so none is sent if it hangs.
    """

    def __init__(self, loop: Loop, address: str | None, watchdog: float | None = None) -> None:
        self._loop = loop
        self._name = address and (f"\0{address[1:]}" if address.startswith("@") else address)
        self._watchdog = watchdog if address else None
        self._next_sign: Timer | None = None

    def ready(self, status: str) -> None:
        """Report that the service is ready; `status` is one line for the administrator."""
        self._say("READY=1", f"STATUS={status}")
        if self._watchdog is not None:
            self._give_sign(self._watchdog / 2)

    def reloading(self) -> None:
        """Report that settings are being reloaded; `reloaded` must follow."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._say("RELOADING=1", f"MONOTONIC_USEC={microseconds}")

    def reloaded(self) -> None:
        """Report that reloading is over, whether it succeeded or not."""
        self._say("READY=1")

    def stopping(self) -> None:
        """Report that the service is stopping."""
        self._say("STOPPING=1", "STATUS=stopping")

    def close(self) -> None:
        """Stop sending signs of life."""
        if self._next_sign is not None:
            self._next_sign.cancel()

    def _give_sign(self, interval: float) -> None:
        self._say("WATCHDOG=1")
        self._next_sign = self._loop.call_later(interval, lambda: self._give_sign(interval))

    def _say(self, *lines: str) -> None:
        if not self._name:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(_TIMEOUT_S)
                sock.sendto("\n".join(lines).encode(), self._name)
        except OSError as error:  # not a reason to stop serving
            _log.warning("cannot report %s to the service manager: %s", lines[0], error)
