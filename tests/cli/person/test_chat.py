"""`p2p chat` beside a node that is killed: the exit code and the error say what became of it."""

import json
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.people import People
from tests.programs import Program, running

NODE_ENDED = "the process that was your node has ended"


@contextmanager
def killed_at(people: People, order: bytes, *, carried_out: bool) -> Iterator[Program]:
    """Yield alice's node, which is killed when a client gives such an order.

    Either the order never arrives, or its answer does not.
    """
    with running(people.start("alice", "--headless")) as node:
        (path,) = Path(people.env["alice"]["P2P_HOME"], "run").glob("*.sock")
        theirs = path.with_suffix(".real")
        path.rename(theirs)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        thread = threading.Thread(
            target=_carry, args=(listener, theirs, node, b'"order":"' + order + b'"', carried_out)
        )
        thread.start()
        yield node
        thread.join()
        path.unlink()


def _carry(
    listener: socket.socket, theirs: Path, node: Program, order: bytes, carried_out: bool
) -> None:
    """Carry the bytes of one client and its node, and kill the node at the order or its answer."""
    with listener, listener.accept()[0] as client, socket.socket(socket.AF_UNIX) as onward:
        onward.connect(str(theirs))
        ordered = False
        while True:
            for one in select.select([client, onward], [], [])[0]:
                data = one.recv(65536)
                ordered = ordered or order in data
                if not data or (ordered and (not carried_out or b'"result"' in data)):
                    node.kill()
                    return
                if one is client:
                    onward.sendall(data)
                elif not ordered:
                    client.sendall(data)


def as_orders(lines: str) -> str:
    """Return plain lines as the orders of `p2p chat --json`."""
    words = {"/search bob": {"command": "search", "user": "bob"}, "/quit": {"command": "quit"}}
    orders = (words.get(line, {"command": "send", "text": line}) for line in lines.splitlines())
    return "".join(json.dumps(order) + "\n" for order in orders)


@pytest.mark.parametrize("as_json", [False, True], ids=["plain", "json"])
@pytest.mark.parametrize(
    ("order", "carried_out", "lines", "code", "said", "kept"),
    [
        ("open", False, "one\n", 3, "1 line was not sent", []),
        ("say", False, "one\n", 3, "1 line was not sent", []),
        ("say", True, "one\n", 6, "1 line waits until you are both online", ["one"]),
        ("close", False, "one\n", 6, "1 line waits until you are both online", ["one"]),
        ("close", True, "one\n", 6, "1 line waits until you are both online", ["one"]),
        ("say", True, "one\n/quit\n", 6, "1 line waits until you are both online", ["one"]),
        ("search", False, "one\n/search bob\n", 6, "1 line waits until you are", ["one"]),
        ("say", True, "one\n/search bob\n", 6, "1 line waits until you are", ["one"]),
        ("search", False, "/search bob\n", 3, "your node has ended\n", []),
        ("search", False, "/search bob\none\n", 3, "1 line was not sent", []),
        ("close", False, "", 0, "", []),
    ],
)
def test_killed_node(
    people: People,
    as_json: bool,
    order: str,
    carried_out: bool,
    lines: str,
    code: int,
    said: str,
    kept: list[str],
) -> None:
    """Lines on disk are never reported as lost, and what was not done never as done."""
    if as_json:
        lines = as_orders(lines)
        order = "send" if order == "say" else order
    else:
        lines = lines or "\n"  # else stdin would not be empty, but closed
    with killed_at(people, order.encode(), carried_out=carried_out):
        ended, _, err = people.run(
            "alice", "chat", "bob", *(["--json"] if as_json else []), stdin=lines
        )
    assert (ended, [text for _, text, _ in people.texts("alice", "bob")][1:]) == (code, kept)
    assert (NODE_ENDED if code else "") in err
    assert said in err


@pytest.mark.parametrize("as_json", [False, True], ids=["plain", "json"])
def test_node_killed_once_everything_is_delivered(people: People, as_json: bool) -> None:
    """A delivered line is a success, also if the node ends before the chat does."""
    lines, options = (as_orders("one"), ["--json"]) if as_json else ("one\n", [])
    with running(people.start("bob")), killed_at(people, b"close", carried_out=False):
        assert people.run("alice", "chat", "bob", *options, stdin=lines)[0] == 0
    assert people.texts("alice", "bob")[1:] == [("alice", "one", "delivered")]


def test_node_killed_before_a_line_for_another_is_stored(people: People) -> None:
    """What a program sends to others in a chat is not forgotten."""
    order = json.dumps({"command": "send", "to": "alice", "text": "a note"}) + "\n"
    with killed_at(people, b"send", carried_out=False):
        code, _, err = people.run("alice", "chat", "bob", "--json", stdin=order)
    assert (code, NODE_ENDED in err) == (3, True)
