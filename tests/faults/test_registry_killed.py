"""`kill -9` of the registry, repeatedly, while users register at both listeners."""

import random
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.conformance.secure_client import Secure
from tests.faults.crowd import CHEAP
from tests.programs import Raw, Serve, running

CLIENTS = 8
MOST_BETWEEN_KILLS = 40


class Registering(threading.Thread):
    """A user who creates accounts at one listener until the registry dies.

    `made` are the names that were answered with OK, with their tokens (none at the original
    listener).
    """

    def __init__(self, serve: Serve, name: str, one_more: threading.Semaphore) -> None:
        super().__init__()
        self._serve = serve
        self._name = name
        self._one_more = one_more
        self.made: dict[str, str] = {}

    def run(self) -> None:
        try:
            while True:
                self._register(f"{self._name}-{len(self.made)}")
                self._one_more.release()
        except (OSError, AssertionError):
            return  # the registry has died

    def _register(self, name: str) -> None:
        if name.startswith("secure"):
            with closing(Secure(self._serve)) as client:
                answer, said = client.tell("REG", username=name, password="password")
            assert (answer, said["outcome"]) == ("REG_RESP", "OK")
            self.made[name] = said["grant"]["token"]
        else:
            with closing(Raw(self._serve.tcp)) as raw:
                heard = raw.ask("REG", f"{name} password")
            assert heard == ("REG_RESP", "OK")
            self.made[name] = ""


# Python's ssl leaks a socket if the remote dies between the connection and the handshake.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.long)])
def test_every_acknowledged_account_survives(tmp_path: Path, kills: int) -> None:
    """Each account of the secure listener has its token, and no token is without an account."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    made: dict[str, str] = {}
    latest: dict[str, str] = {}
    for life in range(kills + 1):
        serve = Serve(tmp_path, *CHEAP)
        with running(serve):
            there = _accounts(tmp_path)
            assert made.keys() <= there
            _all_can_log_in(serve, latest)
            if life == kills:
                break
            one_more = threading.Semaphore(0)
            names = [f"{('secure', 'original')[i % 2]}{life}-{i}" for i in range(CLIENTS)]
            clients = [Registering(serve, name, one_more) for name in names]
            for client in clients:
                client.start()
            for _ in range(rng.randrange(1, MOST_BETWEEN_KILLS)):
                assert one_more.acquire(timeout=20)
            serve.process.kill()
            for client in clients:
                client.join()
            latest = {name: token for client in clients for name, token in client.made.items()}
            made |= latest
    print(
        f"{kills} kills: {len(made)} of {len(made)} acknowledged accounts are there,"
        f" {len(there - made.keys())} more whose answer was cut off, none of them half"
    )


def _all_can_log_in(serve: Serve, made: dict[str, str]) -> None:
    """Log in to each account, by token if there is one."""
    for name, token in made.items():
        if token:
            with closing(Secure(serve)) as client:
                answer = client.tell("LOG", username=name, token=token)
            assert answer[1]["outcome"] == "OK", name
        else:
            with closing(Raw(serve.tcp)) as raw:
                assert raw.ask("LOG", f"{name} password") == ("LOG_RESP", "OK"), name


def _accounts(folder: Path) -> set[str]:
    """Return the users with an account, after checking the file and the tokens."""
    with closing(sqlite3.connect(folder / "accounts.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        named = {name for (name,) in database.execute("SELECT username FROM account")}
        with_token = {name for (name,) in database.execute("SELECT username FROM token")}
        assert with_token == {name for name in named if name.startswith("secure")}
        return named
