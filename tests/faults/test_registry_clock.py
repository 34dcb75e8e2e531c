"""The wall clock is set while the registry runs, and no client is logged out."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conformance.secure_client import Secure
from tests.faults.crowd import CHEAP, Member
from tests.programs import Serve, by_clock, running

DAY = 24 * 3600
JUMPS = (3600, 365 * DAY, -DAY, -30 * 365 * DAY)
TOKEN_LIFETIME = 30 * DAY
PATIENCE = 30.0


class ServeByAnotherClock(Serve):
    """A registry whose wall clock can be set; the monotonic clock cannot."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "offset"
        self.set_clock(0)
        self.command = by_clock(self._offset)
        patience = ("--hello-patience", str(PATIENCE), "--hello-interval", str(PATIENCE / 3))
        super().__init__(folder / "r", *CHEAP, *patience)

    def set_clock(self, offset: float) -> None:
        """Set the wall clock to this many seconds from the true time."""
        self.clock_ahead = offset
        new = self._offset.with_suffix(".new")
        new.write_text(str(offset), "ascii")
        new.replace(self._offset)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[ServeByAnotherClock]:
    """Yield a registry with a settable clock."""
    serve = ServeByAnotherClock(tmp_path)
    with running(serve):
        yield serve


def test_sessions_survive_clock_changes(serve: ServeByAnotherClock) -> None:
    """Whatever the clock, users are found, heartbeats count, and logins work."""
    with ExitStack() as stack:
        alice = Member(serve, "alice", port=40_000)
        stack.callback(alice.close)
        olga = serve.dial()
        assert olga.ask("REG", "olga password") == ("REG_RESP", "OK")
        assert olga.ask("PS_PORT", "50000") == ("PS_PORT_RESP", "OK")
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.settimeout(20)
        for n, jump in enumerate(JUMPS):
            serve.set_clock(jump)
            newcomer = Member(serve, f"new{n}")  # a login reschedules the expiry
            assert newcomer.finds("alice") == "ONLINE"
            newcomer.close()
            udp.sendto(alice.hello(), serve.secure_udp)
            assert udp.recv(100).startswith(b"P2PA")
            assert alice.finds("alice") == "ONLINE"
            assert olga.ask("SEARCH", "olga") == ("SEARCH_RESP", "127.0.0.1 50000")
        print(f"{len(JUMPS)} jumps, {min(JUMPS)} to {max(JUMPS)} s: 0 of 2 logged out")


def test_tokens_expire_by_the_wall_clock(serve: ServeByAnotherClock) -> None:
    """A token used within 30 days stays valid or is replaced; later it is refused. Setting the
    clock back ends none.
    """
    member = Member(serve, "alice", errand=True)
    member.close()
    tokens = [member.grant["token"]]

    def good_at(offset: float) -> bool:
        serve.set_clock(offset)
        client = Secure(serve)
        _, said = client.tell("LOG", username="alice", token=tokens[-1], errand=True)
        client.close()
        if said["outcome"] == "OK":
            tokens.append(said["grant"]["token"])
            return True
        assert said["reason"] == "BAD_TOKEN"
        return False

    used = [0.0, TOKEN_LIFETIME - 60, 2 * TOKEN_LIFETIME - 120, 1e3 - DAY, TOKEN_LIFETIME - DAY]
    assert [good_at(offset) for offset in used] == [True] * len(used)
    assert not good_at(3 * TOKEN_LIFETIME)
    assert good_at(0)
    print(f"a token was good {len(used)} times within 30 days of its last use, and not after 30")
