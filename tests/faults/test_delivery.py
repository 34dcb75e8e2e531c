"""Real processes with cut, dripping, delayed and stalled connections and `kill -9`: no line is
lost, repeated or moved.

`P2PCHAT_LINES=10000 P2PCHAT_KILLS=100` makes the test long.
"""

import json
import os
import random
import socket

import pytest

from tests.faults.proxy import Proxy
from tests.people import People
from tests.programs import Program

_ENVIRONMENT = os.environ  # noqa: TID251  # how long
LINES = int(_ENVIRONMENT.get("P2PCHAT_LINES", "1000"))
KILLS = int(_ENVIRONMENT.get("P2PCHAT_KILLS", "3"))
SEED = int(_ENVIRONMENT.get("P2PCHAT_SEED", "1"))
_PER_LIFE = LINES // (KILLS + 1)


def free_port() -> int:
    with socket.create_server(("127.0.0.2", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def start_bob(people: People, port: int) -> Program:
    """Start bob, who listens at one address and is published at the proxy's."""
    where = ("--peer-host", "127.0.0.2", "--peer-port", str(port))
    return people.start("bob", "--headless", "--limit", "calls-per-minute=0", *where)


@pytest.mark.timeout(30 * (KILLS + 1))
def test_every_kept_line_arrives_once_in_order(people: People) -> None:
    """Either side is killed at random moments; every line a sender kept arrives once, in order."""
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    port = free_port()
    proxy = Proxy(("127.0.0.1", port), ("127.0.0.2", port), SEED, longest=15_000)
    bob = start_bob(people, port)
    try:
        n = 0
        for kill in range(KILLS + 1):
            alice = people.start("alice", "--limit", "calls-per-minute=0")
            alice.type("/chat bob")
            typed = _PER_LIFE if kill < KILLS else LINES - n
            for _ in range(typed):
                n += 1
                alice.type(f"line {n}")
            if kill == KILLS:
                proxy.gentle = True
                assert alice.end()[0] == 0  # at the end of input everything is delivered
            else:
                if rng.random() < 0.7:
                    wait_for_some(people, rng.randrange(n))
                victim = rng.choice((alice, bob))
                victim.kill()
                if victim is bob:
                    bob = start_bob(people, port)
                    alice.kill()
        bob.kill()
    finally:
        proxy.close()
        bob.kill()
    kept = [text for _, text, state in outgoing(people) if state == "delivered"]
    assert len(kept) == len(outgoing(people)), "a line is not known to be delivered"
    received = [text for sender, text, _ in people.texts("bob", "alice") if sender == "alice"]
    faults = f"{proxy.cuts} cuts, {proxy.delays} delays, {proxy.stalls} stalls, {KILLS} kills"
    print(f"{len(kept)} lines kept of {LINES} typed, {faults}")
    assert received == kept
    assert len(set(received)) == len(received)
    assert proxy.cuts > 0
    assert proxy.delays > 0
    assert proxy.stalls > 0


def outgoing(people: People) -> list[tuple[str, str, str]]:
    return [line for line in people.texts("alice", "bob") if line[0] == "alice"]


def wait_for_some(people: People, count: int) -> None:
    """Wait until bob has stored this many of the typed lines, if they arrive at all."""
    for _ in range(20):
        status = people.run("bob", "status", "--json")[1]
        if json.loads(status[0])["unread"].get("alice", 0) >= count:
            return
