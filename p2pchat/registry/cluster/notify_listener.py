"""Receives other nodes' notifications on a database connection that the loop watches.

Passes them on as bytes, without decoding them. Besides this module, only `store` imports psycopg.
"""

import logging
from collections.abc import Callable
from typing import Final

import psycopg

from p2pchat.errors import P2PError, StorageError
from p2pchat.net.loop import READ, Loop, Timer
from p2pchat.net.worker import Worker
from p2pchat.registry.cluster.notifications import CHANNEL
from p2pchat.registry.store.postgres import CONNECTION

_PAUSE: Final = 1.0
"""Seconds before a lost connection is tried again."""

_log = logging.getLogger(__name__)


class NotifyListener:
    """Listens until closed: calls `on_text(bytes)` for each notification, our own included.

    `on_listening()` is called whenever listening (re)starts: earlier notifications were missed.
    """

    def __init__(
        self,
        loop: Loop,
        worker: Worker,
        url: str,
        on_text: Callable[[bytes], None],
        on_listening: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._worker = worker
        self._url = url
        self._on_text = on_text
        self._on_listening = on_listening
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._descriptor = -1  # libpq closes it if the connection is lost
        self._timer: Timer | None = None
        self._closed = False
        self._deaf = False
        self._connect()

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._hang_up()

    def _connect(self) -> None:
        self._timer = None
        if not self._worker.submit(self._dial, self._connected, self._lost):
            self._later()

    def _dial(self) -> psycopg.Connection[tuple[object, ...]]:
        """Connect and listen; runs on a worker thread."""
        try:
            connection = psycopg.connect(self._url, autocommit=True, **CONNECTION)
            connection.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error as error:
            raise StorageError(" ".join(str(error).split())) from error
        return connection

    def _connected(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        if self._closed:
            connection.close()
            return
        self._connection = connection
        self._descriptor = connection.fileno()
        if self._deaf:
            _log.warning("other nodes are heard again")
        self._deaf = False
        self._loop.watch(self._descriptor, READ, self._ready)
        self._on_listening()
        self._hear()

    def _ready(self, _: int) -> None:
        assert self._connection is not None
        try:
            self._connection.pgconn.consume_input()
        except psycopg.Error as error:
            self._lost(StorageError(" ".join(str(error).split())))
            return
        self._hear()

    def _hear(self) -> None:
        while self._connection is not None:
            notification = self._connection.pgconn.notifies()
            if notification is None:
                return
            self._on_text(notification.extra)

    def _lost(self, error: P2PError) -> None:
        if self._closed:
            return
        if not self._deaf:
            _log.warning("other nodes are not heard: %s", error.what)
        self._deaf = True
        self._hang_up()
        self._later()

    def _later(self) -> None:
        self._timer = self._loop.call_later(_PAUSE, self._connect)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._loop.unwatch(self._descriptor)
            self._connection.close()
            self._connection = None
