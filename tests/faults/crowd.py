"""Clients and measurements for the fault tests of the registry, with heartbeats by PROTOCOL."""

import base64
import hmac
import json
import os
import select
import struct
import time
from pathlib import Path
from typing import Any

from tests.conformance.secure_client import Secure
from tests.programs import Program, Raw, Serve

CHEAP = ("--quiet", "--password-cost", "64:1", "--limits", "none")
"""A registry at which a test's many accounts cost little."""


class Member(Secure):
    """A user at the secure listener: online, or with a transient login (`errand`).

    An account is created unless it `is_known` or has a token.
    """

    def __init__(
        self,
        serve: Serve,
        name: str,
        *,
        port: int = 0,
        token: str = "",
        errand: bool = False,
        is_known: bool = False,
        can: tuple[str, ...] = (),
    ) -> None:
        super().__init__(serve)
        self.name = name
        self._counter = 0
        known = {"token": token} if token else {"password": "password"}
        command = "LOG" if token or is_known else "REG"
        answer = self.tell(command, username=name, errand=errand, can=can, **known)
        assert answer[1].get("outcome") == "OK", answer
        self.grant: dict[str, Any] = answer[1]["grant"]
        if port:
            answer = self.tell("PS_PORT", port=port)
            assert answer[1].get("outcome") == "OK", answer

    def hello(self) -> bytes:
        """Return the next heartbeat."""
        self._counter += 1
        session = base64.b64decode(self.grant["session"])
        signed = struct.pack("!4s8sQ", b"P2PH", session, self._counter)
        key = base64.b64decode(self.grant["hello_key"])
        return signed + hmac.digest(key, signed, "sha256")[:16]

    def finds(self, name: str) -> str:
        """Search for a user and return the presence."""
        command, found = self.tell("SEARCH", username=name)
        assert command == "SEARCH_RESP", (command, found)
        return str(found["presence"])

    def told_of(self, name: str, presence: str = "ONLINE") -> dict[str, Any]:
        """Wait until we are told unasked that a user we watch has this presence; return the result.

        Other news is skipped.
        """
        while True:
            command, payload = self.hear()
            assert command == "PRESENCE", (command, payload)
            news = json.loads(payload)
            if (news["username"], news["result"]["presence"]) == (name, presence):
                return dict(news["result"])


def let_pass(seconds: float) -> None:
    """Let time pass while a process is stopped and there is no event to wait for."""
    select.select([], [], [], max(0.0, seconds))


def until(deadline: float) -> float:
    """Return the seconds left until an instant of `time.monotonic`."""
    return max(0.0, deadline - time.monotonic())


def wait_until_stopped(pid: int) -> None:
    """Wait until the process has been stopped by SIGSTOP."""
    found = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    assert found is not None


def look_up_s(client: Raw, times: int = 50) -> float:
    """Return the median time of a search at the original listener."""
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        assert client.ask("SEARCH", "nobody") == ("SEARCH_RESP", "NOT_FOUND")
        taken.append(time.perf_counter() - began)
    return sorted(taken)[times // 2]


def cpu_s(serve: Serve) -> float:
    """Return the CPU seconds used by the registry."""
    fields = Path(f"/proc/{serve.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(serve: Program) -> int:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{serve.process.pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")
