"""A registry node that shares its database: its worker, its notifications, its lease."""

from typing import Final

from p2pchat.net.loop import Loop
from p2pchat.net.worker import ThreadWorker
from p2pchat.registry.cluster.cluster import Cluster
from p2pchat.registry.cluster.notify_listener import NotifyListener
from p2pchat.registry.cluster.presence_store import PresenceStore
from p2pchat.registry.service.node_lists import NodeLists
from p2pchat.registry.service.presence import PresenceTable
from p2pchat.storage import Store

_THREADS: Final = 2


class ClusterNode:
    """Node number `node` of those that share the database at `url`, with a lease in seconds.

    Work that no client waits for has its own threads, which may wait long for the database.
    """

    def __init__(
        self,
        loop: Loop,
        store: Store,
        url: str,
        presence: PresenceTable,
        lists: NodeLists,
        *,
        node: int,
        lease: float,
    ) -> None:
        self._loop = loop
        self._url = url
        self._worker = ThreadWorker(
            loop, threads=_THREADS, waiting=0, around_thread=store.in_thread
        )
        table = PresenceStore(store, node, lease)
        self.cluster = Cluster(loop, self._worker, table, presence, lists, node=node, lease=lease)
        self._listener: NotifyListener | None = None

    def begin(self, join: str) -> None:
        """Take a lease and begin to listen. Raise StorageError."""
        self.cluster.begin(join)
        cluster = self.cluster
        self._listener = NotifyListener(
            self._loop, self._worker, self._url, cluster.hear, cluster.listening
        )

    def close(self, timeout: float) -> None:
        """Stop listening, and wait up to `timeout` seconds for pending writes."""
        if self._listener is not None:
            self._listener.close()
        self._worker.close(timeout)
