"""Notifications of a real PostgreSQL reach the loop, also after the connection was lost."""

import psycopg

from p2pchat.net.loop import Loop
from p2pchat.net.worker import ThreadWorker
from p2pchat.registry.cluster.notify_listener import NotifyListener
from tests.postgres import end_connections


def test_notifications_are_received_again_after_a_loss(real_loop: Loop, database: str) -> None:
    """`on_listening` is called on every connect, since notifications may have been missed."""
    worker = ThreadWorker(real_loop, waiting=0)
    heard: list[bytes] = []
    listening: list[bool] = []
    bulletin = NotifyListener(
        real_loop, worker, database, heard.append, lambda: listening.append(True)
    )
    with psycopg.connect(database, autocommit=True) as other:
        real_loop.run_until(lambda: bool(listening))
        for text in ("one", "two"):
            other.execute("SELECT pg_notify('p2pchat', %s)", (text,))
        real_loop.run_until(lambda: len(heard) == 2)
    end_connections(database)
    real_loop.run_until(lambda: len(listening) == 2)
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("NOTIFY p2pchat, 'three'")
    real_loop.run_until(lambda: len(heard) == 3)
    assert heard == [b"one", b"two", b"three"]
    bulletin.close()
    worker.close()
