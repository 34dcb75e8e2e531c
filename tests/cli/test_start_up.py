"""Start-up imports nothing heavy, and the process handles signals and closed streams."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import P2P, Program, Serve, environment, running

HEAVY = (
    "peewee",
    "sqlite3",
    "prompt_toolkit",
    "segno",
    "asyncio",
    "msgspec",
    "cryptography",
    "ssl",
    "selectors",
    "p2pchat.net",
    "p2pchat.protocol",
    "p2pchat.peer",
    "p2pchat.registry",
    "p2pchat.ui.text.commands",
    "p2pchat.ui.prompt.prompt",
)


class Background(Program):
    """A program started with SIGHUP and SIGINT ignored."""

    command = ("sh", "-c", f'trap "" HUP INT; exec {P2P} "$@"', "sh")


def test_help_imports_nothing_heavy() -> None:
    """--help imports no database, terminal, crypto or network module."""
    script = (
        "import sys; from p2pchat.cli.main import cli\n"
        "try: cli(['--help'])\nexcept SystemExit: pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "Usage" in done.stdout
    assert done.stderr == "[]\n"


def test_module_can_be_run() -> None:
    """`python -m p2pchat` uses the program's usual name."""
    run = [sys.executable, "-m", "p2pchat", "--help"]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: p2p [OPTIONS]")


def test_closed_pipe_has_no_traceback(tmp_path: Path) -> None:
    """`p2p --help | true` writes nothing to stderr."""
    done = subprocess.run(
        f"{P2P} --help | true",
        shell=True,
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        check=False,
    )
    assert done.stderr == ""


def test_ctrl_c_exits_with_130(tmp_path: Path) -> None:
    """Ctrl-C exits with 130 without a traceback, and the user is offline at once."""
    serve = Serve(tmp_path / "r", "--quiet")
    with running(serve):
        env = environment(tmp_path, P2P_REGISTRY=serve.url, P2P_PASSWORD="x")
        assert Program("register", "alice", env=env).end()[0] == 0
        ours = Program("login", "alice", env=env)
        with running(ours):
            ours.wait_for("logged in as alice")
            client = serve.dial()
            assert client.ask("SEARCH", "alice")[1].startswith("127.0.0.1 ")
            ours.signal(signal.SIGINT)
            code, err = ours.end()
        assert code == 130
        assert err.strip() == ""
        assert client.ask("SEARCH", "alice") == ("SEARCH_RESP", "OFFLINE")


def test_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    """Signals ignored at the start, as by nohup, stay ignored."""
    serve = Serve(tmp_path / "r", "--quiet")
    with running(serve):
        env = environment(tmp_path, P2P_REGISTRY=serve.url, P2P_PASSWORD="x")
        assert Program("register", "alice", env=env).end()[0] == 0
        ours = Background("login", "alice", env=env)
        with running(ours):
            ours.wait_for("logged in as alice")
            ours.signal(signal.SIGHUP)
            ours.signal(signal.SIGINT)
            ours.type("/search alice")
            ours.wait_for("alice is online")
            assert ours.end() == (0, "")


def test_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    """The demo leaves no file."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    program = Program("demo", env=environment(tmp_path / "home", TMPDIR=str(scratch)))
    assert program.end() == (0, "")
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_demo_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    """The demo removes its folder on any signal."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    program = Program("demo", env=environment(tmp_path / "home", TMPDIR=str(scratch)))
    with running(program):
        program.wait_for("logged in as you")
        program.signal(number)
        code, err = program.end()
    assert code in {0, 128 + number}  # it may have ended already
    assert "Traceback" not in err
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("how", ["1>&-", "0<&-", "0>/dev/null"])
def test_closed_streams_have_no_traceback(tmp_path: Path, how: str) -> None:
    """Closed or unreadable standard streams, as by nohup and cron, are no error."""
    serve = Serve(tmp_path / "r", "--quiet")
    with running(serve):
        env = environment(tmp_path, P2P_REGISTRY=serve.url, P2P_PASSWORD="x")
        assert Program("register", "alice", env=env).end()[0] == 0
        done = subprocess.run(
            f"echo /quit | {P2P} login alice {how}",
            shell=True,
            capture_output=True,
            text=True,
            env=env,
            check=False,
            timeout=30,
        )
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("command", [["--help"], ["completion", "bash"]])
def test_full_disk_behind_stdout_is_reported(tmp_path: Path, command: list[str]) -> None:
    """Exit 1 with one sentence and no traceback."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [P2P, *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(tmp_path),
            check=False,
        )
    assert done.stderr.startswith("p2p: cannot write to stdout: No space left")
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


def test_created_folders_are_private(tmp_path: Path) -> None:
    """Created folders have mode 0700, whatever the umask."""
    env = environment(tmp_path) | {"HOME": str(tmp_path)}
    del env["P2P_HOME"]
    code = "umask 022; " + P2P + " users invite > /dev/null; exec " + P2P + " contacts"
    done = subprocess.run(["sh", "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0
    assert done.stderr.startswith("you have no contacts yet")
    made = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert any(path.name == "registry" for path in made)
    assert all(path.stat().st_mode & 0o077 == 0 for path in made)
