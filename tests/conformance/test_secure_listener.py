"""The secure listener (PROTOCOL, "Secure dialect"), tested with Python's own TLS and JSON."""

import base64
import hashlib
import json
import signal
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conformance.secure_client import KEY, Secure, context
from tests.programs import Raw, Serve, frame, running


@pytest.fixture
def client(registry: Serve) -> Iterator[Secure]:
    """Yield a connection."""
    secure = Secure(registry)
    yield secure
    secure.close()


def test_join_link_contains_the_key_fingerprint(registry: Serve, client: Secure) -> None:
    """SHA-256 of the public key (SubjectPublicKeyInfo, DER) in base32, lower case, unpadded."""
    assert isinstance(client.socket, ssl.SSLSocket)
    assert client.socket.version() == "TLSv1.3"
    certificate = client.socket.getpeercert(binary_form=True)
    assert certificate is not None
    spki = (
        x509.load_der_x509_certificate(certificate)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    expected = base64.b32encode(hashlib.sha256(spki).digest()).decode().rstrip("=").lower()
    assert registry.join.rpartition("#")[2] == expected


def test_register_login_and_search(registry: Serve, client: Secure, name: str) -> None:
    """Answers have ids, reasons and grants, and a search returns address and key."""
    answer, said = client.tell("REG", username=name, password="password", id=7)
    assert (answer, said["outcome"], said["id"]) == ("REG_RESP", "OK", 7)
    grant = said["grant"]
    assert set(grant) == {"token", "session", "hello_key", "hello_interval", "nodes", "can"}
    assert client.tell("PS_PORT", port=41000) == ("PS_PORT_RESP", {"outcome": "OK"})
    _, found = client.tell("SEARCH", username=name)
    assert found == {"presence": "ONLINE", "host": "127.0.0.1", "port": 41000, "key": KEY}

    other = Secure(registry)
    _, said = other.tell("REG", username=name, password="password")
    assert said == {"outcome": "FAIL", "reason": "NAME_TAKEN"}
    _, said = other.tell("LOG", username=name, password="wrong")
    assert said == {"outcome": "FAIL", "reason": "WRONG_PASSWORD"}
    _, said = other.tell("LOG", username=name, token=grant["token"], errand=True)
    assert said["outcome"] == "OK"
    other.close()
    assert client.tell("SEARCH", username=name)[1]["presence"] == "ONLINE"


def test_search_before_login_closes_the_connection(client: Secure, name: str) -> None:
    """SEARCH before a login is out of order."""
    client.say("SEARCH", json.dumps({"username": name}))
    assert client.closed_by_remote()


def test_user_of_the_secure_listener_is_offline_at_the_other(
    registry: Serve, client: Secure, name: str
) -> None:
    """The user can neither be found nor log in at the original listener."""
    client.tell("REG", username=name, password="password")
    client.tell("PS_PORT", port=41001)
    original = Raw(registry.tcp)
    assert original.ask("SEARCH", name) == ("SEARCH_RESP", "OFFLINE")
    assert original.ask("LOG", f"{name} password") == ("LOG_RESP", "FAIL")
    original.close()


@pytest.mark.parametrize(
    "data",
    [
        frame("SEARCH", "bob"),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00" + b"\x01" * 600,
        bytes(100),
    ],
)
def test_plain_bytes_are_refused(registry: Serve, data: bytes) -> None:
    """Bytes that are not TLS are refused."""
    plain = Raw(registry.secure_tcp)
    plain.socket.sendall(data)
    while plain.socket.recv(100):
        pass
    plain.close()


def test_other_tls_versions_and_protocols_are_refused(registry: Serve) -> None:
    """TLS 1.2 and another or no ALPN protocol are refused."""
    old = context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(registry.secure_tcp, timeout=20) as plain,
        pytest.raises(ssl.SSLError),
    ):
        old.wrap_socket(plain)
    for wrong in (["http/1.1"], []):
        with socket.create_connection(registry.secure_tcp, timeout=20) as plain:
            try:
                with context(wrong).wrap_socket(plain) as tls:
                    assert tls.recv(1) == b""
            except (ssl.SSLError, ConnectionResetError):
                continue


@pytest.mark.parametrize(
    "payload", [b"{}", b"[]", b'{"username":5,"password":"x"}', b"not json", b"\xff"]
)
def test_malformed_json_closes_the_connection(client: Secure, payload: bytes) -> None:
    """Missing and wrongly typed fields close the connection."""
    client.say("REG", payload)
    assert client.closed_by_remote()


def test_certificate_is_created_once(tmp_path: Path) -> None:
    """The key file is private, and the join link is the same after a restart."""
    links = []
    for _ in range(2):
        serve = Serve(tmp_path, "--quiet")
        with running(serve):
            links.append(serve.join.rpartition("#")[2])
            serve.signal(signal.SIGTERM)
            assert serve.end()[0] == 0
    assert links[0] == links[1]
    mode = stat.S_IMODE((tmp_path / "registry-key.pem").stat().st_mode)
    assert mode == 0o600


def test_original_listener_can_be_disabled(tmp_path: Path) -> None:
    """`--no-original` closes the original listener."""
    from tests.programs import Program, environment

    program = Program("serve", "--no-original", "--port", "0", "--quiet", env=environment(tmp_path))
    with running(program):
        program.wait_for("^join ")
        program.signal(signal.SIGTERM)
        assert program.end()[0] == 0
    assert [line.split()[0] for line in program.said] == ["listening", "join"]
