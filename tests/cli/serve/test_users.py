"""The operator's commands at a running registry, a stopped one, and a cluster."""

import base64
import hashlib
import json
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.registry.store.backup import back_up
from p2pchat.registry.store.mailboxes import Left, Mailboxes, Owner, Quotas
from p2pchat.registry.store.stores import open_file
from tests.archives import unpack
from tests.conformance.secure_client import KEY
from tests.faults.crowd import CHEAP, Member
from tests.programs import WITH_EXTRAS, Program, Serve, environment, running


class Operator:
    """The operator of the registry in a folder or a shared database."""

    def __init__(self, folder: Path, database: str | None = None) -> None:
        extras = WITH_EXTRAS if database else {}
        self._env = environment(folder / "home", P2P_PASSWORD="password", **extras)
        self._where = ("--database", database) if database else ("--data-dir", str(folder))

    def run(self, *words: str) -> tuple[int, list[str], str]:
        program = Program("users", *words, *self._where, env=self._env)
        code, err = program.end()
        return code, program.said, err


@pytest.fixture(params=["alone", "shared"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Serve, Operator]]:
    """Yield a running registry and its operator."""
    database = None
    options: tuple[str, ...] = ()
    if request.param == "shared":
        database = request.getfixturevalue("database")
        options = ("--database", database)
    options = ("--mailbox", "1MB", *options)
    serve = Serve(tmp_path, *CHEAP, *options, env=WITH_EXTRAS if database else {})
    with running(serve):
        yield serve, Operator(tmp_path, database)


@pytest.mark.timeout(240)  # two dozen commands, each a process
def test_commands_take_effect_at_once(registry: tuple[Serve, Operator]) -> None:
    """Each change takes effect for the clients of the running registry."""
    serve, operator = registry
    assert operator.run("add", "alice")[0] == 0
    assert operator.run("add", "alice")[0] == 1
    assert operator.run("add", "a b")[0] == 2
    alice = Member(serve, "alice", port=4001, is_known=True)
    assert alice.finds("alice") == "ONLINE"
    _, listed, _ = operator.run("list", "--json")
    (entry,) = map(json.loads, listed)
    assert (entry["user"], entry["encrypted"], entry["disabled"]) == ("alice", True, False)
    assert entry["seen"]
    _, online, _ = operator.run("sessions", "--json")
    assert [json.loads(line)["port"] for line in online] == [4001]

    assert operator.run("kick", "alice")[0] == 0
    assert alice.hear() == ("BYE", '{"reason":"LOGGED_OUT"}')
    alice = Member(serve, "alice", port=4001, is_known=True)
    assert operator.run("disable", "alice")[0] == 0
    assert alice.hear() == ("BYE", '{"reason":"LOGGED_OUT"}')
    with pytest.raises(AssertionError, match="DISABLED"):
        Member(serve, "alice", port=4001, is_known=True)
    assert operator.run("list")[1][0].endswith("disabled")
    assert operator.run("enable", "alice")[0] == 0
    alice = Member(serve, "alice", port=4001, is_known=True)
    assert operator.run("passwd", "alice")[0] == 0
    assert alice.hear() == ("BYE", '{"reason":"LOGGED_OUT"}')

    bob = Member(serve, "bob", port=4002)
    assert bob.finds("alice") == "OFFLINE"
    assert operator.run("remove", "alice", "--yes")[0] == 0
    assert bob.finds("alice") == "NOT_FOUND"
    assert operator.run("remove", "alice", "--yes")[0] == 5
    for command in ("passwd", "kick", "disable", "enable"):
        assert operator.run(command, "alice")[0] == 5, command


def test_accounts_are_imported(registry: tuple[Serve, Operator], tmp_path: Path) -> None:
    """Accounts of the original system are imported, and invalid lines are named."""
    serve, operator = registry
    file = tmp_path / "users.txt"
    file.write_text("olga her password\nBob x\n\nnobody\nolga again\na\x1bb y\n")
    code, said, err = operator.run("import", str(file))
    assert (code, said) == (1, ["2 accounts created"])
    assert [line.partition(": ")[0] for line in err.splitlines()] == [
        f"{file}, line {n}" for n in (2, 4, 5, 6)
    ]
    assert "\x1b" not in err
    assert serve.dial().ask("LOG", "olga her password") == ("LOG_RESP", "OK")
    assert serve.dial().ask("LOG", "Bob x") == ("LOG_RESP", "OK")


def test_import_dry_run_changes_nothing(tmp_path: Path) -> None:
    """A dry run reports what would be imported and changes nothing."""
    operator = Operator(tmp_path)
    file = tmp_path / "users.txt"
    file.write_text("# comment\n  # another\nImp3 x\nolga her password\nolga again\n\nzed y\n")
    code, said, err = operator.run("import", str(file), "--dry-run")
    assert (code, said) == (1, ["3 accounts would be created"])
    assert operator.run("list")[1] == []
    assert operator.run("import", str(file)) == (1, ["3 accounts created"], err)
    first, second = err.splitlines()
    assert first.startswith(f"{file}, line 3: Imp3 can log in only at the original listener")
    assert second == f"{file}, line 5: there is an account olga already"
    assert [line.split()[0] for line in operator.run("list")[1]] == ["Imp3", "olga", "zed"]


def test_missing_folder_is_refused_and_not_created(tmp_path: Path) -> None:
    """Only commands that begin a registry create its folder."""
    operator = Operator(tmp_path / "typo")
    for words in (["list"], ["sessions"], ["kick", "bob"], ["remove", "bob", "--yes"]):
        code, said, err = operator.run(*words)
        assert (code, said) == (2, [])
        assert f"there is no registry in {tmp_path / 'typo'}" in err
    assert not (tmp_path / "typo").exists()
    no_name = str(tmp_path / ("x" * 300))
    program = Program("users", "list", "--data-dir", no_name, env=environment(tmp_path / "home"))
    code, err = program.end()
    assert (code, program.said) == (1, [])
    assert err.startswith("p2p: cannot use ")
    assert "File name too long" in err
    assert operator.run("add", "bob")[0] == 0
    assert operator.run("list")[0] == 0


def test_commands_without_a_running_registry(tmp_path: Path) -> None:
    """Accounts can be changed, but there are no sessions to list."""
    operator = Operator(tmp_path)
    assert operator.run("add", "alice")[0] == 0
    assert operator.run("disable", "alice")[0] == 0
    code, _, err = operator.run("sessions")
    assert code == 3
    assert "no registry is running" in err
    code, _, err = operator.run("remove", "alice")  # there is no terminal to confirm on
    assert code == 2
    assert "use --yes" in err
    assert operator.run("list")[1]


def test_control_socket_is_private(tmp_path: Path) -> None:
    """The control socket has mode 0600 and is removed with the registry."""
    serve = Serve(tmp_path, *CHEAP)
    with running(serve):
        assert stat.S_IMODE((tmp_path / "control.sock").stat().st_mode) == 0o600
        serve.process.terminate()
        assert serve.end()[0] == 0
    assert not (tmp_path / "control.sock").exists()


def test_registry_is_restored_from_its_backup(tmp_path: Path) -> None:
    """A restored registry has its accounts and the key that clients have pinned."""
    serve = Serve(tmp_path / "r", *CHEAP)
    with running(serve):
        Member(serve, "alice")
        where = ("--data-dir", str(tmp_path / "r"))
        env = environment(tmp_path / "home")
        file = tmp_path / "backup.tar"
        assert Program("backup", str(file), *where, env=env).end()[0] == 0
        assert Program("backup", str(file), *where, env=env).end()[0] == 2
        assert Program("backup", str(file), "--force", *where, env=env).end()[0] == 0
    (tmp_path / "r2").mkdir(mode=0o700)
    unpack(file, tmp_path / "r2")
    again = Serve(tmp_path / "r2", *CHEAP)
    with running(again):
        assert again.join.partition("#")[2] == serve.join.partition("#")[2]
        assert Member(again, "bob").finds("alice") == "OFFLINE"


@pytest.mark.parametrize("registry", ["alone", "shared"], indirect=True)
def test_mailboxes_of_users(registry: tuple[Serve, Operator]) -> None:
    """The operator sees how much waits, not from whom, and can delete it."""
    serve, operator = registry
    bob = Member(serve, "bob", port=4001)
    permit = base64.b64encode(b"p" * 16).decode()
    hashed = base64.b64encode(hashlib.sha256(b"p" * 16).digest()).decode()
    assert operator.run("mailbox") == (0, [], "")
    assert bob.tell("BOX_KEYS", passes=[hashed])[1] == {"outcome": "OK"}
    box = {"username": "bob", "key": KEY, "permit": permit}
    left = bob.tell("BOX_LEAVE", **box, sealed=base64.b64encode(b"x" * 568).decode())[1]
    assert left["outcome"] == "OK"
    (line,) = (json.loads(line) for line in operator.run("mailbox", "--json")[1])
    assert (line["user"], line["runs"], line["bytes"]) == ("bob", 1, 568)
    assert operator.run("mailbox", "alice", "--json")[:2] == (5, [])
    assert operator.run("mailbox", "--clear")[0] == 2
    assert operator.run("mailbox", "bobb", "--clear")[0] == 5
    assert operator.run("mailbox", "bob", "--clear")[1] == ["1 packet deleted"]
    assert bob.tell("BOX_LIST")[1] == {}
    bob.close()


def test_backup_leaves_out_what_waits(tmp_path: Path) -> None:
    """Senders keep it; owners open their boxes anew, with prekeys that were never given."""
    folder = tmp_path / "r"
    folder.mkdir(mode=0o700)
    with closing(open_file(folder / "registry.sqlite3")) as store:
        boxes = Mailboxes(store, Quotas())
        owner = Owner("bob", b"b" * 32)
        boxes.publish(owner, [], [hashlib.sha256(b"p" * 16).digest()], replace=False, now=1)
        boxes.leave(owner, b"p" * 16, b"of some friend", 1)
    for options, runs in (((), 0), (("--mailbox",), 1)):
        file = tmp_path / f"{runs}.tar"
        back_up(folder / "registry.sqlite3", file, mailboxes=bool(options))
        to = tmp_path / str(runs)
        to.mkdir()
        unpack(file, to)
        assert (b"of some friend" in (to / "registry.sqlite3").read_bytes()) is bool(runs)
        with closing(open_file(to / "registry.sqlite3")) as store:
            restored = Mailboxes(store, Quotas())
            assert restored.waiting(owner, 2) == runs
            is_open = isinstance(restored.leave(owner, b"p" * 16, b"more", 2), Left)
            assert is_open is bool(runs)
