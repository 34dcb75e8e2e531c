"""A registry with many sessions dies, is restarted, and all clients return by token."""

import math
import resource
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.crowd import CHEAP, Member, cpu_s, resident_kib
from tests.faults.herd import Herd
from tests.programs import Serve, running

SLOW_HASH = f"$argon2id$v=19$m=19456,t=50,p=1${'A' * 22}${'A' * 43}"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("users", [200, pytest.param(10_000, marks=pytest.mark.long)])
def test_all_clients_return_by_token(tmp_path: Path, users: int) -> None:
    """No password is checked, which would take half a second each."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if users + 200 > most:
        pytest.skip(f"only {most} descriptors")
    herd = Herd()
    try:
        serve = Serve(tmp_path, *CHEAP)
        with running(serve):
            herd.register(serve.secure_tcp, (f"user{i}" for i in range(users)))
            serve.process.kill()
            serve.process.wait()
        herd.leave()
        with closing(sqlite3.connect(tmp_path / "accounts.sqlite3")) as database, database:
            database.execute("UPDATE account SET password_hash = ?", [SLOW_HASH])
        began = time.monotonic()
        serve = Serve(tmp_path, *CHEAP, secure_port=serve.secure_tcp[1])
        with running(serve):
            started = time.monotonic() - began
            cpu, memory = cpu_s(serve), resident_kib(serve)
            arrivals = herd.log_in(serve.secure_tcp)
            cpu, memory = cpu_s(serve) - cpu, resident_kib(serve) - memory
            assert len(arrivals) == users
            assert cpu / users < 0.1, "passwords were checked"
            member = Member(serve, "bob", errand=True)
            assert member.finds("user0") == "OFFLINE"  # it has not announced a port
            member.close()
            print(
                f"{users} users: the registry was up after {started:.2f} s,"
                f" 99 % were back {arrivals[math.ceil(users * 0.99) - 1]:.2f} s later"
                f" ({cpu / users * 1000:.1f} ms of CPU and {memory / users:.0f} KiB for each)"
            )
    finally:
        herd.leave()
