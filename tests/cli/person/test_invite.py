"""`p2p invite` and `p2p join`: one command line from one user to another."""

import shlex
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from p2pchat.cli.main import cli
from p2pchat.peer.calls.invitations import parse_invitation
from p2pchat.peer.store.profile import Profile
from tests.programs import Program, Serve, environment, running

Invite = Callable[..., Result]
KEY = "a2" * 26


@pytest.fixture
def invite(tmp_path: Path) -> Invite:
    """Return a function that runs `p2p invite` with an empty home."""

    def invoke(*flags: str) -> Result:
        env = {"P2P_HOME": str(tmp_path), "P2P_REGISTRY": ""}
        return CliRunner(env=env).invoke(cli, ["invite", *flags], prog_name="p2p")

    return invoke


def _operator(folder: Path) -> dict[str, str]:
    """Return the environment of an operator whose registry is in `folder / "r"`."""
    (folder / "operator" / "data").mkdir(parents=True, mode=0o700)
    (folder / "operator" / "data" / "registry").symlink_to(folder / "r")
    return environment(folder / "operator")


def _invited(env: dict[str, str], *flags: str) -> list[str]:
    """Return the words of the command line that `p2p invite` prints."""
    program = Program("invite", *flags, env=env)
    code, err = program.end()
    assert code == 0, err
    (line,) = program.said
    return shlex.split(line)


def test_invited_user_joins_and_both_are_verified(tmp_path: Path) -> None:
    """The line includes the invite code, and both users are verified without a question."""
    serve = Serve(tmp_path / "r", "--quiet", "--registration", "invite")
    with running(serve):
        codes = Program("users", "invite", "--uses", "2", env=_operator(tmp_path))
        code = codes.wait_for("^(.+)$")[1]
        assert codes.end()[0] == 0
        alice = environment(tmp_path / "alice", P2P_REGISTRY=serve.join, P2P_PASSWORD="password")
        assert Program("register", "alice", "--invite", code, env=alice).end()[0] == 0
        words = _invited(alice, "--code", code)
        assert words[:2] == ["p2p", "join"]
        bob = environment(tmp_path / "bob", P2P_PASSWORD="secret word")
        with running(Program("login", env=alice)) as host:
            host.wait_for("logged in as alice")
            friend = Program(*words[1:], "--name", "bob", env=bob)
            friend.wait_for("chat with alice started")
            friend.type("hello, I am here")
            host.wait_for("bob has joined by your invitation, and is verified")
            host.wait_for("bob: hello, I am here")
            assert friend.end()[0] == 0
            assert not any("/verify" in line for line in friend.said)
            host.type("/quit")
            assert host.end()[0] == 0
        for env in (alice, bob):
            contacts = Program("contacts", env=env)
            assert contacts.end()[0] == 0
            assert contacts.said[0].endswith("verified by invitation")
        other = environment(tmp_path / "carol", P2P_PASSWORD="password")
        again = Program(*words[1:], "--name", "bob", env=other)
        code_of_a_taken_name, err = again.end()
        assert code_of_a_taken_name == 1
        assert "refused to register bob" in err


def test_invited_user_joins_while_the_inviter_is_offline(tmp_path: Path) -> None:
    """The first line is queued, and the invitation is used when both are online."""
    serve = Serve(tmp_path / "r", "--quiet", "--password-cost", "64:1")
    with running(serve):
        alice = environment(tmp_path / "alice", P2P_REGISTRY=serve.join, P2P_PASSWORD="password")
        assert Program("register", "alice", env=alice).end()[0] == 0
        words = _invited(alice)
        bob = environment(tmp_path / "bob", P2P_PASSWORD="password")
        friend = Program(*words[1:], "--name", "bob", env=bob)
        friend.type("for later")
        assert friend.end()[0] == 6
        with running(Program("login", "--headless", env=bob)):
            host = Program("login", env=alice)
            host.wait_for("bob has joined by your invitation")
            host.wait_for("bob: for later|bob has written")
            host.type("/quit")
            assert host.end()[0] == 0


def test_existing_user_logs_in_by_the_same_line(tmp_path: Path) -> None:
    """A user with an account logs in by the same line; a wrong password is refused."""
    serve = Serve(tmp_path / "r", "--quiet", "--password-cost", "64:1")
    with running(serve):
        alice, bob = (
            environment(tmp_path / name, P2P_REGISTRY=serve.join, P2P_PASSWORD="password")
            for name in ("alice", "bob")
        )
        for name, env in (("alice", alice), ("bob", bob)):
            assert Program("register", name, env=env).end()[0] == 0
        words = _invited(alice)
        new_machine = environment(tmp_path / "new", P2P_PASSWORD="password")
        program = Program(*words[1:], "--name", "bob", env=new_machine)
        assert program.end()[0] == 0
        wrong = environment(tmp_path / "wrong", P2P_PASSWORD="another password")
        code, err = Program(*words[1:], "--name", "bob", env=wrong).end()
        assert (code, "refused to register bob" in err) == (1, True)
        del bob["P2P_PASSWORD"]
        code, err = Program(*_invited(alice)[1:], "--name", "bob", env=bob).end()
        assert code == 4, err  # chat needs the password, since registering left no token
        code, err = Program(*_invited(alice)[1:], env=environment(tmp_path / "none")).end()
        assert (code, "there is no terminal to ask for a name" in err) == (2, True)


def test_join_without_a_terminal_needs_all_values(tmp_path: Path) -> None:
    """In a script the name and password must be given; a truncated link is refused first."""
    link = f"p2p://127.0.0.1:1/alice#{KEY}.{'a' * 52}.{'s' * 22}"
    code, err = Program("join", link, env=environment(tmp_path)).end()
    assert code == 3, err
    code, err = Program("join", link[:-60], env=environment(tmp_path)).end()
    assert code == 2
    assert "part of it was lost in copying" in err


def test_operator_invites_by_the_join_link(tmp_path: Path) -> None:
    """On the registry's own machine its join link is used, since others cannot use `localhost`."""
    operator = _operator(tmp_path)
    serve = Serve(tmp_path / "r", "--quiet", "--join-host", "127.0.0.1", "--password-cost", "64:1")
    with running(serve):
        key = serve.join.partition("#")[2]
        (tmp_path / "r" / "join-link").write_text(f"p2p://chat.example.org:7117#{key}\n")
        env = operator | {"P2P_REGISTRY": serve.join, "P2P_PASSWORD": "password"}
        assert Program("register", "alice", env=env).end()[0] == 0
        program = Program("invite", env=env)
        assert program.end() == (0, "")
        invitation = parse_invitation(shlex.split(program.said[0])[2])
        assert str(invitation.registry) == "p2p://chat.example.org:7117"
        assert invitation.contact == "alice"
        (tmp_path / "r" / "join-link").write_text(f"p2p://chat.example.org:7117#{KEY}\n")
        program = Program("invite", env=env)
        assert "means the machine on which it is typed" in program.end()[1]


def test_invitation_without_an_account(invite: Invite) -> None:
    """The line is valid, and what it lacks is written to stderr."""
    result = invite("--registry", "p2p://chat.example.org")
    assert result.exit_code == 0
    assert result.stdout == "p2p join p2p://chat.example.org:7117\n"
    assert "the link contains no key" in result.stderr
    result = invite("--registry", f"p2p://chat.example.org#{KEY}")
    assert result.stdout == f"p2p join 'p2p://chat.example.org:7117#{KEY}'\n"
    assert "you have no account there" in result.stderr


def test_invitation_to_an_original_registry(invite: Invite) -> None:
    """The line contains the URL with its settings; a warning says that it is in clear."""
    result = invite("--registry", "original://h?udp=5", "--as", "Olga")
    assert result.stdout == "p2p login --registry 'original://h:1235?udp=5'\n"
    assert "can read messages" in result.stderr
    assert invite("--as", "not a name").exit_code == 2


def test_account_of_another_user_invites_nobody(invite: Invite) -> None:
    """Only the user of an account has the key in its invitation."""
    result = invite("--registry", f"p2p://chat.example.org#{KEY}", "--as", "bob")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "bob at p2p://chat.example.org:7117 is not an account of yours" in result.stderr


def test_qr_code_of_the_link(invite: Invite, tmp_path: Path) -> None:
    """With --qr a QR code follows the line."""
    link = f"p2p://chat.example.org:7117#{KEY}"
    invite("--registry", link)  # makes the folders
    with closing(Profile(tmp_path / "data" / "profile.sqlite3")) as profile:
        profile.note_account("p2p://chat.example.org:7117", "alice")
    result = invite("--registry", link, "--as", "alice", "--qr")
    line, *code = result.stdout.splitlines()
    invitation = parse_invitation(shlex.split(line)[2])
    assert invitation.contact == "alice"
    assert set("".join(code)) == set("█▀▄ ")
    assert result.stderr == ""
