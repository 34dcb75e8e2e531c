"""One connection at a listener: presence updates between answers, and their order."""

import time
from pathlib import Path

from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.messages import (
    AnnouncePort,
    Message,
    Presence,
    PresenceUpdate,
    Register,
    Search,
    SearchResult,
    Watch,
    WatchResult,
)
from p2pchat.protocol.secure import SECURE
from p2pchat.protocol.states import SECURE_REGISTRY_DIALOGUE, Speaker
from p2pchat.registry.server.connection_handler import Client
from p2pchat.registry.service.directory import MemoryDirectory
from p2pchat.registry.service.presence import PresenceTable
from p2pchat.registry.service.service import Service
from tests.accounts import OpenedAccounts
from tests.fakes import InlineWorker, settle, wire
from tests.identities import KEY, channel_of, proven


class Remote:
    """The client's end of a connection, and the messages that it received."""

    def __init__(self, loop: Loop, service: Service, worker: InlineWorker) -> None:
        left, right = wire(loop)
        speakers = ((left, Speaker.DIALLER), (right, Speaker.LISTENER))
        self.link, link = (
            Link(loop, end, Connection(SECURE_REGISTRY_DIALOGUE, SECURE, speaker))
            for end, speaker in speakers
        )
        link.channel = channel_of("10.0.0.1")
        self.heard: list[Message] = []
        self.link.on_message = self.heard.append
        self.logins = 0
        self.gone: list[Client] = []
        Client(service, worker, link, secure=True, on_login=self._count, on_gone=self.gone.append)

    def _count(self, _: Client) -> None:
        self.logins += 1


def test_presence_updates_come_between_request_and_answer(loop: Loop, tmp_path: Path) -> None:
    """Updates may precede an answer, and each answer matches its request."""
    accounts = OpenedAccounts(tmp_path / "a.sqlite3")
    worker = InlineWorker(loop)
    service = Service(accounts, MemoryDirectory(), PresenceTable(150), loop.now)
    alice, bob = (Remote(loop, service, worker) for _ in range(2))
    for remote, name in ((alice, "alice"), (bob, "bob")):
        request = proven(Register(name, "password"), channel_of("10.0.0.1"), time.time)
        remote.link.send(request)
        settle(loop)
        remote.heard.clear()
    assert (alice.logins, bob.logins) == (1, 1)
    alice.link.send(Watch(("bob",)))
    settle(loop)
    offline = SearchResult(Presence.OFFLINE, key=KEY)
    assert alice.heard == [WatchResult((PresenceUpdate("bob", offline),))]
    bob.link.send(AnnouncePort(4000))
    settle(loop)
    online = PresenceUpdate("bob", SearchResult(Presence.ONLINE, "10.0.0.1", 4000, KEY))
    assert alice.heard[1:] == [online]
    bob.link.close()
    alice.link.send(Search("bob", id=5))
    settle(loop)
    assert set(map(type, alice.heard[2:])) == {PresenceUpdate, SearchResult}
    assert len(bob.gone) == 1
    accounts.close()
