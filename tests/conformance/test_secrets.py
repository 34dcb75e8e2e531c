"""No secret is readable by others: in streams, logs, tracebacks, process lists or files."""

import os
import signal
import stat
from pathlib import Path

import pytest

from p2pchat.protocol.messages import (
    ChangePassword,
    Grant,
    Login,
    LoginResult,
    Outcome,
    Register,
    RevokeTokens,
)
from p2pchat.protocol.talk import ChatText
from tests.programs import STARTED, Program, Serve, environment

PASSWORD, NEW_PASSWORD, WRONG, TEXT = "Hush-hush-1", "Hush-hush-2", "Hush-hush-3", "Hush-hush-4"
MARK = "Hush"
_IN_FILES = b"Hush-hush"  # four letters may be among random bytes


class Everything:
    """Everything that a registry and two users printed and stored in a session with all kinds of
    errors.
    """

    def __init__(self, folder: Path) -> None:
        self.seen: dict[str, str] = {}
        self.folder = folder
        self.serve = Serve(folder / "registry", "--verbose")
        for name, secret in (("right", PASSWORD), ("new", NEW_PASSWORD), ("wrong", WRONG)):
            (folder / name).write_text(secret + "\n")
            (folder / name).chmod(0o600)
        self._homes = {name: self._environment(name) for name in ("alice", "bob", "eve")}
        for name in ("alice", "bob"):
            self.run(name, "register", name, "--password-file", str(folder / "right"))
        self.run("eve", "--debug", "login", "bob", "--password-file", str(folder / "wrong"))
        self.run(
            "alice",
            "--debug",
            "passwd",
            "--password-file",
            str(folder / "wrong"),
            "--new-password-file",
            str(folder / "new"),
        )
        self.run(
            "alice",
            "passwd",
            "--password-file",
            str(folder / "right"),
            "--new-password-file",
            str(folder / "new"),
        )
        self.run("alice", "--debug", "search", "bob")
        self._talk()
        self.run("alice", "logout", "--everywhere")
        original = self.serve.dial()
        original.ask("REG", f"olga {PASSWORD}")
        original.say("SEARCH", f"{TEXT}\x00")
        self.serve.signal(signal.SIGTERM)
        self.seen["serve"] = self.serve.end()[1] + "\n".join(self.serve.said)
        self.serve.kill()

    def run(self, who: str, *words: str) -> None:
        program = Program(*words, env=self._homes[who], command=STARTED)
        _, err = program.end()
        self._note(" ".join([who, *words[:2]]), "\n".join([*program.said, err]))

    def _environment(self, name: str) -> dict[str, str]:
        return environment(self.folder / f"home-{name}", P2P_REGISTRY=self.serve.join)

    def _talk(self) -> None:
        """Let alice call bob and send the text, which only bob's terminal may show."""
        bob = Program("login", env=self._homes["bob"], command=STARTED)
        bob.wait_for("logged in as bob")
        self.run("alice", "login", "--password-file", str(self.folder / "new"))
        alice = Program("--debug", "chat", "bob", env=self._homes["alice"], command=STARTED)
        bob.wait_for("alice wants to chat")
        self.processes = self._process_list()
        bob.type("/accept")
        alice.wait_for("chat with bob started")
        alice.type(TEXT)
        bob.wait_for(f"^alice: {TEXT}$")
        bob.type("/leave")
        alice.wait_for("left the chat")
        for name, program in (("alice", alice), ("bob", bob)):
            program.type("/quit")
            _, err = program.end()
            self._note(f"{name} in the chat", err)
        self._note("alice's screen", "\n".join(alice.said))

    def _process_list(self) -> str:
        lines = Path("/proc").glob("[0-9]*/cmdline")
        return "\n".join(path.read_text("utf-8", "replace") for path in lines if _mine(path))

    def _note(self, what: str, text: str) -> None:
        assert what not in self.seen
        self.seen[what] = text


def _mine(path: Path) -> bool:
    return path.exists() and path.stat().st_uid == os.getuid()


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    """Return the session, which is played once."""
    folder = tmp_path_factory.mktemp("secrets")
    return Everything(folder)


def test_no_stream_or_traceback_contains_a_secret(everything: Everything) -> None:
    """The verbose log, all stderr with --debug, and the sender's screen contain no secret."""
    assert "Traceback" in everything.seen["alice --debug passwd"]
    assert "logged in" in everything.seen["serve"]
    shown = [what for what, text in everything.seen.items() if MARK in text]
    assert shown == []


def test_process_list_contains_no_secret(everything: Everything) -> None:
    """Passwords are never arguments."""
    assert "--debug" in everything.processes
    assert MARK not in everything.processes


def test_no_readable_file_contains_a_secret(everything: Everything) -> None:
    """Files that others can read contain no secret, and files with tokens are private."""
    folder = everything.folder
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "profile.sqlite3" for path in files)
    for path in files:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            assert _IN_FILES not in path.read_bytes(), path
            assert path.suffix not in {".sqlite3", ".sqlite3-wal", ".pem"} or "cert" in path.name
    databases = [path.read_bytes() for path in files if "accounts.sqlite3" in path.name]
    assert databases
    assert not any(_IN_FILES in data for data in databases)


@pytest.mark.parametrize(
    "message",
    [
        Register("a", PASSWORD, invite=PASSWORD),
        Login("a", PASSWORD),
        Login("a", token=PASSWORD),
        ChangePassword(PASSWORD, NEW_PASSWORD),
        RevokeTokens(PASSWORD),
        ChatText(TEXT),
        LoginResult(Outcome.OK, grant=Grant(PASSWORD, PASSWORD.encode(), PASSWORD.encode(), 1.0)),
    ],
)
def test_no_repr_contains_a_secret(message: object) -> None:
    """The repr of a message, which a traceback or log may print, contains no secret."""
    assert MARK not in repr(message)
    assert MARK not in str(message)
    assert type(message).__name__ in repr(message)
