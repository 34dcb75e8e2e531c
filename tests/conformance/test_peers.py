"""Peer and peer (PROTOCOL): the real `p2p` with an original peer, in both roles."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.original import OriginalPeer
from tests.programs import Program, Raw, Serve, environment, running


@pytest.fixture
def original() -> Iterator[OriginalPeer]:
    """Yield a peer of the original system."""
    peer = OriginalPeer()
    yield peer
    peer.close()


@pytest.fixture
def env(registry: Serve, tmp_path: Path) -> dict[str, str]:
    """Return the environment of one of our users."""
    return environment(tmp_path, P2P_REGISTRY=registry.url, P2P_PASSWORD="secret")


@pytest.fixture
def olga(registry: Serve, name: str, env: dict[str, str], original: OriginalPeer) -> Iterator[str]:
    """Yield the name of a callable user of the original system; we have an account, too."""
    callee = f"a-{name}"  # sorts first, so that our calls win
    session = Raw(registry.tcp)
    session.ask("REG", f"{callee} x")
    session.ask("PS_PORT", str(original.port))
    assert Program("register", name, env=env).end()[0] == 0
    yield callee
    session.close()


def log_in(name: str, env: dict[str, str]) -> tuple[Program, int]:
    """Register and log in; return the program and the port of its peer server."""
    assert Program("register", name, env=env).end()[0] == 0
    program = Program("login", name, env=env)
    return program, int(program.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1])


def test_original_caller_is_accepted(
    name: str, env: dict[str, str], original: OriginalPeer
) -> None:
    """An accepted caller chats both ways, and a second one gets BUSY."""
    ours, port = log_in(name, env)
    with running(ours):
        caller = original.dial(port)
        caller.say("CHAT_REQ", f"olga {original.port}")
        ours.wait_for(r"^\* olga wants to chat with you in clear, .*")
        early = original.dial(port)
        assert early.ask("CHAT_REQ", "early 1") == ("CHAT_REQ_RESP", "BUSY")
        ours.type("/accept")
        assert original.receive(caller) == ("CHAT_REQ_RESP", "ACCEPT")
        back = original.accept()
        ours.wait_for(r"^\* chat with olga started$")
        caller.say("MSG", "merhaba dünya")
        ours.wait_for("^olga: merhaba dünya$")
        ours.type("hello olga")
        assert original.receive(back) == ("MSG", "hello olga")
        second = original.dial(port)
        assert second.ask("CHAT_REQ", "late 1") == ("CHAT_REQ_RESP", "BUSY")
        caller.say("MSG", "still here")
        ours.wait_for("^olga: still here$")
        caller.close()
        back.close()
        ours.wait_for(r"^\* chat with olga ended$")
        third = original.dial(port)
        third.say("CHAT_REQ", f"third {original.port}")
        ours.wait_for(r"^\* third wants to chat")
        ours.type("/reject")
        assert original.receive(third) == ("CHAT_REQ_RESP", "REJECT")
        ours.type("/quit")
        assert ours.end()[0] == 0


def test_original_contact_leaves_and_returns(
    name: str, env: dict[str, str], original: OriginalPeer
) -> None:
    """Texts on its old connection are ignored, and a new call is possible."""
    ours, port = log_in(name, env)
    with running(ours):
        for n in range(2):
            caller = original.dial(port)
            caller.say("CHAT_REQ", f"olga {original.port}")
            ours.wait_for("olga wants to chat")
            ours.type("/accept")
            assert original.receive(caller) == ("CHAT_REQ_RESP", "ACCEPT")
            back = original.accept()
            caller.say("MSG", f"hello {n}")
            ours.wait_for(f"^olga: hello {n}$")
            ours.type(f"hello to you {n}")
            assert original.receive(back) == ("MSG", f"hello to you {n}")
            original.leave(caller)
            ours.wait_for(r"^\* chat with olga ended$")
            ours.type("are you still there?")
            ours.wait_for(r"^\* you are in no chat")
        ours.type("/quit")
        assert ours.end()[0] == 2  # two lines could not be sent


def test_caller_that_hangs_up_is_reported(
    name: str, env: dict[str, str], original: OriginalPeer
) -> None:
    """A caller may hang up before it is answered, and others may call then."""
    ours, port = log_in(name, env)
    with running(ours):
        caller = original.dial(port)
        caller.say("CHAT_REQ", f"ghost {original.port}")
        ours.wait_for("ghost wants to chat")
        caller.close()
        ours.wait_for(r"^\* ghost has stopped calling$")
        caller = original.dial(port)
        caller.say("CHAT_REQ", f"olga {original.port}")
        ours.wait_for("olga wants to chat")


def test_malformed_bytes_close_only_their_own_link(
    name: str, env: dict[str, str], original: OriginalPeer
) -> None:
    """Malformed bytes at the peer server do not affect a chat."""
    ours, port = log_in(name, env)
    with running(ours):
        caller = original.dial(port)
        caller.say("CHAT_REQ", f"olga {original.port}")
        ours.wait_for("olga wants to chat")
        ours.type("/accept")
        original.accept()
        for data in (
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"9999999999MSG            ",
            b"5         CHAT_REQ       alice",
            b"4         CHAT_REQ_RESP  BUSY",
            b"3         SEARCH         bob",
            b"\x16\x03\x01" + bytes(40),
        ):
            stranger = original.dial(port)
            stranger.socket.sendall(data)
            assert stranger.closed_by_remote()
        for i, data in enumerate((b"1         ", b"MSG            ", b"x")):
            caller.socket.sendall(data[: i + 1])
            caller.socket.sendall(data[i + 1 :])
        ours.wait_for("^olga: x$")


@pytest.mark.parametrize(
    ("reply", "line", "code"),
    [("REJECT", "rejected your request", 7), ("BUSY", "is busy", 8)],
)
def test_refusals_of_an_original_callee(
    olga: str,
    name: str,
    env: dict[str, str],
    original: OriginalPeer,
    reply: str,
    line: str,
    code: int,
) -> None:
    """REJECT and BUSY have their own messages and exit codes."""
    ours = Program("chat", olga, env=env)
    with running(ours):
        asked = original.accept()
        command, payload = original.receive(asked)
        assert (command, payload.split()[0]) == ("CHAT_REQ", name)
        asked.say("CHAT_REQ_RESP", reply)
        ours.wait_for(rf"^\* {olga} {line}$")
        assert ours.end()[0] == code


def test_original_callee_accepts(olga: str, env: dict[str, str], original: OriginalPeer) -> None:
    """The callee dials back, and each side sends only on the connection it opened."""
    ours = Program("chat", olga, env=env)
    with running(ours):
        asked = original.accept()
        _, payload = original.receive(asked)
        asked.say("CHAT_REQ_RESP", "ACCEPT")
        back = original.dial(int(payload.split()[1]))
        ours.wait_for(rf"^\* chat with {olga} started$")
        back.say("MSG", "one")
        back.say("MSG", "two")
        ours.wait_for(f"^{olga}: one$")
        ours.wait_for(f"^{olga}: two$")
        ours.type("three")
        assert original.receive(asked) == ("MSG", "three")
        back.close()
        ours.wait_for(rf"^\* chat with {olga} ended$")
        assert ours.end()[0] == 0
        assert asked.closed_by_remote()


def test_end_of_input_sends_everything(
    olga: str, env: dict[str, str], original: OriginalPeer
) -> None:
    """`p2p chat` from a pipe sends every line and exits with 0."""
    ours = Program("chat", olga, env=env)
    with running(ours):
        assert ours.process.stdin is not None
        ours.process.stdin.write("".join(f"line {i}\n" for i in range(500)) + "no newline")
        ours.process.stdin.close()
        ours.process.stdin = None
        asked = original.accept()
        original.receive(asked)
        asked.say("CHAT_REQ_RESP", "ACCEPT")
        for i in range(500):
            assert asked.hear() == ("MSG", f"line {i}")
        assert asked.hear() == ("MSG", "no newline")
        assert asked.closed_by_remote()
        assert ours.end()[0] == 0


def test_slow_reader_gets_every_line(
    olga: str, env: dict[str, str], original: OriginalPeer
) -> None:
    """Input larger than all buffers is read no faster than the contact reads."""
    short = [f"{i} x" for i in range(9000)]
    long = [f"{i} {'y' * 990}" for i in range(6000)]
    ours = Program("chat", olga, env=env)
    with running(ours):
        writer = threading.Thread(target=ours.write_all, args=("\n".join(short + long) + "\n",))
        writer.start()
        asked = original.accept()
        original.receive(asked)
        asked.say("CHAT_REQ_RESP", "ACCEPT")
        ours.wait_for("chat with .* started")
        assert ours.process.poll() is None
        stream = asked.socket.makefile("rb")
        for line in short + long:
            header = stream.read(25)
            assert header[10:].strip() == b"MSG"
            assert stream.read(int(header[:10])).decode() == line
        assert stream.read(1) == b""
        stream.close()
        writer.join()
        assert ours.end()[0] == 0


def test_contact_that_leaves_early_is_an_error(
    olga: str, env: dict[str, str], original: OriginalPeer
) -> None:
    """Unsent lines are reported and set the exit code."""
    ours = Program("chat", olga, env=env)
    with running(ours):
        text = "".join(f"{i} {'y' * 990}\n" for i in range(20000))
        writer = threading.Thread(target=ours.write_all, args=(text,))
        writer.start()
        asked = original.accept()
        original.receive(asked)
        asked.say("CHAT_REQ_RESP", "ACCEPT")
        ours.wait_for("chat with .* started")
        original.receive(asked)
        asked.close()
        ours.wait_for("not sent")
        assert ours.process.wait(20) == 3
        writer.join()


def test_text_before_the_acceptance_is_kept(
    olga: str, env: dict[str, str], original: OriginalPeer
) -> None:
    """A text may arrive before the acceptance, since it uses another connection."""
    ours = Program("chat", olga, env=env)
    with running(ours):
        asked = original.accept()
        _, payload = original.receive(asked)
        back = original.dial(int(payload.split()[1]))
        back.say("MSG", "early")
        probe = original.dial(int(payload.split()[1]))
        assert probe.ask("CHAT_REQ", "somebody 5") == ("CHAT_REQ_RESP", "BUSY")
        asked.say("CHAT_REQ_RESP", "ACCEPT")
        ours.wait_for("^" + olga + ": early$")
        back.say("MSG", "later")
        ours.wait_for("^" + olga + ": later$")


def test_callee_cannot_be_impersonated(
    olga: str, env: dict[str, str], original: OriginalPeer
) -> None:
    """A crossing call is accepted only from the host that we call."""
    ours = Program("chat", olga, env=env)
    with running(ours):
        asked = original.accept()
        _, payload = original.receive(asked)
        impostor = Raw(("127.0.0.1", int(payload.split()[1])), source=("127.0.0.9", 0))
        assert impostor.ask("CHAT_REQ", f"{olga} 1") == ("CHAT_REQ_RESP", "BUSY")
        impostor.close()
        asked.say("CHAT_REQ_RESP", "REJECT")
        ours.wait_for("rejected your request")
