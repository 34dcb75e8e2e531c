"""The profile in a real SQLite file."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.errors import StorageError
from p2pchat.peer.store.profile import KnownContact, Profile
from p2pchat.protocol.client.transfers import TransferState
from p2pchat.protocol.files.offers import Offer

HERE, THERE = "original://here:1235", "original://there:1235"


def test_last_used_account_is_remembered_per_registry(tmp_path: Path) -> None:
    """The account used last is remembered for each registry, also after a restart."""
    profile = Profile(tmp_path / "p.sqlite3")
    assert profile.last_account(HERE) is None
    profile.note_account(HERE, "alice")
    profile.note_account(HERE, "bob")
    profile.note_account(THERE, "carol")
    profile.close()
    profile = Profile(tmp_path / "p.sqlite3")
    assert profile.last_account(HERE) == "bob"
    assert profile.last_account(THERE) == "carol"
    profile.note_account(HERE, "alice")
    assert profile.last_account(HERE) == "alice"
    profile.close()


def test_names_are_remembered_once_per_registry(tmp_path: Path) -> None:
    """Names are remembered once per registry, sorted for completion."""
    profile = Profile(tmp_path / "p.sqlite3")
    for name in ("dave", "bob", "dave"):
        profile.note_name(HERE, name)
    profile.note_name(THERE, "eve")
    assert profile.known_names(HERE) == ["bob", "dave"]
    profile.close()


def test_two_processes_share_a_profile(tmp_path: Path) -> None:
    """Two processes can use one profile at once."""
    one, two = Profile(tmp_path / "p.sqlite3"), Profile(tmp_path / "p.sqlite3")
    one.note_name(HERE, "bob")
    two.note_name(HERE, "carol")
    assert one.known_names(HERE) == two.known_names(HERE) == ["bob", "carol"]
    one.close()
    two.close()


def test_profile_is_private(tmp_path: Path) -> None:
    """The database has mode 0600."""
    Profile(tmp_path / "p.sqlite3").close()
    assert stat.S_IMODE((tmp_path / "p.sqlite3").stat().st_mode) == 0o600


def test_unreadable_profile_is_named(tmp_path: Path) -> None:
    """A malformed, newer or non-private database is named in the error."""
    (tmp_path / "bad").write_bytes(b"nonsense" * 200)
    with pytest.raises(StorageError, match="bad"):
        Profile(tmp_path / "bad")
    with sqlite3.connect(tmp_path / "new") as database:
        database.execute("pragma user_version = 99")
    database.close()
    with pytest.raises(StorageError, match="others can read"):
        Profile(tmp_path / "new")
    (tmp_path / "new").chmod(0o600)
    with pytest.raises(StorageError, match="newer"):
        Profile(tmp_path / "new")


def test_older_profile_is_migrated(tmp_path: Path) -> None:
    """An older database is migrated without losing data."""
    file = tmp_path / "p.sqlite3"
    file.touch(mode=0o600)
    with sqlite3.connect(file) as database:
        database.executescript(
            "CREATE TABLE contact (registry TEXT, username TEXT, key BLOB, verified INTEGER,"
            " blocked INTEGER, PRIMARY KEY (registry, username));"
            "INSERT INTO contact VALUES ('r', 'bob', x'00ff', 1, 0); PRAGMA user_version = 1"
        )
    database.close()
    for _ in range(2):
        with closing(Profile(file)) as profile:
            assert profile.contact("r", "bob") == KnownContact("bob", b"\x00\xff", verified=True)
            profile.keep_contact("r", KnownContact("eve", other_key=b"k"))
            assert profile.contact("r", "eve").other_key == b"k"


def test_paths_being_sent_are_those_of_every_registry(tmp_path: Path) -> None:
    """A file is being sent until its transfer has ended, wherever it is offered."""
    with closing(Profile(tmp_path / "p.sqlite3")) as profile:
        here, there = profile.transfers(HERE), profile.transfers(THERE)
        for store, path in ((here, "/a"), (there, "/b"), (there, "/c")):
            number = store.prepare("bob", b"key", path, Offer("log", 1), path, None)
        store.update(number, state=TransferState.DONE)
        assert profile.paths_being_sent() == {"/a", "/b"}
