"""HELLO (PROTOCOL, "heartbeat, over UDP"), and clients that stop sending it."""

import socket
from contextlib import suppress
from pathlib import Path

from tests.programs import Serve, running

GARBAGE = (b"", b"HELLO", b"HELLO  ", b"HELLO \xff\xfe", b"\x00" * 1400, b"HI x")


def test_client_without_heartbeats_is_disconnected(tmp_path: Path) -> None:
    """A silent client goes offline; malformed datagrams and those from other hosts have
    no effect.
    """
    times = ("--hello-interval", "0.2", "--hello-patience", "4")
    serve = Serve(tmp_path, *times, "--quiet", "--password-cost", "64:1")
    with (
        running(serve),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        talker, silent, helped = (serve.dial() for _ in range(3))
        for i, (client, name) in enumerate(
            ((talker, "talker"), (silent, "silent"), (helped, "helped"))
        ):
            assert client.ask("REG", f"{name} x") == ("REG_RESP", "OK")
            assert client.ask("PS_PORT", str(30_000 + i)) == ("PS_PORT_RESP", "OK")
            udp.sendto(b"HELLO talker", serve.udp)
        stranger.bind(("127.0.0.9", 0))
        closed: set[str] = set()
        silent.socket.settimeout(0.2)
        helped.socket.settimeout(0.2)
        waiting = {"silent": silent, "helped": helped}
        while waiting:
            udp.sendto(b"HELLO talker", serve.udp)
            stranger.sendto(b"HELLO helped", serve.udp)
            for garbage in GARBAGE:
                udp.sendto(garbage, serve.udp)
            for name, client in tuple(waiting.items()):
                with suppress(TimeoutError):
                    assert client.socket.recv(1) == b""
                    closed.add(name)
                    del waiting[name]
        assert closed == {"silent", "helped"}
        assert talker.ask("SEARCH", "silent") == ("SEARCH_RESP", "OFFLINE")
        assert talker.ask("SEARCH", "talker") == ("SEARCH_RESP", "127.0.0.1 30000")
