"""The wall clock is set while the registry runs: nobody is logged out by that."""

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
    """A registry whose wall clock can be set; the monotonic one cannot, as everywhere."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "offset"
        self.set_clock(0)
        self.command = by_clock(self._offset)
        patience = ("--hello-patience", str(PATIENCE), "--hello-interval", str(PATIENCE / 3))
        super().__init__(folder / "r", *CHEAP, *patience)

    def set_clock(self, offset: float) -> None:
        """Set it to so many seconds from the true time."""
        self.clock_ahead = offset
        new = self._offset.with_suffix(".new")
        new.write_text(str(offset), "ascii")
        new.replace(self._offset)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[ServeByAnotherClock]:
    """A registry by a clock of its own."""
    serve = ServeByAnotherClock(tmp_path)
    with running(serve):
        yield serve


def test_who_is_logged_in_stays(serve: ServeByAnotherClock) -> None:
    """Whatever the clock is set to, they are found, heard, and may come and ask."""
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
            newcomer = Member(serve, f"new{n}")  # a login sets the registry's alarm anew
            assert newcomer.finds("alice") == "ONLINE"
            newcomer.close()
            udp.sendto(alice.hello(), serve.secure_udp)
            assert udp.recv(100).startswith(b"P2PA")
            assert alice.finds("alice") == "ONLINE"
            assert olga.ask("SEARCH", "olga") == ("SEARCH_RESP", "127.0.0.1 50000")
        print(f"{len(JUMPS)} jumps, {min(JUMPS)} to {max(JUMPS)} s: 0 of 2 logged out")


def test_a_token_lives_by_the_wall_clock(serve: ServeByAnotherClock) -> None:
    """It outlives the process, so no other clock can tell its age: used within 30 days it, or the
    one that has replaced it, lives on; later it is refused; a clock that is set back ends none.
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
