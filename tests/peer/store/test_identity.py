"""The identity's key on disk, and safety numbers."""

import os
import re
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from p2pchat.errors import StorageError
from p2pchat.peer.store.identity import load_identity, safety_number


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for its owner's eyes."""
    tmp_path.chmod(0o700)
    return tmp_path


def test_it_is_made_once_and_kept(folder: Path) -> None:
    """Mode 0600, the same after a restart, another in another profile."""
    first = load_identity(folder / "key.pem")
    assert load_identity(folder / "key.pem").public == first.public
    assert load_identity(folder / "other.pem").public != first.public
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert len(first.public) == 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(folder: Path, mode: int) -> None:
    """With what to do."""
    load_identity(folder / "key.pem")
    os.chmod(folder / "key.pem", mode)
    with pytest.raises(StorageError, match="others can read") as error:
        load_identity(folder / "key.pem")
    assert error.value.advice == f"chmod 600 {folder / 'key.pem'}"


def test_a_folder_that_others_can_read_is_refused(folder: Path) -> None:
    """The profile as a whole is private."""
    folder.chmod(0o755)
    with pytest.raises(StorageError, match="others can enter"):
        load_identity(folder / "key.pem")


def test_what_is_no_key_is_refused(folder: Path) -> None:
    """And not overwritten."""
    (folder / "key.pem").touch(mode=0o600)
    with pytest.raises(StorageError, match="no valid key"):
        load_identity(folder / "key.pem")
    assert (folder / "key.pem").read_bytes() == b""


def test_both_ends_see_the_same_number_and_nobody_else(folder: Path) -> None:
    """Sixty digits in groups of five."""
    keys = [load_identity(folder / f"{i}.pem").public for i in range(3)]
    number = safety_number(keys[0], keys[1])
    assert re.fullmatch(r"(\d{5} ){11}\d{5}", number)
    assert safety_number(keys[1], keys[0]) == number
    assert len({safety_number(a, b) for a in keys for b in keys if a < b}) == 3


def test_an_encrypted_key_is_an_error_of_its_own(folder: Path) -> None:
    """Whoever encrypted it is told which file it is."""
    file = folder / "key.pem"
    load_identity(file)
    key = load_pem_private_key(file.read_bytes(), None)
    how = (Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    file.write_bytes(key.private_bytes(*how))
    with pytest.raises(StorageError, match=r"key\.pem contains no valid key: .*encrypted"):
        load_identity(file)
