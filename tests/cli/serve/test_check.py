"""`p2p serve --check`: what works and what does not, without changing anything."""

import datetime as dt
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from p2pchat.cli.main import cli
from p2pchat.net.tls.certificates import make_certificate
from p2pchat.registry.store.stores import open_file
from tests.programs import Serve, running

Check = Callable[..., Result]
FREE = ("--port", "0", "--original-port", "0", "--original-udp-port", "0")


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Return a function that checks a registry in `tmp_path`, by default on free ports."""

    def invoke(*flags: str) -> Result:
        env = {"P2P_HOME": str(tmp_path / "home")}
        return CliRunner(env=env).invoke(
            cli, ["serve", "--check", "--data-dir", str(tmp_path), *FREE, *flags]
        )

    return invoke


def make_accounts(folder: Path) -> Path:
    """Return the database of a registry."""
    file = folder / "accounts.sqlite3"
    open_file(file).release()
    return file


def certificate_until(folder: Path, since: float, until: float) -> tuple[str, ...]:
    """Return the options for a certificate that is valid for the given days from now."""
    key = generate_private_key(SECP256R1())
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + dt.timedelta(days=since))
        .not_valid_after(now + dt.timedelta(days=until))
        .sign(key, SHA256())
    )
    (folder / "c.pem").write_bytes(certificate.public_bytes(pem.Encoding.PEM))
    private = (pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    (folder / "k.pem").write_bytes(key.private_bytes(*private))
    return "--tls-cert", str(folder / "c.pem"), "--tls-key", str(folder / "k.pem")


def test_check_passes_before_the_first_start(check: Check, tmp_path: Path) -> None:
    """Each finding is one line, and no file is created."""
    result = check("--data-dir", str(tmp_path / "new"))
    assert result.exit_code == 0
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        "ok settings",
        "ok folder",
        "ok database",
        "ok certificate",
        "ok listener",
        "ok listener",
    ]
    assert list(tmp_path.iterdir()) == []


def test_check_passes_while_the_registry_runs(check: Check, tmp_path: Path) -> None:
    """The registry's own ports are not reported as taken."""
    serve = Serve(tmp_path, "--quiet")
    with running(serve):
        serve.dial().ask("REG", "alice secret")
        result = check("--port", str(serve.secure_tcp[1]))
        assert result.exit_code == 0
        assert f"ok listeners: not checked, a registry is running in {tmp_path}" in result.stdout
        assert serve.dial().ask("LOG", "alice secret") == ("LOG_RESP", "OK")
    result = check("--port", str(serve.secure_tcp[1]))
    assert f"ok listener: secure tcp [::]:{serve.secure_tcp[1]} udp [::]:" in result.stdout


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_taken_port_is_wrong_and_other_listeners_are_checked(
    check: Check, kind: socket.SocketKind
) -> None:
    """A taken TCP or UDP port exits with 1; the next listener is still checked."""
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = str(taken.getsockname()[1])
        option = "--original-port" if kind == socket.SOCK_STREAM else "--original-udp-port"
        result = check(option, port)
    assert result.exit_code == 1
    assert f"127.0.0.1:{port}: address already in use\n  likely: another" in result.stdout
    assert "ok listener: secure" in result.stdout


def test_older_database_is_not_migrated(check: Check, tmp_path: Path) -> None:
    """A check does not migrate the database."""
    file = make_accounts(tmp_path)
    with closing(sqlite3.connect(file)) as database:
        database.execute("pragma user_version = 0")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert f"ok database: {file}\n" in check().stdout
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_newer_database_is_wrong(check: Check, tmp_path: Path) -> None:
    """A database of a newer version is reported with its schema."""
    with closing(sqlite3.connect(make_accounts(tmp_path))) as database:
        database.execute("pragma user_version = 999")
    result = check()
    assert result.exit_code == 1
    assert "was written by a newer p2pchat (schema 999)" in result.stdout


def test_unusable_database_is_wrong(check: Check, tmp_path: Path) -> None:
    """A malformed database, or one that others can read, is reported."""
    file = make_accounts(tmp_path)
    file.chmod(0o644)
    assert f"wrong others can read {file}" in check().stdout
    file.chmod(0o600)
    file.write_bytes(b"no database" * 100)
    result = check()
    assert result.exit_code == 1
    assert "accounts.sqlite3 cannot be used: file is not a database" in result.stdout


def test_unwritable_folder_is_wrong(check: Check, tmp_path: Path) -> None:
    """A folder that even root cannot write is reported."""
    (tmp_path / "file").write_text("")
    result = check("--data-dir", str(tmp_path / "file" / "folder"))
    assert result.exit_code == 1
    assert "wrong cannot write in the folder " + f"{tmp_path}/file: " in result.stdout
    assert "choose another --data-dir" in result.stdout


@pytest.mark.parametrize(
    ("since", "until", "mark", "what"),
    [
        (-1, 15, "ok", "key #"),
        (-1, 13, "warn", "it expires soon"),
        (-2, -1, "wrong", "it has expired"),
        (1, 30, "wrong", "it is not valid before"),
    ],
)
def test_certificate_validity_is_checked(
    check: Check, tmp_path: Path, since: float, until: float, mark: str, what: str
) -> None:
    """A certificate that expires soon is a warning; an invalid one is wrong."""
    result = check(*certificate_until(tmp_path, since, until))
    line = next(line for line in result.stdout.splitlines() if " certificate: " in line)
    assert line.startswith(f"{mark} certificate: {tmp_path}/c.pem, until ")
    assert what in line
    assert result.exit_code == (mark == "wrong")


def test_key_of_another_certificate_is_wrong(check: Check, tmp_path: Path) -> None:
    """A key that does not match the certificate is reported with both files."""
    options = certificate_until(tmp_path, -1, 30)
    make_certificate(tmp_path / "other.pem", tmp_path / "k.pem", "other")
    result = check(*options)
    assert result.exit_code == 1
    assert f"wrong {tmp_path}/c.pem and {tmp_path}/k.pem cannot be used" in result.stdout


def test_missing_half_of_our_own_certificate_is_wrong(check: Check, tmp_path: Path) -> None:
    """A missing certificate beside its key is reported, since a new key would break pinning."""
    make_certificate(tmp_path / "registry-cert.pem", tmp_path / "registry-key.pem", "r")
    assert "ok certificate: " in check().stdout
    (tmp_path / "registry-cert.pem").unlink()
    result = check()
    assert result.exit_code == 1
    assert f"wrong certificate: {tmp_path}/registry-cert.pem is missing" in result.stdout


def test_doubtful_settings_are_warnings(check: Check) -> None:
    """Settings that are probably not intended are warnings."""
    result = check("--original-host", "0.0.0.0", "--hello-patience", "5")
    assert result.exit_code == 0
    assert "warn the original listener is open to other machines" in result.stdout
    assert (
        "warn clients send heartbeats every 60 s, but are disconnected after 5 s" in result.stdout
    )


def test_uninspectable_folder_is_wrong(check: Check, tmp_path: Path) -> None:
    """A folder that cannot be inspected is reported."""
    folder = tmp_path / ("x" * 300)
    result = check("--data-dir", str(folder))
    assert result.exit_code == 1
    assert f"wrong cannot access {folder}: File name too long\n" in result.stdout


def test_shared_database_is_checked(check: Check, database: str) -> None:
    """The shared database must answer, and nothing is created in it."""
    done = check("--database", database)
    assert done.exit_code == 0
    assert "ok database: shared, reachable" in done.output
    with psycopg.connect(database) as connection:
        made = connection.execute("SELECT 1 FROM pg_tables WHERE tablename = 'account'")
        assert made.fetchall() == []
    done = check("--database", "postgresql://127.0.0.1:1/x")
    assert done.exit_code == 1
    assert "wrong the shared database cannot be used" in done.output


def test_metrics_are_checked(check: Check) -> None:
    """The address of the metrics must be free."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = check("--metrics", f"127.0.0.1:{port}")
    assert done.exit_code == 1
    assert "address already in use" in done.output
    assert "ok metrics: http://127.0.0.1:0/metrics" in check("--metrics", "127.0.0.1:0").output
