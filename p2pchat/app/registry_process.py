"""Composition root of a registry: builds a running registry from its parts."""

import logging
import secrets
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from p2pchat.app.registry_files import own_certificate, registry_database
from p2pchat.app.settings import JOIN_LINK, private_folder
from p2pchat.callbacks import ignore
from p2pchat.errors import StorageError, UsageError
from p2pchat.net.endpoints import SocketNetwork
from p2pchat.net.http_page import PageListener
from p2pchat.net.loop import Loop
from p2pchat.net.tls.certificates import fingerprint_of_file, make_certificate, server_context
from p2pchat.net.tls.engine import StandardEngine
from p2pchat.net.tls.signing import Signer
from p2pchat.net.worker import ThreadWorker
from p2pchat.private_files import refuse_unless_private_file, replace_private
from p2pchat.protocol.address import Address
from p2pchat.registry.server.admin_socket import AdminSocket
from p2pchat.registry.server.server import DialectListener, Server
from p2pchat.registry.service.auth import Registration
from p2pchat.registry.service.directory import Directory, MemoryDirectory
from p2pchat.registry.service.limits import Limits
from p2pchat.registry.service.mailbox_service import MailboxSettings
from p2pchat.registry.service.node_lists import NodeLists
from p2pchat.registry.service.presence import PresenceTable
from p2pchat.registry.service.service import Service
from p2pchat.registry.store.accounts import Accounts
from p2pchat.registry.store.mailboxes import Mailboxes
from p2pchat.registry.store.passwords import STANDARD_COST, Cost, Passwords
from p2pchat.registry.store.stores import open_file, open_shared
from p2pchat.storage import Store

if TYPE_CHECKING:  # it needs the extra `postgres`
    from p2pchat.registry.cluster.node import ClusterNode

_SHARED_THREADS: Final = 4
_SHARED_PATIENCE: Final = 4.0
_HANDSHAKES_WAITING: Final = 64
_STOP_TIMEOUT: Final = 1.0
"""Seconds to wait for work that cannot be cancelled, such as a hanging database."""


_SWEEP_EVERY: Final = 3600.0

_log: Final = logging.getLogger(__name__)


class RunningRegistry:
    """A registry with its files in `folder`; open listeners of `server`, `begin`, run the loop.

    `patience` is in seconds. `database` is the URL of a database shared with other nodes, each of
    which has a lease of `lease` seconds; without it, accounts are in a file in the folder.
    `relays`: join users who cannot dial each other. `mailbox`: what is kept for users who are
    offline. Raise StorageError, UsageError. Call `close`
    when `stopped`, or on an error.
    """

    def __init__(
        self,
        loop: Loop,
        folder: Path,
        *,
        hello_interval: float = 60.0,
        patience: float = 150.0,
        cost: Cost = STANDARD_COST,
        limits: Limits = Limits(),  # noqa: B008  # a frozen value
        registration: Registration = Registration.OPEN,
        database: str | None = None,
        lease: float = 15.0,
        relays: bool = True,
        mailbox: MailboxSettings = MailboxSettings(),  # noqa: B008  # a frozen value
    ) -> None:
        private_folder(folder)
        self._loop = loop
        self._folder = folder
        self._certificate: tuple[Path, Path] | None = None
        self._mailbox = mailbox
        self.stopped = False
        with ExitStack() as opened:
            self._put_together(
                opened, hello_interval, patience, cost, limits, registration, database, lease
            )
            self._service.meetings.relays = relays
            self._closing = opened.pop_all()

    def _put_together(
        self,
        opened: ExitStack,
        hello_interval: float,
        patience: float,
        cost: Cost,
        limits: Limits,
        registration: Registration,
        database: str | None,
        lease: float,
    ) -> None:
        """Create the parts; `opened` closes those that exist if one of them fails."""
        loop = self._loop
        self._store = (
            open_shared(database)
            if database
            else open_file(registry_database(self._folder), alone=True)
        )
        opened.callback(self._store.release)
        accounts = Accounts(self._store, Passwords(cost))
        self._presence = presence = PresenceTable(patience, loop.call_soon)
        self._lists = NodeLists()
        self._worker = ThreadWorker(
            loop,
            threads=_SHARED_THREADS if database else 2,
            waiting=limits.password_queue,
            around_thread=self._store.in_thread,
            patience=_SHARED_PATIENCE if database else None,
        )
        opened.callback(self._worker.close, _STOP_TIMEOUT if database else None)
        self._shared: ClusterNode | None = None
        directory: Directory
        if database:
            self._shared = _share(loop, self._store, database, presence, self._lists, lease)
            opened.callback(self._shared.close, _STOP_TIMEOUT)
            directory = self._shared.cluster
        else:
            directory = MemoryDirectory(accounts.standings(), self._lists)
        boxes = Mailboxes(self._store, self._mailbox.quotas(limits))
        self._service = service = Service(
            accounts,
            directory,
            presence,
            loop.now,
            hello_interval,
            limits,
            registration,
            boxes=boxes if self._mailbox.bytes else None,
        )
        self._sweep(boxes)  # also what is left of earlier mailboxes
        if self._shared is not None:
            self._shared.cluster.on_log_out = service.log_out
            self._shared.cluster.on_box_news = service.mailbox.tell_here
        self._network = SocketNetwork(loop, self._worker)
        self.server = Server(loop, self._network, self._worker, service, limits)
        opened.callback(self.server.close)
        desk = AdminSocket(
            loop,
            self._folder,
            worker=self._worker,
            accounts=accounts,
            directory=directory,
            presence=presence,
            service=service,
        )
        opened.callback(desk.close)

    def _sweep(self, boxes: Mailboxes) -> None:
        """Delete what has expired in mailboxes, now and every hour."""
        self._loop.call_later(_SWEEP_EVERY, partial(self._sweep, boxes))
        job = partial(boxes.delete_expired, int(time.time()))
        self._worker.submit(job, ignore, lambda error: _log.warning("%s", error))

    def open_secure(
        self, tcp: Address, udp_port: int | None, certificate: tuple[Path, Path] | None = None
    ) -> tuple[DialectListener, str]:
        """Open the secure listener; return it, and its certificate's fingerprint.

        `certificate` are the files of a certificate and its key; without them, a self-signed one is
        used, and created if missing. Raise BindError, StorageError.
        """
        if certificate is None:
            certificate = own_certificate(self._folder)
            if not all(file.exists() for file in certificate):
                make_certificate(*certificate, "p2pchat registry")
            refuse_unless_private_file(certificate[1])
        self._certificate = certificate
        self._use_certificate(certificate)
        # Not the worker of passwords, which may keep others waiting. With a short queue: under a
        # flood the loop shakes hands itself, and takes no more than it can.
        handshakes = ThreadWorker(self._loop, waiting=_HANDSHAKES_WAITING)
        self._closing.callback(handshakes.close)
        listener = self.server.open_secure(tcp, udp_port, self._new_engine, handshakes)
        return listener, fingerprint_of_file(certificate[0])

    def _use_certificate(self, certificate: tuple[Path, Path]) -> None:
        """Present this certificate from now on. Raise StorageError, changing nothing."""
        context, signer = server_context(*certificate), Signer(certificate[1])
        self._context, self._lists.signer = context, signer

    def _new_engine(self) -> tuple[StandardEngine, str]:
        assert self._lists.signer is not None
        return StandardEngine(self._context), self._lists.signer.fingerprint

    def reload(self, limits: Limits, registration: Registration) -> None:
        """Reload the certificate from its files and apply these settings, without closing
        connections.

        Raise StorageError, changing nothing, if the certificate cannot be used.
        """
        if self._certificate is not None:
            self._use_certificate(self._certificate)
            if self._shared is not None:
                fingerprint = fingerprint_of_file(self._certificate[0])
                cluster = self._shared.cluster
                cluster.url = f"{cluster.url.partition('#')[0]}#{fingerprint}"
        self._worker.reconfigure(limits.password_queue)
        self._service.reconfigure(limits, registration)
        if self._service.mailbox.boxes is not None:
            self._service.mailbox.boxes.quotas = self._mailbox.quotas(limits)
        self.server.reconfigure(limits)

    def open_metrics(self, address: Address) -> Address:
        """Serve the metrics page; return its address. Raise BindError, UsageError."""
        try:
            from p2pchat.registry.server.metrics import CONTENT_TYPE, Metrics
        except ImportError as error:
            raise UsageError(
                "metrics support is not installed", advice="pip install 'p2pchat[metrics]'"
            ) from error
        metrics = Metrics(
            self._loop,
            presence=self._presence,
            server=self.server,
            worker=self._worker,
            counters=self._service.counters,
            boxes=self._service.mailbox.boxes,
        )
        self._closing.callback(metrics.close)
        listener = PageListener(
            self._loop, self._network, address, "/metrics", CONTENT_TYPE, metrics.page
        )
        self._closing.callback(listener.close)
        return listener.address

    def begin(self, join: str) -> None:
        """Join the other nodes, if any; `join` is the link by which clients join here.

        The link is saved in the folder, for `p2p invite` on this machine. Raise StorageError.
        """
        file = self._folder / JOIN_LINK
        try:
            replace_private(file, f"{join}\n".encode())
        except OSError as error:
            raise StorageError(f"{file} cannot be written: {error.strerror}") from error
        if self._shared is not None:
            self._shared.begin(join)

    def stop(self) -> None:
        """Begin to stop; the loop must run on until `stopped`."""
        self.server.stop(self._hung_up)

    def close(self) -> None:
        """Close listeners and links that are still open, and the database after its last write."""
        self._closing.close()

    def _hung_up(self) -> None:
        if self._shared is None:
            self._note_stopped()
        else:
            self._shared.cluster.stop(self._note_stopped)
            self._loop.call_later(_STOP_TIMEOUT, self._note_stopped)

    def _note_stopped(self) -> None:
        self.stopped = True


def _share(
    loop: Loop, store: Store, url: str, presence: PresenceTable, lists: NodeLists, lease: float
) -> "ClusterNode":
    """Return the cluster part of a node that shares its database."""
    from p2pchat.registry.cluster.node import ClusterNode

    return ClusterNode(loop, store, url, presence, lists, node=secrets.randbits(63), lease=lease)
