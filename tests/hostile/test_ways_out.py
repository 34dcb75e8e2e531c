"""However a registry ends, it closes what it opened, so Python prints no warning."""

import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.crowd import CHEAP
from tests.programs import WITH_EXTRAS, Program, Serve, environment, running

WARNINGS = {"PYTHONWARNINGS": "default", "PYTHONDEVMODE": "1"}


@pytest.fixture
def taken() -> Iterator[str]:
    """Yield a port that is in use."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield str(listener.getsockname()[1])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_registry_with_connections_is_stopped(tmp_path: Path, how: signal.Signals) -> None:
    """Connections in handshakes and with half a frame are closed on a signal."""
    serve = Serve(tmp_path, *CHEAP, env=WARNINGS)
    with running(serve):
        silent = [socket.create_connection(serve.secure_tcp, 20) for _ in range(3)]
        raw = serve.dial()
        raw.socket.sendall(b"3         SEA")
        assert serve.dial().ask("SEARCH", "nobody") == ("SEARCH_RESP", "NOT_FOUND")
        serve.signal(how)
        _, err = serve.end()
        for sock in silent:
            sock.close()
    assert err == ""


@pytest.mark.parametrize(
    "options",
    [
        ("--port", "TAKEN"),
        ("--port", "0", "--original-port", "TAKEN"),
        ("--port", "0", "--original-port", "0", "--metrics", "127.0.0.1:TAKEN"),
        ("--port", "0", "--certificate", "nothing.pem", "--key", "nothing.pem"),
        ("--port", "0", "--database", "postgresql://nobody@127.0.0.1:TAKEN/x"),
    ],
    ids=["secure", "original", "metrics", "certificate", "database"],
)
def test_registry_that_cannot_start_prints_one_error(
    tmp_path: Path, taken: str, options: tuple[str, ...]
) -> None:
    """The error is all that is written to stderr."""
    options = tuple(option.replace("TAKEN", taken) for option in options)
    env = environment(tmp_path / "home", **WARNINGS, **WITH_EXTRAS)
    program = Program("serve", "--data-dir", str(tmp_path / "r"), *options, env=env)
    code, err = program.end()
    assert code != 0
    assert err.startswith(("p2p: ", "Usage: "))
    assert "Warning" not in err


def test_locked_data_folder_prints_one_error(tmp_path: Path) -> None:
    """A second registry on a locked folder releases what it has opened."""
    serve = Serve(tmp_path / "r", *CHEAP)
    with running(serve):
        env = environment(tmp_path / "home", **WARNINGS)
        second = Program("serve", "--data-dir", str(tmp_path / "r"), "--port", "0", env=env)
        code, err = second.end()
        assert code != 0
        assert "Warning" not in err


@pytest.mark.parametrize("mode", [0o755, 0o711, 0o750])
def test_data_folder_that_others_can_enter_is_refused(tmp_path: Path, mode: int) -> None:
    """The error says how to fix the mode."""
    folder = tmp_path / "r"
    folder.mkdir()
    folder.chmod(mode)
    env = environment(tmp_path / "home")
    code, err = Program("serve", "--data-dir", str(folder), "--port", "0", env=env).end()
    assert code == 1, err
    assert err.splitlines()[0] == f"p2p: others can enter {folder}"
    assert f"try: chmod 700 {folder}" in err


def test_all_files_are_private(tmp_path: Path) -> None:
    """All files of a registry and a node have private modes, whatever the umask."""
    serve = Serve(tmp_path / "r", *CHEAP)
    env = environment(tmp_path / "home", P2P_REGISTRY=serve.join, P2P_PASSWORD="password")
    with running(serve):
        node = Program("register", "alice", env=env)
        assert node.end() == (0, "")
        node = Program("login", env=env)
        with running(node):
            node.wait_for("logged in as alice")
            open_files = _modes(tmp_path)
            node.type("/quit")
            node.end()
    modes = {**open_files, **_modes(tmp_path)}
    assert len(modes) > 8
    wrong = {path.name: oct(mode) for path, mode in modes.items() if mode & 0o077}
    assert wrong == {}


def _modes(folder: Path) -> dict[Path, int]:
    """Return the modes of all our files and folders below this one."""
    found = (path for path in folder.rglob("*") if not path.is_symlink())
    return {path: path.stat().st_mode & 0o777 for path in found if path.name != "home"}
