"""A hostile contact offers files, gives wrong ones, and asks for what is not its own."""

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.peer import HostileContact, hear, sync
from tests.hostile.test_peer_at_node import Victim, acquaintance, victim
from tests.programs import Program, Raw, running

__all__ = ["acquaintance", "victim"]  # fixtures

PIECE = 1024 * 1024
NO_FILE = base64.b64encode(bytes(32)).decode()


def number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def root_of(size: int, sums: list[bytes]) -> bytes:
    """Return the root as PROTOCOL has it."""
    return hashlib.sha256(b"p2pchat file 1\0" + number(size) + b"".join(sums)).digest()


class Attack:
    """Alice's node, a program that she reads, and mallory's link to it."""

    def __init__(self, victim: Victim, *, accept: str = "ask") -> None:
        victim.env["P2P_ACCEPT"] = accept
        self.victim = victim
        self.mallory: HostileContact = victim.mallory
        self.home = Path(victim.env["HOME"])
        self.node = Program("login", "--json", env=victim.env)
        self.port = int(self.node.wait_for(r"listening\W.*?127\.0\.0\.1:(\d+)")[1])
        self.count = 0
        self.link = self.call()

    def call(self) -> Raw:
        link = self.mallory.call(self.port, can=["files"])
        self.count = sync(link)["last_in"]
        return link

    @property
    def inbox(self) -> Path:
        return self.home / "Downloads" / "p2pchat" / "mallory"

    def offer(self, **offer: Any) -> str:
        """Offer something; return the id of the line."""
        self.count += 1
        line_id = f"o{os.urandom(6).hex()}"
        fields = {"text": "x", "seq": self.count, "id": line_id, "at": 1, "offer": offer}
        self.link.say("MSG", json.dumps(fields))
        return line_id

    def get(self) -> dict[str, Any]:
        """Let alice accept the last offer; return what her node asks for."""
        offered = json.loads(self.node.wait_for('"file_offered"').string)
        self.node.type(json.dumps({"command": "get", "transfer": offered["transfer"]}))
        return hear(self.link, "FILE_GET")

    def data_link(self, asked: dict[str, Any], **other: Any) -> Raw:
        """Open the data link that was asked for."""
        link = self.mallory.dial(self.port)
        request = {
            "offer": asked["offer"],
            "username": "mallory",
            "to": "alice",
            "ticket": asked["ticket"],
        }
        link.say("DATA_REQ", json.dumps(request | other))
        return link

    def is_well(self) -> bool:
        """Return whether the conversation and the node are unharmed, and nothing got a name."""
        self.count += 1
        line = {"text": "still here", "seq": self.count, "id": f"m{self.count}", "at": 1}
        self.link.say("MSG", json.dumps(line))
        self.node.wait_for("still here")
        assert self.victim.status["internal_errors"] == 0
        names = list(self.inbox.iterdir()) if self.inbox.exists() else []
        return all(entry.name.startswith(".") for entry in names)


@pytest.fixture
def attack(victim: Victim) -> Iterator[Attack]:
    """Yield an attack on a node that asks its user."""
    attack = Attack(victim)
    with running(attack.node):
        yield attack


NAMES = (
    "../../../.bashrc",
    "/etc/cron.d/x",
    "..",
    ".ssh",
    "a/b",
    "a\\b",
    "a\u0000b",
    "a\u202egpj.exe",
    "\x1b]0;x\x07",
    "CON",
    "x" * 255,
    "é" * 127,
    " ",
)


def test_names(attack: Attack) -> None:
    """Whatever the name, the file is in the contact's folder, under one safe component."""
    there = set()
    for name in NAMES:
        attack.offer(name=name, size=2, inline=base64.b64encode(b"hi").decode())
        offered = json.loads(attack.node.wait_for('"file_offered"').string)
        assert offered["name"].isprintable(), name
        attack.node.type(json.dumps({"command": "get", "transfer": offered["transfer"]}))
        received = json.loads(attack.node.wait_for('"file_received"').string)
        path = Path(received["path"])
        assert path.parent == attack.inbox, name
        assert path.read_bytes() == b"hi", name
        assert not path.name.startswith("."), name
        there.add(path.name)
    assert len(there) == len(NAMES)
    assert {entry.name for entry in attack.inbox.iterdir() if entry.name[0] != "."} == there


NO_OFFERS: tuple[Any, ...] = (
    {"name": "a", "size": -1},
    {"name": "", "size": 1},
    {"name": "a", "size": 2**60},
    {"name": "a", "size": 1, "inline": "aGk="},
    {"name": "a", "size": 70_000, "inline": "A" * 93_336},
    {"name": "a", "size": 1, "folder": True},
    {"name": ["a"], "size": 1},
    {"size": 1},
    7,
)


def test_offers_that_are_none(attack: Attack) -> None:
    """They close the link, and nothing else."""
    for offer in NO_OFFERS:
        fields = {"text": "x", "seq": attack.count + 1, "id": "o1", "at": 1, "offer": offer}
        attack.link.say("MSG", json.dumps(fields))
        while not attack.link.closed_by_remote():
            pass
        attack.link = attack.call()
        assert attack.is_well(), offer


BYTES = os.urandom(PIECE + 10)
SUMS = [hashlib.sha256(BYTES[:PIECE]).digest(), hashlib.sha256(BYTES[PIECE:]).digest()]
FRAMES = [("PIECE", BYTES[at : at + 65536]) for at in range(0, PIECE, 65536)]
FROM_0 = ("FILE_FROM", number(0) + number(0))


WRONG: tuple[list[tuple[str, bytes]], ...] = (
    [("FILE_FROM", number(1) + number(0))],
    [("FILE_FROM", number(2**63) + number(2**63))],
    [("FILE_FROM", number(0) + number(9)), ("FILE_LIST", b"[]       ")],
    [FROM_0, FROM_0],
    [FROM_0, ("FILE_LIST", b"x")],
    [("PIECE", b"x")],
    [FROM_0, *FRAMES, ("PIECE_SUM", bytes(32))],
    [FROM_0, *FRAMES, *FRAMES],
    [FROM_0, *FRAMES, ("PIECE_SUM", SUMS[0]), ("FILE_END", root_of(len(BYTES), SUMS))],
    [
        FROM_0,
        *FRAMES,
        ("PIECE_SUM", SUMS[0]),
        ("PIECE", BYTES[PIECE:]),
        ("PIECE_SUM", SUMS[1]),
        ("FILE_END", bytes(32)),
    ],
    [FROM_0, ("FILE_DONE", bytes(32))],
    [("MSG", b"{}")],
    [FROM_0, ("PIECE", b"x" * 65537)],
    [FROM_0, ("PIECE", b"x")],
    [FROM_0, ("PIECE", b"")],
    [("FILE_FROM", number(0) + number(9)), ("FILE_LIST", b"")],
)


def test_wrong_bytes(attack: Attack) -> None:
    """The data link is closed; nothing gets a name, and the node asks again."""
    for said in WRONG:
        attack.offer(name="a", size=len(BYTES))
        asked = attack.get()
        data = attack.data_link(asked)
        assert data.hear()[0] == "CHAT_REQ_RESP"
        for command, payload in said:
            try:
                data.say(command, payload)
            except OSError:
                break  # it has closed the link already
        with suppress(OSError):
            while not data.closed_by_remote():
                pass
        attack.link.say("FILE_NO", json.dumps({"offer": asked["offer"], "reason": "CANCELLED"}))
        attack.node.wait_for('"file_failed"')
        assert attack.is_well(), said


def test_damaged_bytes_are_asked_for_again(attack: Attack) -> None:
    """Three times; then the transfer has failed."""
    attack.offer(name="a", size=len(BYTES))
    asked = attack.get()
    for turn in range(3):
        data = attack.data_link(asked)
        data.hear()
        for command, payload in (FROM_0, *FRAMES, ("PIECE_SUM", bytes(32))):
            data.say(command, payload)
        if not data.closed_by_remote():
            pytest.fail("it goes on")
        if turn < 2:
            asked = hear(attack.link, "FILE_GET")
    attack.node.wait_for('"file_failed"')
    assert attack.is_well()


def test_tickets(attack: Attack) -> None:
    """One that is not expected, of another offer or name, or used before, is of no use."""
    line_id = attack.offer(name="a", size=len(BYTES))
    asked = attack.get()
    wrong = base64.b64encode(bytes(16)).decode()
    for other in ({"ticket": wrong}, {"offer": "o9"}, {"to": "bob"}, {"instead": True}):
        data = attack.data_link(asked, **other)
        assert json.loads(data.hear()[1])["reply"] == "REJECT", other
    data = attack.data_link(asked)
    assert json.loads(data.hear()[1])["reply"] == "ACCEPT"
    assert json.loads(attack.data_link(asked).hear()[1])["reply"] == "REJECT"
    data.say("FILE_FROM", number(0) + number(0))
    for frames, total in ((FRAMES, SUMS[0]), ([("PIECE", BYTES[PIECE:])], SUMS[1])):
        for command, payload in frames:
            data.say(command, payload)
        data.say("PIECE_SUM", total)
    data.say("FILE_END", root_of(len(BYTES), SUMS))
    received = json.loads(attack.node.wait_for('"file_received"').string)
    assert Path(received["path"]).read_bytes() == BYTES
    done = hear(attack.link, "FILE_DONE")
    assert (done["offer"], done["root"]) == (
        line_id,
        base64.b64encode(root_of(len(BYTES), SUMS)).decode(),
    )


MALFORMED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("FILE_GET", {"offer": "o1"}),
    ("FILE_GET", {"offer": "o1", "ticket": "AAAA", "root": NO_FILE}),
    ("FILE_NO", {"offer": "o1", "reason": "WHATEVER"}),
    ("FILE_NO", {"offer": "a b"}),
    ("FILE_DONE", {"offer": "o1"}),
    ("DATA_REQ", {"offer": "o1"}),
    ("DATA_GO", {}),
)


def test_malformed_messages(attack: Attack) -> None:
    """They close the link, and nothing else."""
    for command, payload in MALFORMED:
        attack.link.say(command, json.dumps(payload))
        while not attack.link.closed_by_remote():
            pass
        attack.link = attack.call()
        assert attack.is_well(), (command, payload)


def test_about_what_was_never_offered(attack: Attack) -> None:
    """It is not there, and says so; news of it is no news."""
    ticket = base64.b64encode(bytes(16)).decode()
    attack.link.say("FILE_GET", json.dumps({"offer": "o1", "ticket": ticket, "root": NO_FILE}))
    assert hear(attack.link, "FILE_NO") == {"offer": "o1", "reason": "GONE"}
    for command, more in (("FILE_DONE", {"root": NO_FILE}), ("FILE_NO", {"reason": "BUSY"})):
        attack.link.say(command, json.dumps({"offer": "o1", **more}))
        attack.link.say(command, json.dumps({"offer": "o1", "heard": True, **more}))
    assert attack.is_well()


def test_hostile_receiver(attack: Attack, tmp_path: Path) -> None:
    """It gets the bytes that were offered to it, whatever it claims to have; the path never."""
    path = tmp_path / "secret-folder" / "report.pdf"
    path.parent.mkdir()
    path.write_bytes(BYTES)
    attack.node.type(json.dumps({"command": "send-file", "to": "mallory", "path": str(path)}))
    line = hear(attack.link, "MSG")
    assert "secret-folder" not in json.dumps(line)
    ticket = base64.b64encode(b"t" * 16).decode()
    wrong = {"offer": line["id"], "ticket": ticket, "pieces": 1, "root": NO_FILE}
    attack.link.say("FILE_GET", json.dumps(wrong))
    data = attack.data_link({"offer": line["id"], "ticket": ticket})
    assert json.loads(data.hear()[1])["reply"] == "ACCEPT"
    data.say("DATA_GO", "{}")
    assert raw(data) == ("FILE_FROM", number(0) + number(0))
    got = b""
    while (heard := raw(data))[0] != "FILE_END":
        got += heard[1] if heard[0] == "PIECE" else b""
    assert got == BYTES
    assert heard[1] == root_of(len(BYTES), SUMS)
    data.say("FILE_DONE", bytes(32))
    while not data.closed_by_remote():
        pass
    assert "file_delivered" not in "\n".join(attack.node.said)
    assert attack.is_well()


def test_folder_with_another_list(attack: Attack) -> None:
    """No list but the offered one, and none that leads out of its folder."""
    listing = b'{"path":"../../evil","size":2}\n'
    attack.offer(
        name="f",
        size=2,
        folder=True,
        files=1,
        listing=base64.b64encode(hashlib.sha256(listing).digest()).decode(),
    )
    data = attack.data_link(attack.get())
    assert data.hear()[0] == "CHAT_REQ_RESP"
    data.say("FILE_FROM", number(0) + number(len(listing)))
    data.say("FILE_LIST", listing)
    while not data.closed_by_remote():
        pass
    assert not list(attack.home.rglob("*evil*"))
    assert attack.is_well()


def test_many_offers(attack: Attack) -> None:
    """The oldest are declined; the disk does not fill."""
    for n in range(60):
        attack.offer(name=f"{n}", size=65536, inline=base64.b64encode(bytes(65536)).decode())
    declined = {hear(attack.link, "FILE_NO")["offer"] for _ in range(10)}
    assert len(declined) == 10
    assert attack.is_well()


def raw(link: Raw) -> tuple[str, bytes]:
    """Receive a frame of a data link."""
    header = link._exactly(25)
    return header[10:].decode().rstrip(), link._exactly(int(header[:10]))
