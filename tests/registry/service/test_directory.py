"""What a search returns for users who are not online, at either listener."""

from typing import Any

from p2pchat.protocol.messages import Presence, SearchResult
from p2pchat.registry.service.directory import NOT_FOUND, MemoryDirectory
from p2pchat.registry.service.presence import OFFLINE, Audience
from p2pchat.registry.store.accounts import AccountPolicy

KEY = b"k" * 32


def test_offline_and_unknown_users_are_distinguished() -> None:
    """A known user is offline, an unknown one not found; only the secure listener returns keys."""
    standing = AccountPolicy(KEY, allows_original=False)
    directory = MemoryDirectory([("alice", standing)])
    directory.admit("olga")
    offline = SearchResult(Presence.OFFLINE, key=KEY)
    assert directory.look_up("alice", Audience.SECURE) == offline
    assert directory.look_up("alice", Audience.ORIGINAL) is OFFLINE
    assert directory.look_up("olga", Audience.MEETING) is OFFLINE
    assert directory.look_up("eve", Audience.SECURE) is NOT_FOUND
    found: list[object] = []

    def answer(there: Any) -> Any:
        found.append(there)
        return OFFLINE

    directory.look_up_all(["alice", "eve"], answer)
    assert found == [{"alice": offline, "eve": NOT_FOUND}]
    directory.forget("alice")
    assert not directory.knows("alice")
