"""`p2p invite`: the line works for whoever gets it, and nobody is asked for it."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from p2pchat.cli.main import cli
from tests.programs import Program, Serve, environment, running

Invite = Callable[..., Result]
KEY = "a2" * 26
WANTS_CODE = "if the registry wants an invitation: p2p invite --code CODE\n"


@pytest.fixture
def invite(tmp_path: Path) -> Invite:
    """Invite from a home of one's own."""

    def invoke(*flags: str) -> Result:
        env = {"P2P_HOME": str(tmp_path), "P2P_REGISTRY": ""}
        return CliRunner(env=env).invoke(cli, ["invite", *flags], prog_name="p2p")

    return invoke


def test_a_friend_joins_by_the_line_and_finds_us(tmp_path: Path) -> None:
    """The key is the profile's where the URL names none."""
    serve = Serve(tmp_path / "r", "--quiet", "--registration", "invite")
    with running(serve):
        name, key = serve.join.split("#")
        codes = Program("users", "invite", "--uses", "2", env=environment(serve_home(tmp_path)))
        code = codes.wait_for("^(.+)$")[1]
        assert codes.end()[0] == 0
        alice = environment(tmp_path / "alice", P2P_REGISTRY=name, P2P_PASSWORD="password")
        program = Program("register", "alice", "--invite", code, env=alice)
        assert program.end()[0] == 0
        program = Program("invite", "--code", code, env=alice)
        err = program.end()[1]
        assert "is this machine to whoever types it" in err
        (line,) = program.said
        register, chat = (shlex.split(part) for part in line.split(" && "))
        assert register == [
            *("p2p", "register", "NAME", "--registry", f"{name}#{key}", "--invite", code)
        ]
        assert chat == ["p2p", "chat", "alice", "--registry", name]
        bob = environment(tmp_path / "bob", P2P_PASSWORD="password")
        register[2] = "bob"
        assert Program(*register[1:], env=bob).end() == (0, "")  # no first contact: it is pinned
        program = Program(*chat[1:], env=bob)
        assert program.end()[0] == 0
        assert "* alice is offline" in "\n".join(program.said)


def serve_home(folder: Path) -> Path:
    """Give a home whose registry is the one in `folder / "r"`."""
    (folder / "operator" / "data").mkdir(parents=True)
    (folder / "operator" / "data" / "registry").symlink_to(folder / "r")
    return folder / "operator"


def test_nothing_is_known_yet(invite: Invite) -> None:
    """The line is still good, and what it lacks is said on stderr."""
    result = invite("--registry", "p2p://chat.example.org")
    assert result.exit_code == 0
    assert result.stdout == "p2p register NAME --registry p2p://chat.example.org:7117\n"
    assert "the link carries no key" in result.stderr
    assert WANTS_CODE in result.stderr
    result = invite("--registry", f"p2p://chat.example.org#{KEY}", "--code", "c0de")
    assert result.stderr == ""


def test_who_is_to_be_chatted_with_can_be_said(invite: Invite) -> None:
    """In the original dialect the settings of the URL go along, and that it is in clear is said."""
    result = invite("--registry", "original://h?udp=5", "--as", "Olga")
    where = "'original://h:1235?udp=5'"
    assert result.stdout == (
        f"p2p register NAME --registry {where} && p2p chat Olga --registry {where}\n"
    )
    assert "can read what is said" in result.stderr
    assert invite("--as", "not a name").exit_code == 2


def test_a_qr_code_of_the_link(invite: Invite) -> None:
    """Below the line."""
    link = f"p2p://chat.example.org:7117#{KEY}"
    result = invite("--registry", link, "--qr")
    line, *code = result.stdout.splitlines()
    assert line == f"p2p register NAME --registry '{link}'"
    assert set("".join(code)) == set("█▀▄ ")
    assert result.stderr == WANTS_CODE
