"""A backup is consistent, can be made while others write, and is private."""

import stat
import tarfile
import threading
from pathlib import Path

import pytest

from p2pchat.errors import StorageError
from p2pchat.registry.store.accounts import Accounts
from p2pchat.registry.store.backup import back_up
from p2pchat.registry.store.stores import open_file
from tests.accounts import CHEAP, OpenedAccounts
from tests.archives import unpack


def test_backup_is_of_one_instant(tmp_path: Path) -> None:
    """A backup made while accounts are created contains all earlier ones and can be opened."""
    folder = tmp_path / "registry"
    folder.mkdir()
    accounts = OpenedAccounts(folder / "accounts.sqlite3")
    (folder / "registry-key.pem").write_text("key")
    made: list[str] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            accounts.create(f"user{len(made)}", "x")
            made.append(f"user{len(made)}")
        accounts.disconnect()

    thread = threading.Thread(target=work)
    thread.start()
    while len(made) < 20:
        stop.wait(0.001)
    before = list(made)
    back_up(folder / "accounts.sqlite3", tmp_path / "copy.tar")
    stop.set()
    thread.join()
    accounts.close()
    assert stat.S_IMODE((tmp_path / "copy.tar").stat().st_mode) == 0o600
    with tarfile.open(tmp_path / "copy.tar") as archive:
        assert archive.getnames() == ["accounts.sqlite3", "registry-key.pem"]
    unpack(tmp_path / "copy.tar", tmp_path / "restored")
    restored = open_file(tmp_path / "restored" / "accounts.sqlite3", alone=True)
    assert {name for name, _ in Accounts(restored, CHEAP).standings()} >= set(before)
    restored.release()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.tar", "registry", "restored"]


def test_unwritable_backup_is_an_error(tmp_path: Path) -> None:
    """The error names the file, and nothing is left behind."""
    OpenedAccounts(tmp_path / "a.sqlite3").close()
    with pytest.raises(StorageError, match=r"nowhere/copy\.tar cannot be written"):
        back_up(tmp_path / "a.sqlite3", tmp_path / "nowhere" / "copy.tar")
