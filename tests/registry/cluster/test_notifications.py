"""What nodes tell each other fits into notifications, and garbage is nothing."""

import random

from p2pchat.protocol.messages import Presence, SearchResult
from p2pchat.registry.cluster.notifications import LoggedOut, Moved, decode, encode


def test_news_of_many_come_in_pieces_and_in_order() -> None:
    """PostgreSQL takes less than 8000 bytes at once."""
    rng = random.Random(1)
    news = [
        Moved(
            f"user{i}" * 5,
            i,
            SearchResult(Presence.ONLINE, "fe80::1234", 1 + i, rng.randbytes(32), in_clear=False),
        )
        for i in range(500)
    ]
    texts = list(encode([*news, LoggedOut("bob", 1)]))
    assert len(texts) > 1
    assert max(len(text.encode()) for text in texts) < 8000
    assert [n for text in texts for n in decode(text.encode())] == [*news, LoggedOut("bob", 1)]
    assert list(encode([])) == []


def test_what_others_notify_is_no_news() -> None:
    """Anybody who may use the database can write to the channel."""
    for text in (b"", b"{}", b"hello", b'[{"type":"moved"}]', b"\xff"):
        assert decode(text) == []
