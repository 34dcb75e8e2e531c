"""The secure dialect at a terminal and in a shell: what users are told and asked for."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.programs import Program, Serve, environment
from tests.terminal.screen import Screen

PASSWORD = "correct horse"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Serve]:
    """Yield a registry."""
    serve = Serve(tmp_path / "registry", "--quiet", "--password-cost", "64:1")
    yield serve
    serve.kill()


def env_of(name: str, registry: Serve, tmp_path: Path, **more: str) -> dict[str, str]:
    """Return the environment of a user, each with their own home."""
    return environment(tmp_path / f"home-{name}", P2P_REGISTRY=registry.join) | more


def register(name: str, env: dict[str, str]) -> None:
    program = Program("register", name, env=env | {"P2P_PASSWORD": PASSWORD})
    code, err = program.end()
    assert (code, err) == (0, "")


def run(*arguments: str, env: dict[str, str]) -> tuple[int, list[str], str]:
    program = Program(*arguments, env=env)
    code, err = program.end()
    return code, program.said, err


def test_two_users_chat_encrypted_and_verify(registry: Serve, tmp_path: Path) -> None:
    """No password is needed after the first login, and the toolbar shows the security
    of the chat.
    """
    terminals: list[Screen] = []
    screens = {}
    for name in ("alice", "bob"):
        env = env_of(name, registry, tmp_path)
        register(name, env)
        screens[name] = Screen("login", env=env, screens=terminals, columns=120)
        screens[name].wait_for(f"logged in as {name} at p2p://127.0.0.1:")
    alice, bob = screens["alice"], screens["bob"]
    alice.enter("/chat bob")
    bob.wait_for("alice wants to chat with you")
    bob.enter("/accept")
    alice.wait_for("the chat is encrypted; to make sure that it is bob: /verify bob")
    alice.wait_until(lambda: "bob, encrypted, unverified" in alice.toolbar)
    alice.enter("çok gizli")
    bob.wait_for("^alice: çok gizli$")
    numbers = []
    for mine, contact in ((alice, "bob"), (bob, "alice")):
        mine.enter(f"/verify {contact}")
        mine.wait_for(r"^\* (\d{5} ){11}\d{5}$")
        numbers.append(re.search(r"^\* ((?:\d{5} ?){12})$", mine.text, re.M)[1])  # type: ignore[index]
    assert numbers[0] == numbers[1]
    alice.enter("/verify bob yes")
    alice.wait_for("bob is verified")
    alice.wait_until(lambda: "encrypted, verified" in alice.toolbar)
    bob.enter("/leave")
    alice.wait_for("bob left the chat")
    alice.enter("/chat bob")
    alice.wait_until(lambda: "bob, encrypted, verified" in alice.toolbar)
    alice.enter("are you there?")
    bob.wait_for("alice has written: /chat alice")
    bob.wait_until(lambda: "alice: 1 unread" in bob.toolbar)
    bob.enter("/chat alice")
    bob.wait_for("unread from alice:")
    bob.wait_for("^alice: are you there")
    bob.wait_until(lambda: "unread" not in bob.toolbar)
    for screen in terminals:
        screen.enter("/quit")
        assert screen.end() == 0
    code, said, _ = run("contacts", env=env_of("alice", registry, tmp_path))
    assert code == 0
    assert re.fullmatch(r"bob +verified", said[0])
    code, said, _ = run("contacts", "--keys", env=env_of("alice", registry, tmp_path))
    assert code == 0
    assert re.fullmatch(r"bob +[a-z2-7]{52}", said[0])


def test_first_contact_is_reported_and_a_change_is_refused(registry: Serve, tmp_path: Path) -> None:
    """A new registry is reported once; a changed key exits with 10 and advice."""
    bare = registry.join.partition("#")[0]
    env = env_of("alice", registry, tmp_path) | {"P2P_REGISTRY": bare, "P2P_PASSWORD": PASSWORD}
    code, _, err = run("register", "alice", env=env)
    assert code == 0
    assert err.startswith("new registry; trusting its key from now on:")
    assert run("search", "alice", env=env)[2] == ""
    other = Serve(tmp_path / "other", "--quiet")
    changed = f"p2p://127.0.0.1:{other.secure_tcp[1]}#{registry.join.partition('#')[2]}"
    for command in (["search", "alice"], ["login"], ["chat", "bob"], ["register", "carol"]):
        arguments = [*command, "--registry", changed]
        if command[0] in {"search", "chat"}:
            arguments += ["--as", "alice"]
        elif command[0] == "login":
            arguments.insert(1, "alice")
        code, _, err = run(*arguments, env=env)
        assert code == 10, (command, err)
        assert "presents a different key" in err
        assert "join link" in err
    other.kill()


def test_account_commands_ask_for_a_password_when_needed(registry: Serve, tmp_path: Path) -> None:
    """A token replaces the password until it changes or the user logs out."""
    env = env_of("alice", registry, tmp_path)
    register("alice", env)
    assert run("search", "alice", env=env)[0] == 6
    (tmp_path / "new").write_text("new password\n")
    change = ("passwd", "--new-password-file", str(tmp_path / "new"))
    code, said, _ = run(*change, env=env | {"P2P_PASSWORD": PASSWORD})
    assert code == 0, said
    code, _, err = run("search", "alice", env=env)
    assert code == 4
    assert "password of alice" in err
    assert run("search", "alice", env=env | {"P2P_PASSWORD": PASSWORD})[0] == 4
    assert run("search", "alice", env=env | {"P2P_PASSWORD": "new password"})[0] == 6
    assert run("search", "alice", env=env)[0] == 6
    assert run("logout", env=env)[:2] == (0, ["logged alice out"])
    assert run("search", "alice", env=env)[0] == 4
    with_password = env | {"P2P_PASSWORD": "new password"}
    assert run("logout", "--everywhere", env=with_password)[0] == 0
    assert run("register", "Alice", env=with_password)[0] == 1
    code, _, err = run("register", "bob", env=env | {"P2P_PASSWORD": "short"})
    assert code == 1
    assert "too short" in err


def test_verify_in_a_shell_needs_a_key(registry: Serve, tmp_path: Path) -> None:
    """A contact without a key has no safety number."""
    env = env_of("alice", registry, tmp_path)
    register("alice", env)
    code, _, err = run("verify", "bob", env=env)
    assert code == 2
    assert "no key of bob" in err


def test_no_file_or_log_contains_a_secret(registry: Serve, tmp_path: Path) -> None:
    """Passwords and texts are in no file or log but the private history."""
    alice, bob = (env_of(name, registry, tmp_path) for name in ("alice", "bob"))
    for name, env in (("alice", alice), ("bob", bob)):
        register(name, env)
    called = Program("login", "bob", env=bob)
    called.wait_for("logged in as bob")
    calling = Program("chat", "bob", env=alice)
    called.wait_for("alice wants to chat")
    called.type("/accept")
    calling.wait_for("chat with bob started")
    calling.type("the-secret-text")
    called.wait_for("alice: the-secret-text")
    assert calling.end()[0] == 0
    called.type("/quit")
    assert called.end()[0] == 0
    kept = [file for file in tmp_path.rglob("*") if file.is_file()]
    for file in kept:
        content = file.read_bytes()
        assert PASSWORD.encode() not in content, file
        if "profile.sqlite3" not in file.name:  # the history is private
            assert b"the-secret-text" not in content, file
        assert not file.stat().st_mode & 0o077 or file.parent.stat().st_mode & 0o077 == 0, file


def _signed_certificate(folder: Path) -> tuple[Path, Path, Path]:
    """Create an authority and its certificate for localhost; return the three files."""
    files = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
    now = dt.datetime.now(dt.UTC)

    def builder(
        subject: str, issuer: str, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (subject, issuer)]
        made = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1])
        made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
        return made.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))

    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = builder("test authority", "test authority", authority).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    leaf = builder("localhost", "test authority", own).add_extension(
        x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
    )
    files[0].write_bytes(ca.sign(authority, SHA256()).public_bytes(Encoding.PEM))
    files[1].write_bytes(leaf.sign(authority, SHA256()).public_bytes(Encoding.PEM))
    files[2].write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def test_certificate_of_a_known_authority_is_trusted(tmp_path: Path) -> None:
    """A certificate of a known authority needs no first contact; another hostname does."""
    ca, certificate, key = _signed_certificate(tmp_path)
    serve = Serve(
        tmp_path / "registry",
        "--quiet",
        "--tls-cert",
        str(certificate),
        "--tls-key",
        str(key),
    )
    port = serve.secure_tcp[1]
    env = environment(
        tmp_path / "home",
        P2P_REGISTRY=f"p2p://localhost:{port}",
        P2P_PASSWORD=PASSWORD,
        SSL_CERT_FILE=str(ca),
    )
    assert run("register", "alice", env=env) == (
        0,
        [f"registered alice at p2p://localhost:{port}"],
        "",
    )
    code, _, err = run("register", "bob", "--registry", f"p2p://127.0.0.1:{port}", env=env)
    assert code == 0
    assert err.startswith("new registry")
    serve.kill()
