"""`p2p send-file`, `p2p send --file` and `p2p files`, by real processes."""

import json
import random
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.people import People
from tests.programs import Program, running, wait_until


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder for what is sent."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def make(path: Path, size: int) -> Path:
    path.write_bytes(random.Random(size).randbytes(size))
    return path


def there(people: People, name: str = "") -> Path:
    return Path(people.env["bob"]["HOME"]) / "Downloads" / "p2pchat" / "alice" / name


def set_files(people: People, what: str) -> None:
    assert people.run("bob", "contacts", "files", "alice", what)[0] == 0


def test_taken_without_asking(people: People, work: Path) -> None:
    """Exit 0 means that it is verified at bob; without a terminal, one line tells of each."""
    set_files(people, "50MB")
    (work / "photos").mkdir()
    paths = [make(work / "a.bin", 300_000), make(work / "b.txt", 10)]
    make(work / "photos" / "c.jpg", 100_000)
    (work / "photos" / "link").symlink_to("/etc/passwd")
    with running(people.start("bob", "--headless")) as bob:
        code, said, err = people.run(
            "alice", "send-file", "bob", *map(str, paths), str(work / "photos"), "--wait", "60"
        )
        assert (code, said) == (0, []), err
        assert "photos/: left out: 1 (symbolic links, empty folders, devices and the like)" in err
        assert sorted(line for line in err.splitlines() if "verified" in line) == [
            "bob has a.bin, verified",
            "bob has b.txt, verified",
            "bob has photos/, verified",
        ]
        bob.signal(signal.SIGTERM)
        bob.end()
    for path in paths:
        assert there(people, path.name).read_bytes() == path.read_bytes()
    assert there(people, "photos/c.jpg").stat().st_size == 100_000
    code, said, _ = people.run("alice", "files", "--json")
    listed = [json.loads(line) for line in said]
    assert [(one["name"], one["state"]) for one in listed] == [
        ("a.bin", "done"),
        ("b.txt", "done"),
        ("photos/", "done"),
    ]


def test_got_by_number(people: People, work: Path, tmp_path: Path) -> None:
    """`p2p files get` prints where it is, in the folder that was asked for."""
    path = make(work / "a.bin", 200_000)
    with running(people.start("bob", "--headless")) as bob:
        sending = Program("send-file", "bob", str(path), env=people.env["alice"])
        wait_until(lambda: "a.bin" in " ".join(people.run("bob", "files")[1]), bob, sending)
        code, said, err = people.run("bob", "files", "get", "1", "--to", str(tmp_path / "to"))
        assert (code, said) == (0, [str(tmp_path / "to" / "a.bin")]), err
        assert sending.end()[0] == 0
        assert people.run("bob", "files", "get", "1")[:2] == (0, said)
        bob.signal(signal.SIGTERM)
        bob.end()
    assert (tmp_path / "to" / "a.bin").read_bytes() == path.read_bytes()


def test_declined(people: People, work: Path) -> None:
    """Exit 7."""
    set_files(people, "never")
    with running(people.start("bob", "--headless")) as bob:
        code, _, err = people.run("alice", "send-file", "bob", str(make(work / "a", 100_000)))
        assert code == 7
        assert "bob declines a" in err
        bob.signal(signal.SIGTERM)
        bob.end()


def test_offline(people: People, work: Path) -> None:
    """Exit 6: the offer waits, and the error says what is needed."""
    code, _, err = people.run("alice", "send-file", "bob", str(make(work / "a", 100_000)))
    assert code == 6
    assert "bob is offline; the offer is queued" in err
    code, said, _ = people.run("alice", "files")
    assert code == 0
    assert "offered" in " ".join(said)
    assert people.run("alice", "files", "cancel", "1")[0] == 0
    assert "cancelled" in " ".join(people.run("alice", "files")[1])


def test_not_accepted_in_time(people: People, work: Path) -> None:
    """Exit 6 after --wait."""
    with running(people.start("bob", "--headless")) as bob:
        path = str(make(work / "a", 100_000))
        code, _, err = people.run("alice", "send-file", "bob", path, "--wait", "1")
        assert code == 6
        assert "bob has not accepted it yet" in err
        bob.signal(signal.SIGTERM)
        bob.end()


@pytest.mark.parametrize("how", ["cancel", "delete"])
def test_ended_elsewhere_while_a_command_waits(people: People, work: Path, how: str) -> None:
    """A command that waits for a transfer ends once the same user has ended it in another."""
    with running(people.start("bob", "--headless")), running(people.start("alice", "--headless")):
        path = str(make(work / "a", 100_000))
        with running(Program("send-file", "bob", path, env=people.env["alice"])) as waits:
            wait_until(lambda: "a" in " ".join(people.run("bob", "files")[1]), waits)
            assert people.run("alice", "files", "cancel", "1")[0] == 0
            if how == "delete":
                assert people.run("alice", "history", "bob", "--delete", stdin="y\n")[0] == 0
            code, err = waits.end()
    assert (code, "you have " in err) == (1, True), err


@pytest.mark.parametrize("how", ["cancel", "decline"])
def test_no_longer_wanted_while_a_command_waits(people: People, work: Path, how: str) -> None:
    """The same for a command that waits for a sender who is away."""
    with running(people.start("bob", "--headless")):
        with running(people.start("alice", "--headless")):
            path = str(make(work / "a", 100_000))
            assert people.run("alice", "send-file", "bob", path, "--wait", "0")[0] == 6
            assert "a" in " ".join(people.run("bob", "files")[1])
        with running(Program("files", "get", "1", env=people.env["bob"])) as waits:
            wait_until(lambda: "not connected" in " ".join(people.run("bob", "files")[1]), waits)
            assert people.run("bob", "files", how, "1")[0] == 0
            code, err = waits.end()
    done = "declined" if how == "decline" else "cancelled"
    assert (code, f"you have {done} a" in err) == (1, True), err


def test_relative_folder_is_refused(people: People) -> None:
    """It would mean another folder wherever the node is started."""
    config = Path(people.env["bob"]["P2P_HOME"]) / "config" / "config.toml"
    config.write_text('[files]\nfolder = "inbox"\n', "utf-8")
    code, _, err = people.run("bob", "login", "--headless")
    assert (code, "files.folder: inbox is not a full path" in err) == (2, True)


def test_stdin_and_text(people: People, work: Path) -> None:
    """A text goes before; stdin needs a name, and leaves no file behind."""
    set_files(people, "50MB")
    with running(people.start("bob", "--headless")) as bob:
        code, _, err = people.run(
            "alice", "send", "bob", "the log", "--file", "-", "--name", "build.log", stdin="made\n"
        )
        assert code == 0, err
        bob.signal(signal.SIGTERM)
        bob.end()
    assert there(people, "build.log").read_bytes() == b"made\n"
    texts = [text for _, text, _ in people.texts("bob", "alice")]
    assert texts[-2:] == ["the log", "offers build.log (5 bytes)"]
    assert not list((Path(people.env["alice"]["P2P_HOME"]) / "data" / "sent").iterdir())
    assert people.run("alice", "send", "bob", "--file", "-")[0] == 2
    assert people.run("alice", "send", "bob", "--file", str(work), "--name", "x")[0] == 2


def test_copies_of_stdin_are_kept_as_long_as_needed(people: People) -> None:
    """A copy stays while its command runs or its transfer is unfinished, but not after a kill."""
    folder = Path(people.env["alice"]["P2P_HOME"]) / "data" / "sent"
    words = ("send", "bob", "--queue", "--file", "-", "--name", "log")

    def copies() -> set[Path]:
        return set(folder.iterdir()) if folder.exists() else set()

    with ExitStack() as stack:

        def begin() -> tuple[Program, Path]:
            before = copies()
            command = stack.enter_context(running(Program(*words, env=people.env["alice"])))
            command.type("secret")
            wait_until(lambda: copies() > before, command)
            (copy,) = copies() - before
            return command, copy

        (killed, its), (slow, kept) = begin(), begin()
        assert people.run("alice", *words, stdin="made\n")[0] == 6
        (made,) = copies() - {its, kept}
        assert len(copies()) == 3
        killed.kill()
        assert slow.end()[0] == 6
        assert copies() == {kept, made}
    assert kept.read_text("utf-8") == "secret\n"
    for number in (1, 2):
        assert people.run("alice", "files", "cancel", str(number))[0] == 0
    assert people.run("alice", *words, stdin="again\n")[0] == 6
    (last,) = copies()
    assert last not in {kept, made}
    assert last.stat().st_mode & 0o777 == 0o600


def test_changed_and_missing(people: People, work: Path) -> None:
    """Exit 1; the other files are sent nevertheless."""
    path = make(work / "a.bin", 100_000)
    with running(people.start("bob", "--headless")) as bob:
        sending = Program("send-file", "bob", str(path), env=people.env["alice"])
        wait_until(lambda: "a.bin" in " ".join(people.run("bob", "files")[1]), bob, sending)
        path.write_bytes(bytes(100_000))
        code, _, err = people.run("bob", "files", "get", "1")
        assert (code, "has changed since it was offered" in err) == (1, True)
        code, err = sending.end()
        assert (code, "has changed since it was offered" in err) == (1, True)
        bob.signal(signal.SIGTERM)
        bob.end()


def has_a_piece(people: People) -> bool:
    """Return whether bob has the sum of a piece of an unfinished file."""
    inbox = there(people, "a.bin").parent
    return any(file.stat().st_size for file in inbox.glob(".*p2psums"))


def test_contact_dies_in_the_middle(people: People, work: Path) -> None:
    """Exit 3 once nothing has moved for --wait; it resumes when both are back."""
    set_files(people, "50MB")
    people.env["alice"]["P2P_RATE"] = "2MB"
    path = make(work / "a.bin", 9_000_000)
    with running(people.start("bob", "--headless")) as bob:
        sending = Program("send-file", "bob", str(path), "--wait", "2", env=people.env["alice"])
        wait_until(lambda: has_a_piece(people) or sending.has_ended, bob)
        while not has_a_piece(people):  # a busy machine needed longer than --wait for the first one
            assert sending.end()[0] == 3
            sending = Program("send-file", "bob", str(path), "--wait", "9", env=people.env["alice"])
            wait_until(lambda: has_a_piece(people) or sending.has_ended, bob)  # noqa: B023
        bob.signal(signal.SIGKILL)
        bob.kill()
    code, err = sending.end()
    assert code == 3, err
    assert "it continues while your node is running" in err
    people.env["alice"].pop("P2P_RATE")
    with running(Program("login", "--json", env=people.env["bob"])) as bob:
        bob.wait_for("logged_in")
        with running(people.start("alice", "--headless")):
            bob.wait_for('"file_received"')
    assert there(people, "a.bin").read_bytes() == path.read_bytes()


def test_in_clear(people: People, work: Path) -> None:
    """The original dialect has no files: exit 2."""
    path = str(make(work / "a", 10))
    code, _, err = people.run(
        "alice", "send-file", "bob", path, "--registry", "original://localhost"
    )
    assert (code, "files cannot be sent in clear" in err) == (2, True)


def test_hook(people: People, work: Path, tmp_path: Path) -> None:
    """A hook knows the path of what has come."""
    set_files(people, "50MB")
    seen = tmp_path / "seen"
    script = tmp_path / "hook"
    script.write_text(
        f'#!/bin/sh\necho "$P2P_FROM $P2P_NAME $P2P_PATH" > {seen}.new\nmv {seen}.new {seen}\n'
    )
    script.chmod(0o755)
    config = Path(people.env["bob"]["P2P_HOME"]) / "config" / "config.toml"
    config.parent.mkdir(exist_ok=True)
    with config.open("a") as file:
        file.write(f'\n[hooks]\nfile_received = "{script}"\n')
    with running(people.start("bob", "--headless")) as bob:
        assert people.run("alice", "send-file", "bob", str(make(work / "a", 10)))[0] == 0
        wait_until(seen.exists, bob)
        bob.signal(signal.SIGTERM)
        bob.end()
    assert seen.read_text() == f"alice a {there(people, 'a')}\n"


def test_settings_apply_to_a_node_at_the_prompt(people: People, work: Path, tmp_path: Path) -> None:
    """Those of the file or the environment, also for a node that is started by hand."""
    people.env["bob"] |= {"P2P_ACCEPT": "1MB", "P2P_FOLDER": str(tmp_path / "in")}
    with running(people.start("bob")) as bob:
        assert people.run("alice", "send-file", "bob", str(make(work / "a", 70_000)))[0] == 0
        bob.wait_for("receiving a from alice")
    assert (tmp_path / "in" / "alice" / "a").exists()


def test_settings(people: People) -> None:
    """What becomes of a contact's files; nonsense is refused."""
    code, said, _ = people.run("bob", "contacts", "files", "alice")
    assert (code, said) == (0, ["you are asked about each file from alice"])
    set_files(people, "100MB")
    assert "up to 100.0 MB each" in people.run("bob", "contacts", "files", "alice")[1][0]
    assert people.run("bob", "contacts", "files", "alice", "often")[0] == 2
    assert people.run("bob", "contacts", "files", "nobody", "ask")[0] == 2


def test_bot(people: People, work: Path) -> None:
    """A program offers, accepts and follows by JSON."""
    path = make(work / "a.bin", 150_000)
    bob, alice = (Program("login", "--json", env=people.env[name]) for name in ("bob", "alice"))
    for program in (bob, alice):
        program.wait_for("logged_in")
    alice.type(json.dumps({"command": "send-file", "to": "bob", "path": str(path)}))
    offered = json.loads(bob.wait_for('"file_offered"').string)
    assert (offered["name"], offered["size"], offered["from"]) == ("a.bin", 150_000, "alice")
    bob.type(json.dumps({"command": "get", "transfer": offered["transfer"]}))
    received = json.loads(bob.wait_for('"file_received"').string)
    assert Path(received["path"]).read_bytes() == path.read_bytes()
    delivered = json.loads(alice.wait_for('"file_delivered"').string)
    assert delivered["sum"] == received["sum"]
    bob.type('{"command":"files"}')
    assert '"state": "done"' in bob.wait_for(r'"files": \[').string
    for program in (alice, bob):
        program.type('{"command":"quit"}')
        assert program.end()[0] == 0
