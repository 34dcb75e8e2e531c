"""A running registry: its metrics over HTTP, and SIGHUP, which disconnects no client."""

import base64
import hashlib
import json
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from p2pchat.net.tls.certificates import make_certificate
from tests.conformance.secure_client import KEY, Circuit
from tests.faults.crowd import Member
from tests.programs import Program, Serve, environment, running

CHEAP = ("--password-cost", "64:1")


def numbers(url: str) -> dict[tuple[str, ...], float]:
    """Read the page as Prometheus does; return the values by name and labels."""
    with urllib.request.urlopen(url, timeout=10) as page:  # noqa: S310  # of our own
        text = page.read().decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_count_users_answers_and_refusals(tmp_path: Path) -> None:
    """The metrics count online users, answers and refusals by limit."""
    limits = ("--limit", "searches-per-minute=3", "--limit", "login-tries=1")
    serve = Serve(tmp_path, *CHEAP, "--quiet", "--metrics", "127.0.0.1:0", *limits)
    with running(serve):
        url = serve.wait_for("^metrics (http://.*)$")[1]
        alice = Member(serve, "alice", port=4001)
        assert [alice.tell("SEARCH", username="bob")[0] for _ in range(4)][-1] == "SLOW_DOWN"
        raw = serve.dial()
        assert raw.ask("LOG", "alice wrong") == ("LOG_RESP", "FAIL")
        raw.say("LOG", "alice wrong")
        assert raw.closed_by_remote()
        seen = numbers(url)
        assert seen["p2pchat_users_online",] == 1
        assert seen["p2pchat_connections",] == 1
        assert seen["p2pchat_answers_total", "OK", "Register"] == 1
        assert seen["p2pchat_answers_total", "NOT_FOUND", "Search"] == 3
        assert seen["p2pchat_answers_total", "Login", "WRONG_PASSWORD"] == 1
        assert seen["p2pchat_refusals_total", "searches-per-minute"] == 1
        assert seen["p2pchat_refusals_total", "login-tries"] == 1
        assert 0 <= seen["p2pchat_loop_lag_seconds",] < 60
        assert seen["p2pchat_work_waiting",] == 0
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(url.replace("/metrics", "/"), timeout=10)  # noqa: S310
        alice.close()


def test_metrics_count_circuits_and_their_bytes(tmp_path: Path) -> None:
    """A circuit is counted while it is open, and what it has passed on for ever."""
    serve = Serve(tmp_path, *CHEAP, "--metrics", "127.0.0.1:0")
    with running(serve):
        url = serve.wait_for("^metrics (http://.*)$")[1]
        alice = Member(serve, "alice", port=4001, can=("meet",))
        bob = Member(serve, "bob", port=4002, can=("meet",))
        tickets = [alice.tell("MEET", username="bob")[1]["ticket"]]
        tickets.append(json.loads(bob.hear()[1])["ticket"])
        ends = Circuit(serve), Circuit(serve)
        for end, ticket in zip(ends, tickets, strict=True):
            end.join(ticket)
        for end in ends:
            assert end.hears()[0] == "JOINED"
        ends[0].socket.sendall(b"hello")
        assert ends[1].socket.recv(10) == b"hello"
        seen = numbers(url)
        assert seen["p2pchat_circuits",] == 1
        assert seen["p2pchat_circuit_bytes_total",] == 5
        assert seen["p2pchat_answers_total", "Meet", "OK"] == 1
        ends[0].close()
        assert ends[1].closed_by_remote()
        assert numbers(url)["p2pchat_circuits",] == 0


def test_metrics_of_mailboxes(tmp_path: Path) -> None:
    """How much is in them, from whomever."""
    serve = Serve(tmp_path, *CHEAP, "--metrics", "127.0.0.1:0", "--mailbox", "1MB")
    with running(serve):
        url = serve.wait_for("^metrics (http://.*)$")[1]
        assert numbers(url)["p2pchat_mailbox_runs",] == 0
        bob = Member(serve, "bob", port=4002)
        permit = base64.b64encode(b"p" * 16).decode()
        hashed = base64.b64encode(hashlib.sha256(b"p" * 16).digest()).decode()
        assert bob.tell("BOX_KEYS", passes=[hashed])[1] == {"outcome": "OK"}
        sealed = base64.b64encode(bytes(568)).decode()
        box = {"username": "bob", "key": KEY, "permit": permit}
        assert bob.tell("BOX_LEAVE", **box, sealed=sealed)[1]["outcome"] == "OK"
        seen = numbers(url)
        assert (seen["p2pchat_mailbox_runs",], seen["p2pchat_mailbox_bytes",]) == (1, 568)
        bob.close()


def test_sighup_reloads_settings(tmp_path: Path) -> None:
    """SIGHUP reloads limits, registration and the certificate; clients stay connected."""
    file = tmp_path / "serve.toml"
    file.write_text("[limits]\nsearches-per-minute = 2\n")
    serve = Serve(tmp_path, *CHEAP)
    with running(serve):
        alice = Member(serve, "alice", port=4001)
        assert [alice.tell("SEARCH", username="x")[0] for _ in range(3)][-1] == "SLOW_DOWN"
        before = alice.socket.getpeercert(binary_form=True)
        for name in ("registry-cert.pem", "registry-key.pem"):
            (tmp_path / name).unlink()
        make_certificate(tmp_path / "registry-cert.pem", tmp_path / "registry-key.pem", "renewed")
        file.write_text('registration = "closed"\nhello-interval = 7\n')
        _reload(serve, "reloaded: certificate, limits, registration")
        _heard(serve, "other settings have changed too")
        assert [alice.tell("SEARCH", username="x")[0] for _ in range(3)][-1] == "SEARCH_RESP"
        with pytest.raises(AssertionError, match="REGISTRATION_CLOSED"):
            Member(serve, "bob")
        assert Member(serve, "alice", is_known=True).socket.getpeercert(binary_form=True) != before


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("registration = 5\n", "not reloaded: .*serve.toml: registration"),
        ("nonsense\n", "not reloaded: .*malformed"),
    ],
)
def test_invalid_settings_are_not_reloaded(tmp_path: Path, damage: str, why: str) -> None:
    """Invalid settings are logged, and the registry continues unchanged."""
    serve = Serve(tmp_path, *CHEAP)
    with running(serve):
        alice = Member(serve, "alice", port=4001)
        (tmp_path / "serve.toml").write_text(damage)
        _reload(serve, why)
        assert alice.finds("alice") == "ONLINE"
        bob = Member(serve, "bob")
        bob.close()
        alice.close()


def test_invalid_metrics_address_is_refused(tmp_path: Path) -> None:
    """A malformed address exits with 2."""
    program = Program("serve", "--metrics", "here", env=environment(tmp_path))
    code, err = program.end()
    assert code == 2
    assert "here is not of the form HOST:PORT" in err


def _reload(serve: Serve, why: str) -> None:
    serve.signal(signal.SIGHUP)
    _heard(serve, why)


def _heard(serve: Serve, what: str) -> None:
    import re

    assert serve.process.stderr is not None
    while line := serve.process.stderr.readline():
        if re.search(what, line):
            return
    raise AssertionError(f"no {what!r} in the log")


def test_first_contact_is_not_logged_as_an_error(tmp_path: Path) -> None:
    """A client that disconnects after it has read the key is not logged as an error."""
    serve = Serve(tmp_path / "r")
    with running(serve):
        bare = serve.join.partition("#")[0]
        env = environment(tmp_path / "home", P2P_REGISTRY=bare, P2P_PASSWORD="password")
        assert Program("register", "alice", env=env).end()[0] == 0
        serve.signal(signal.SIGTERM)
        code, log = serve.end()
    assert code == 0
    assert "alice" in log
    assert "TLS" not in log
    assert "UNKNOWN_CA" not in log
