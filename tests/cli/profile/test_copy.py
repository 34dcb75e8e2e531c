"""A profile is backed up and restored without silent losses."""

import shutil
import signal
from pathlib import Path

import pytest

from tests.people import People, Registry
from tests.programs import Program, environment, running


def profile_of(people: People, name: str) -> Path:
    return Path(people.env[name]["P2P_HOME"]) / "data" / "profile.sqlite3"


def test_restored_profile_reports_possible_losses(people: People, tmp_path: Path) -> None:
    """A backup made while online can be restored; both users continue their chat."""
    copy = str(tmp_path / "alice.tar")
    with running(people.start("bob", "--headless")):
        with running(people.start("alice", "--headless")) as alice:
            assert people.run("alice", "send", "bob", "one") == (0, [], "")
            assert people.run("alice", "profile", "backup", copy)[0] == 0
            assert Path(copy).stat().st_mode & 0o777 == 0o600
            for text in ("two", "three"):
                assert people.run("alice", "send", "bob", text)[0] == 0
            code, _, err = people.run("alice", "profile", "restore", copy, "--force")
            assert (code, f"in process {alice.process.pid}" in err) == (2, True), err
            alice.signal(signal.SIGTERM)
            alice.end()
        code, _, err = people.run("alice", "profile", "restore", copy)
        assert (code, "use --force" in err) == (2, True)
        assert people.run("alice", "profile", "restore", copy, "--force")[0] == 0
        assert [text for _, text, _ in people.texts("alice", "bob")][-1] == "one"
        for text in ("four", "five", "six"):
            assert people.run("alice", "send", "bob", text) == (0, [], "")
    theirs = [text for _, text, _ in people.texts("bob", "alice")]
    assert theirs[-6:] == ["one", "two", "three", "four", "five", "six"]


def test_profile_is_restored_on_a_new_machine(people: People, tmp_path: Path) -> None:
    """Accounts, contacts and the key are restored, so no password and no key warning appear."""
    copy = str(tmp_path / "alice.tar")
    with running(people.start("alice", "--headless")):
        pass  # another test at this registry may have ended the token
    assert people.run("alice", "profile", "backup", copy)[0] == 0
    shutil.rmtree(people.env["alice"]["P2P_HOME"])
    people.env["alice"] = {k: v for k, v in people.env["alice"].items() if k != "P2P_PASSWORD"}
    assert people.run("alice", "profile", "restore", copy)[0] == 0
    with running(people.start("bob", "--headless")):
        assert people.run("alice", "send", "bob", "from a new machine") == (0, [], "")


def test_old_profile_is_kept_completely(people: People, tmp_path: Path) -> None:
    """Each restore keeps the previous profile, including its write-ahead log."""
    copy = str(tmp_path / "alice.tar")
    assert people.run("alice", "profile", "backup", copy)[0] == 0
    for n in (1, 2):
        with running(people.start("alice", "--headless")) as alice:
            assert people.run("alice", "send", "bob", f"text {n}", "--queue")[0] == 6
            alice.kill()
        assert profile_of(people, "alice").with_name("profile.sqlite3-wal").stat().st_size > 0
        code, _, err = people.run("alice", "profile", "restore", copy, "--force")
        kept = profile_of(people, "alice").parent / f"before-restore-{n}"
        assert (code, f"the old one is in {kept}" in err) == (0, True), err
        assert len(people.texts("alice", "bob")) == 1
    data = profile_of(people, "alice").parent
    for n in (1, 2):
        for file in (data / f"before-restore-{n}").iterdir():
            shutil.copy(file, data)
        assert people.texts("alice", "bob")[-1] == ("alice", f"text {n}", "queued")


def test_profile_without_a_key_is_restored(people: People, tmp_path: Path) -> None:
    """A profile that has only used the original dialect can be restored."""
    with running(Registry(tmp_path / "r")) as registry:
        people.env["carl"] = environment(
            tmp_path / "carl", P2P_REGISTRY=registry.url, P2P_PASSWORD="password"
        )
        assert people.run("carl", "register", "carl")[0] == 0
        copy = str(tmp_path / "carl.tar")
        assert people.run("carl", "profile", "backup", copy)[0] == 0
        shutil.rmtree(people.env["carl"]["P2P_HOME"])
        assert people.run("carl", "profile", "restore", copy)[0] == 0
        assert Program("login", env=people.env["carl"]).end()[0] == 0


@pytest.mark.parametrize("damage", ["empty", "cut", "nonsense"])
def test_damaged_profile_is_reported(people: People, tmp_path: Path, damage: str) -> None:
    """A damaged profile is neither replaced nor written to; a backup repairs it."""
    copy = str(tmp_path / "alice.tar")
    assert people.run("alice", "profile", "backup", copy)[0] == 0
    file = profile_of(people, "alice")
    whole = file.read_bytes()
    damaged = {"empty": b"", "cut": whole[:5000], "nonsense": b"x" * len(whole)}[damage]
    file.write_bytes(damaged)
    for words in (("history", "bob"), ("send", "bob", "x"), ("login", "alice")):
        code, said, err = people.run("alice", *words)
        assert (code, said) == (1, []), err
        assert "profile.sqlite3" in err
        assert "cut off or overwritten" in err
        assert "disk is full" not in err
        assert "p2p profile restore" in err
    assert file.read_bytes() == damaged
    assert people.run("alice", "profile", "restore", copy, "--force")[0] == 0
    assert people.texts("alice", "bob") == [("alice", "hello there", "delivered")]


def test_malformed_backup_changes_nothing(people: People, tmp_path: Path) -> None:
    """A malformed backup is refused, and the profile is unchanged."""
    (tmp_path / "x.tar").write_bytes(b"nothing")
    code, _, err = people.run("alice", "profile", "restore", str(tmp_path / "x.tar"), "--force")
    assert code == 1
    assert "not a backup that can be restored" in err
    assert len(people.texts("alice", "bob")) == 1


def test_last_used_registry_is_the_default(people: People) -> None:
    """Without an option, variable or setting, the last used registry is the default."""
    named = people.env["alice"]
    link = named["P2P_REGISTRY"]
    people.env["alice"] = {k: v for k, v in named.items() if k != "P2P_REGISTRY"}
    url = link.partition("#")[0]
    code, said, _ = people.run("alice", "config", "list", "--origin")
    (registry,) = [line for line in said if line.startswith("registry = ")]
    assert (code, url in registry, "# last used" in registry) == (0, True, True)
    with running(people.start("bob", "--headless")):
        assert people.run("alice", "send", "bob", "without a word of where") == (0, [], "")
    people.env["alice"]["P2P_REGISTRY"] = "p2p://127.0.0.1:1"
    code, said, _ = people.run("alice", "config", "list", "--origin")
    assert any("127.0.0.1:1" in line and "P2P_REGISTRY" in line for line in said)
    assert people.run("alice", "search", "bob")[0] in {3, 4}
