"""Many lines at once cost as many queries as a few."""

import sqlite3
from typing import Any

import pytest

from p2pchat.protocol.client.events import TextReceived
from tests.peer.chat.test_conversations import friends
from tests.world import World

FEW, MANY = 2, 200


def test_queries_do_not_grow_with_the_lines(
    secure_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither at the sender nor at the receiver; each line is only inserted."""
    queries: list[str] = []
    connect = sqlite3.connect

    def traced(*given: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*given, **named)
        connection.set_trace_callback(queries.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    alice, bob = friends(secure_world)
    counts = []
    for count in (FEW, FEW, MANY):  # the first time, more is read than later
        queries.clear()
        for n in range(count):
            alice.say(f"line {n}")
        secure_world.settle()
        counts.append(sum(said.startswith("SELECT") for said in queries))
    texts = [event.text for event in bob.all_events if isinstance(event, TextReceived)]
    assert texts[-MANY:] == [f"line {n}" for n in range(MANY)]
    print(f"{counts} queries")
    assert 0 < counts[-1] <= 2 * counts[-2]
