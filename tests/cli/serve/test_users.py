"""The operator's commands against a registry that runs, one that does not, and several."""

import json
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.crowd import CHEAP, Member
from tests.programs import WITH_EXTRAS, Program, Serve, environment, running


class Operator:
    """Whoever runs the registry of that folder, or of that database."""

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
    """A running registry, and its operator."""
    database = None
    options: tuple[str, ...] = ()
    if request.param == "shared":
        database = request.getfixturevalue("database")
        options = ("--database", database)
    serve = Serve(tmp_path, *CHEAP, *options, env=WITH_EXTRAS if database else {})
    with running(serve):
        yield serve, Operator(tmp_path, database)


@pytest.mark.timeout(240)  # two dozen commands, each a process
def test_what_the_operator_does_counts_at_once(registry: tuple[Serve, Operator]) -> None:
    """Each account made, changed and ended is so for the clients of the running registry."""
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


def test_the_accounts_of_the_original_system(
    registry: tuple[Serve, Operator], tmp_path: Path
) -> None:
    """Their owners log in as ever; what is no account is named, and the rest is made."""
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


def test_an_import_says_beforehand_what_it_would_do(tmp_path: Path) -> None:
    """Comments are skipped; names for the original listener alone are told; nothing is changed."""
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


def test_a_mistyped_folder_is_said_and_not_made(tmp_path: Path) -> None:
    """By all but the commands that begin a registry."""
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


def test_without_a_running_registry(tmp_path: Path) -> None:
    """Accounts can be looked after; who is online cannot be asked."""
    operator = Operator(tmp_path)
    assert operator.run("add", "alice")[0] == 0
    assert operator.run("disable", "alice")[0] == 0
    code, _, err = operator.run("sessions")
    assert code == 3
    assert "no registry is running" in err
    code, _, err = operator.run("remove", "alice")  # nobody can be asked
    assert code == 2
    assert "use --yes" in err
    assert operator.run("list")[1]


def test_the_control_socket_is_its_owners_alone(tmp_path: Path) -> None:
    """Mode 0600, and gone with the registry."""
    serve = Serve(tmp_path, *CHEAP)
    with running(serve):
        assert stat.S_IMODE((tmp_path / "control.sock").stat().st_mode) == 0o600
        serve.process.terminate()
        assert serve.end()[0] == 0
    assert not (tmp_path / "control.sock").exists()


def test_a_registry_comes_back_from_its_backup(tmp_path: Path) -> None:
    """With its accounts and the key that clients have pinned."""
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
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path / "r2", filter="data")
    again = Serve(tmp_path / "r2", *CHEAP)
    with running(again):
        assert again.join.partition("#")[2] == serve.join.partition("#")[2]
        assert Member(again, "bob").finds("alice") == "OFFLINE"
