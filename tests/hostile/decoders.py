"""All decoders of a remote's bytes, with payloads for each.

A decoder returns a message or raises the one error that its caller expects. Anything else is a bug,
which a bulkhead would contain in a running process; here it fails the test.
"""

import random
import ssl
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from p2pchat.errors import LocalProtocolError, P2PError, RemoteProtocolError, UsageError
from p2pchat.net.http_page import PageListener
from p2pchat.net.loop import Loop
from p2pchat.net.tls.certificates import client_context, fingerprint, server_context
from p2pchat.net.tls.engine import Engine, StandardEngine
from p2pchat.net.tls.peer_tls import PeerEngine, peer_context
from p2pchat.net.tls.signing import is_signed
from p2pchat.peer.registry_client.url import parse_registry_url
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.messages import CONTROL, CONTROL_DIALOGUE
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.dialects import Dialect
from p2pchat.protocol.framing import Frame
from p2pchat.protocol.heartbeat import open_hello, read_answer, seal_hello, write_answer
from p2pchat.protocol.messages import Hello, Message, Presence, SearchResult
from p2pchat.protocol.operator import OPERATOR, OPERATOR_DIALOGUE
from p2pchat.protocol.original import ORIGINAL, decode_hello, encode_hello
from p2pchat.protocol.proofs import SignedNodes
from p2pchat.protocol.secure import SECURE
from p2pchat.protocol.states import (
    PEER_DIALOGUE,
    REGISTRY_DIALOGUE,
    SECURE_PEER_DIALOGUE,
    SECURE_REGISTRY_DIALOGUE,
    Dialogue,
    Speaker,
)
from p2pchat.registry.cluster import notifications as news
from p2pchat.ui.program.json_commands import ROWS, load, understand
from tests.fakes import FakeClock, MemoryInternet, settle
from tests.hostile.payloads import random_payload
from tests.world import certificate

LONGEST_ERROR = 500
"""Characters: of a remote's text there are 200, and what is said around it is ours."""

DIALECTS = {d.name: d for d in (ORIGINAL, SECURE, CONTROL, OPERATOR)}

DIALOGUES: Sequence[tuple[Dialogue, Dialect]] = (
    (REGISTRY_DIALOGUE, ORIGINAL),
    (SECURE_REGISTRY_DIALOGUE, SECURE),
    (PEER_DIALOGUE, ORIGINAL),
    (SECURE_PEER_DIALOGUE, SECURE),
    (CONTROL_DIALOGUE, CONTROL),
    (OPERATOR_DIALOGUE, OPERATOR),
)


class Decoder(NamedTuple):
    """A decoder: `take(bytes)` raises AssertionError, or whatever a bug raises.

    `fields` are names that it knows, `samples` are valid inputs.
    """

    name: str
    take: Callable[[bytes], object]
    fields: Sequence[str] = ()
    samples: Sequence[bytes] = ()

    def payloads(self, rng: random.Random, count: int) -> Iterator[bytes]:
        """Yield this many random payloads."""
        for _ in range(count):
            yield random_payload(rng, self.fields, self.samples)


def decoders() -> list[Decoder]:
    """Return all decoders."""
    return [
        *(_of(dialect, kind) for dialect in DIALECTS.values() for kind in dialect.kinds),
        *_streams(),
        Decoder("HELLO in clear", _refusing(decode_hello), samples=[encode_hello(Hello("alice"))]),
        Decoder("HELLO", _refusing(open_hello), samples=[seal_hello(b"s" * 8, 1, b"k" * 32)]),
        Decoder("answer to HELLO", _refusing(read_answer), samples=[write_answer(1, "::1", 4000)]),
        Decoder("news of a node", news.decode, ("type", "username", "node", "found"), _news()),
        Decoder("list of nodes", _take_nodes, tuple(SignedNodes.__struct_fields__)),
        Decoder("order of a program", _take_order, ("command", "id", *_order_fields())),
        Decoder("page", _take_request, samples=[b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"]),
        Decoder("certificate", _refusing(fingerprint), samples=[_certificate()]),
        Decoder("join link", _take_url, samples=[b"p2p://a.example:1?udp=2#" + b"a" * 52]),
        *_handshakes(),
    ]


def _of(dialect: Dialect, kind: type[Message]) -> Decoder:
    ((command, limit),) = dialect.limits([kind]).items()

    def take(payload: bytes) -> None:
        if len(payload) <= limit:
            _take_frame(dialect, (command, payload))

    name = f"{dialect.name} {command.decode().rstrip()}"
    return Decoder(name, take, tuple(kind.__struct_fields__))


def _take_frame(dialect: Dialect, frame: Frame) -> None:
    try:
        message = dialect.decode(frame)
    except RemoteProtocolError as error:
        _check_error(error)
        return
    repr(message)
    try:
        written = dialect.encode(message)
    except LocalProtocolError:
        return  # escaped it is too long, or the other direction refuses it
    assert dialect.decode((written[10:25], written[25:])) == message


def _check_error(error: P2PError) -> None:
    for said in (error.what, error.likely, error.advice):
        assert len(said) <= LONGEST_ERROR, f"an error of {len(said)} characters"
        assert said.isprintable() or "\n" in said, f"{said!r} reaches a terminal"


def _refusing(decode: Callable[[bytes], object]) -> Callable[[bytes], object]:
    def take(data: bytes) -> None:
        try:
            decode(data)
        except RemoteProtocolError as error:
            _check_error(error)

    return take


def _streams() -> Iterator[Decoder]:
    for dialogue, dialect in DIALOGUES:
        for speaker in Speaker:
            frames = [
                str(len(payload)).encode().ljust(10) + command + payload
                for command in dialect.limits(dialect.kinds)
                for payload in (b"", b"{}", b"alice", b'{"username":"alice"}')
            ]
            name = f"stream of {dialect.name}, {dialogue.start}, {speaker}"
            yield Decoder(name, _stream(dialogue, dialect, speaker), samples=frames)


def _stream(dialogue: Dialogue, dialect: Dialect, speaker: Speaker) -> Callable[[bytes], None]:
    def take(data: bytes) -> None:
        connection = Connection(dialogue, dialect, speaker)
        for start in range(0, len(data), 7):
            try:
                for message in connection.feed(data[start : start + 7]):
                    repr(message)
            except RemoteProtocolError as error:
                _check_error(error)
                return

    return take


def _news() -> list[bytes]:
    found = SearchResult(Presence.ONLINE, "10.0.0.1", 4000, b"k" * 32)
    return [text.encode() for text in news.encode([news.Moved("bob", 1, found)])]


def _take_nodes(data: bytes) -> None:
    try:
        nodes = msgspec.json.decode(data, type=SignedNodes)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return  # as the dialect does for the message around it
    assert not is_signed(b"statement", nodes.signature, nodes.key)


def _order_fields() -> list[str]:
    return sorted({name for row in ROWS.values() for name in (*row.required, *row.optional)})


def _take_order(data: bytes) -> None:
    try:
        understand(load(data.decode("utf-8", "replace")))
    except UsageError:
        return


def _take_request(data: bytes) -> None:
    loop = Loop(FakeClock(), strict=True)
    internet = MemoryInternet(loop)
    here = Address("10.0.0.1", 80)
    network = internet.machine(here.host)
    page = PageListener(loop, network, here, "/metrics", "text/plain", lambda: b"page")

    def say(wire: object) -> None:
        wire.write(data)  # type: ignore[attr-defined]

    internet.machine("10.0.0.2").dial(here, 1, say, lambda _: None)
    settle(loop)
    page.close()
    settle(loop)
    loop.close()


def _certificate() -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate()[0].read_text("ascii"))


def _take_url(data: bytes) -> None:
    try:
        parse_registry_url(data.decode("utf-8", "replace"))
    except UsageError:
        return


def _handshakes() -> Iterator[Decoder]:
    """Yield both engines at both ends, each with the first bytes of the other end."""
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    to_peers, accepting = peer_context(key), server_context(*certificate())
    dialling = client_context(checked=False)
    engines: dict[str, Callable[[], Engine]] = {
        "registry": lambda: StandardEngine(accepting),
        "client": lambda: StandardEngine(dialling, server_name="registry"),
        "peer that is dialled": lambda: PeerEngine(to_peers, dialling=False),
        "peer that dials": lambda: PeerEngine(to_peers, dialling=True),
    }
    pairs = [("registry", "client"), ("peer that is dialled", "peer that dials")]
    for listener, dialler in pairs:
        one, other = engines[listener](), engines[dialler]()
        other.handshake()
        hello = other.give()
        one.take(hello)
        one.handshake()
        answer = one.give()
        yield Decoder(f"handshake of a {listener}", _handshake(engines[listener]), (), [hello])
        yield Decoder(f"handshake of a {dialler}", _handshake(engines[dialler]), (), [answer])


def _handshake(make: Callable[[], Engine]) -> Callable[[bytes], None]:
    def take(data: bytes) -> None:
        engine = make()
        try:
            engine.handshake()
            engine.give()
            engine.take(data)
            if engine.handshake():
                engine.read()
        except RemoteProtocolError as error:
            _check_error(error)

    return take
