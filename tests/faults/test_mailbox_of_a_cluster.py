"""Mailboxes that three registries share in a PostgreSQL, with real programs at them."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.profile.test_mailbox import log_in
from tests.faults.crowd import CHEAP, Member
from tests.people import People
from tests.programs import WITH_EXTRAS, Serve, running


@pytest.fixture
def nodes(database: str, tmp_path: Path) -> Iterator[list[Serve]]:
    """Yield three nodes that keep mailboxes, once the first lists the others."""
    shared = ("--database", database, "--lease", "1.5", "--hello-interval", "1")
    with ExitStack() as stack:
        made = [
            stack.enter_context(
                running(
                    Serve(tmp_path / f"n{i}", *CHEAP, *shared, "--mailbox", "1MB", env=WITH_EXTRAS)
                )
            )
            for i in range(3)
        ]
        deadline = time.monotonic() + 20
        is_known = False
        while True:
            member = Member(made[0], "first", errand=True, is_known=is_known)
            listed = member.grant["nodes"]["nodes"]
            member.close()
            if len(listed) == 2:
                break
            assert time.monotonic() < deadline, "the nodes have not heard of each other"
            is_known = True
        yield made


def test_left_lines_outlive_the_node_at_which_they_were_left(
    nodes: list[Serve], tmp_path: Path
) -> None:
    """The receiver gets them at another node, where the sender then sees that they came."""
    people = People(nodes[0], tmp_path)
    code, _, err = people.run("alice", "send", "bob", "hello")
    assert (code, "waits in bob's mailbox" in err) == (6, True)
    nodes[0].kill()
    with running(log_in(people, "bob")) as bob:
        bob.wait_for('"text": "hello".*"by": "mailbox"')
        assert bob.end()[0] == 0
    with running(log_in(people, "alice")) as alice:
        alice.wait_for('"event": "delivered".*"to": "bob"')
        assert alice.end()[0] == 0
    assert people.texts("alice", "bob")[-1] == ("alice", "hello", "delivered")
