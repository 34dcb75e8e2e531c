"""The identity key on disk, and safety numbers."""

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
    """Return a private folder."""
    tmp_path.chmod(0o700)
    return tmp_path


def test_key_is_created_once_and_kept(folder: Path) -> None:
    """The key file has mode 0600 and is kept; another profile has another key."""
    first = load_identity(folder / "key.pem")
    assert load_identity(folder / "key.pem").public == first.public
    assert load_identity(folder / "other.pem").public != first.public
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert len(first.public) == 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_key_readable_by_others_is_refused(folder: Path, mode: int) -> None:
    """A key file that others can read is refused, with the command that fixes it."""
    load_identity(folder / "key.pem")
    os.chmod(folder / "key.pem", mode)
    with pytest.raises(StorageError, match="others can read") as error:
        load_identity(folder / "key.pem")
    assert error.value.advice == f"chmod 600 {folder / 'key.pem'}"


def test_folder_readable_by_others_is_refused(folder: Path) -> None:
    """A profile folder that others can enter is refused."""
    folder.chmod(0o755)
    with pytest.raises(StorageError, match="others can enter"):
        load_identity(folder / "key.pem")


def test_malformed_key_is_refused(folder: Path) -> None:
    """A malformed key file is refused and not overwritten."""
    (folder / "key.pem").touch(mode=0o600)
    with pytest.raises(StorageError, match="no valid key"):
        load_identity(folder / "key.pem")
    assert (folder / "key.pem").read_bytes() == b""


def test_safety_number_is_the_same_at_both_ends(folder: Path) -> None:
    """The safety number has sixty digits, is equal at both ends and differs for other pairs."""
    keys = [load_identity(folder / f"{i}.pem").public for i in range(3)]
    number = safety_number(keys[0], keys[1])
    assert re.fullmatch(r"(\d{5} ){11}\d{5}", number)
    assert safety_number(keys[1], keys[0]) == number
    assert len({safety_number(a, b) for a in keys for b in keys if a < b}) == 3


def test_encrypted_key_has_its_own_error(folder: Path) -> None:
    """An encrypted key is refused with an error that names the file."""
    file = folder / "key.pem"
    load_identity(file)
    key = load_pem_private_key(file.read_bytes(), None)
    how = (Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    file.write_bytes(key.private_bytes(*how))
    with pytest.raises(StorageError, match=r"key\.pem contains no valid key: .*encrypted"):
        load_identity(file)
