"""Notifications between nodes fit into PostgreSQL's limit, and malformed ones are ignored."""

import random

from p2pchat.protocol.meeting import Meeting
from p2pchat.protocol.messages import Presence, SearchResult
from p2pchat.registry.cluster.notifications import (
    LoggedOut,
    Met,
    Moved,
    Notification,
    decode,
    encode,
)


def test_many_notifications_are_split_in_order() -> None:
    """Many notifications are split into texts below PostgreSQL's limit of 8000 bytes, in order."""
    rng = random.Random(1)
    news: list[Notification] = [
        Moved(
            f"user{i}" * 5,
            i,
            SearchResult(Presence.ONLINE, "fe80::1234", 1 + i, rng.randbytes(32), in_clear=False),
        )
        for i in range(500)
    ]
    news += [Met("bob", 1, Meeting("carol", rng.randbytes(16), "p2p://h:1#f"))]
    texts = list(encode([*news, LoggedOut("bob", 1)]))
    assert len(texts) > 1
    assert max(len(text.encode()) for text in texts) < 8000
    assert [n for text in texts for n in decode(text.encode())] == [*news, LoggedOut("bob", 1)]
    assert list(encode([])) == []


def test_malformed_notifications_are_ignored() -> None:
    """Malformed notifications are ignored, since any user of the database can send them."""
    for text in (b"", b"{}", b"hello", b'[{"type":"moved"}]', b"\xff"):
        assert decode(text) == []
