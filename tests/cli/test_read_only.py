"""A profile that cannot be written can still be read."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.people import People
from tests.programs import P2P


@contextmanager
def _read_only(folder: Path) -> Iterator[list[str]]:
    """Yield the words of a command prefix that makes the folder read-only."""
    if os.geteuid():
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222)
        yield []
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode | 0o200)
        return
    # To root every folder is writable unless its file system is mounted read-only.
    mounting = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    words = ["unshare", "--mount", "sh", "-c", mounting, str(folder)]
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([*words, "true"], check=False).returncode:
        pytest.skip("root cannot mount a folder read-only here")
    yield words


def _run(before: list[str], people: People, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*before, P2P, *words],
        env=people.env["alice"],
        text=True,
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout, done.stderr


def test_reading_works_and_writing_is_an_error(people: People) -> None:
    """Commands that only read work, others report the error, and nothing is changed."""
    home = Path(people.env["alice"]["P2P_HOME"])
    assert people.run("alice", "send", "bob", "for later")[0] == 6
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with _read_only(home) as words:
        code, out, err = _run(words, people, "history", "bob")
        assert (code, err) == (0, "")
        assert "alice to bob: hello there  (delivered)" in out
        code, out, err = _run(words, people, "history", "--search", "hello")
        assert (code, err) == (0, "")
        assert "hello there" in out
        code, out, err = _run(words, people, "contacts")
        assert (code, err) == (0, "")
        assert out.startswith("bob")
        code, out, err = _run(words, people, "outbox")
        assert (code, err) == (0, "")
        assert "for later" in out
        code, out, err = _run(words, people, "status")
        assert "error" not in err.lower(), err
        for act in (
            ("history", "bob", "--delete"),
            ("send", "bob", "hello"),
            ("outbox", "cancel", "bob"),
            ("login",),
        ):
            code, out, err = _run(words, people, *act)
            assert code == 1, (act, err)
            assert "cannot be written" in err or "Read-only" in err or "read-only" in err, err
            assert "Traceback" not in err
            assert str(home / "data") in err or "lock" in err or "login" in act, err
        code, out, err = _run(words, people, "doctor")
        assert "warn profile: " in out
        assert "can be read but not written" in out
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_runtime_folder_of_another_user_is_not_used(people: People, tmp_path: Path) -> None:
    """A missing or foreign XDG_RUNTIME_DIR is replaced by our own folder, with one warning."""
    missing = tmp_path / "missing"
    others = Path("/proc") if os.geteuid() else _owned_by_another(tmp_path)
    home = people.env["alice"]["P2P_HOME"]
    env = {name: value for name, value in people.env["alice"].items() if name != "P2P_HOME"}
    for runtime, why in ((missing, "No such file"), (others, "belongs to another user")):
        env |= {"HOME": f"{home}/h", "XDG_RUNTIME_DIR": str(runtime)}
        assert subprocess.run([P2P, "register", "runtime"], env=env, check=False).returncode in {
            0,
            1,
        }
        done = subprocess.run(
            [P2P, "send", "bob", "hello"], env=env, text=True, capture_output=True, check=False
        )
        warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
        assert len(warnings) == 1, done.stderr
        assert why in warnings[0]
        assert f"{home}/h/.local/state/p2pchat/run is used instead" in warnings[0]
        assert done.returncode in {0, 6}, done.stderr


def _owned_by_another(folder: Path) -> Path:
    other = folder / "other"
    other.mkdir()
    os.chown(other, 65534, 65534)
    return other
