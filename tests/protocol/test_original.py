"""The original dialect, message by message, exact to the byte (the tables in PROTOCOL)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.errors import LocalProtocolError, RemoteProtocolError
from p2pchat.protocol.framing import Caps, FrameReader, FrameWriter, pad
from p2pchat.protocol.messages import (
    AnnouncePort,
    AnnouncePortResult,
    Hello,
    Login,
    LoginResult,
    Logout,
    Message,
    Outcome,
    Presence,
    Register,
    RegisterResult,
    Search,
    SearchResult,
)
from p2pchat.protocol.names import is_username
from p2pchat.protocol.original import MAX_TEXT_BYTES, ORIGINAL, decode_hello, encode_hello
from p2pchat.protocol.talk import ChatReply, ChatRequest, ChatText, Reply

TABLE: list[tuple[Message, bytes]] = [
    (Register("alice", "pass word"), b"15        REG            alice pass word"),
    (RegisterResult(Outcome.OK), b"2         REG_RESP       OK"),
    (RegisterResult(Outcome.FAIL), b"4         REG_RESP       FAIL"),
    (Login("alice", " "), b"7         LOG            alice  "),
    (LoginResult(Outcome.FAIL), b"4         LOG_RESP       FAIL"),
    (AnnouncePort(41000), b"5         PS_PORT        41000"),
    (AnnouncePortResult(Outcome.OK), b"2         PS_PORT_RESP   OK"),
    (Search("bob"), b"3         SEARCH         bob"),
    (
        SearchResult(Presence.ONLINE, "127.0.0.1", 41000),
        b"15        SEARCH_RESP    127.0.0.1 41000",
    ),
    (SearchResult(Presence.OFFLINE), b"7         SEARCH_RESP    OFFLINE"),
    (SearchResult(Presence.NOT_FOUND), b"9         SEARCH_RESP    NOT_FOUND"),
    (Logout(), b"0         LOGOUT         "),
    (ChatRequest("alice", 41000), b"11        CHAT_REQ       alice 41000"),
    (ChatReply(Reply.ACCEPT), b"6         CHAT_REQ_RESP  ACCEPT"),
    (ChatReply(Reply.BUSY), b"4         CHAT_REQ_RESP  BUSY"),
    (ChatText("hi  there "), b"10        MSG            hi  there "),
    (ChatText(""), b"0         MSG            "),
]

LIMITS = ORIGINAL.limits(ORIGINAL.kinds)
CAPS = Caps(LIMITS)


def decode(data: bytes) -> Message:
    reader = FrameReader()
    reader.push(data)
    frame = reader.pull(CAPS)
    assert frame is not None
    return ORIGINAL.decode(frame)


@pytest.mark.parametrize(("message", "data"), TABLE)
def test_messages_match_the_protocol_tables(message: Message, data: bytes) -> None:
    """Each message is encoded and decoded byte for byte as in PROTOCOL's tables."""
    assert ORIGINAL.encode(message) == data
    assert decode(data) == message


@given(st.text().filter(lambda t: len(t.encode()) <= MAX_TEXT_BYTES))
def test_any_text_survives_a_round_trip(text: str) -> None:
    """A text is neither changed nor mistaken for a command."""
    assert decode(ORIGINAL.encode(ChatText(text))) == ChatText(text)


@given(st.text(min_size=1).filter(is_username), st.text(max_size=200))
def test_any_credentials_survive_a_round_trip(username: str, password: str) -> None:
    """The username ends at the first space; the password may contain spaces."""
    assert decode(ORIGINAL.encode(Login(username, password))) == Login(username, password)


@given(st.sampled_from(sorted(LIMITS)), st.binary(max_size=64))
def test_any_payload_is_a_message_or_a_violation(command: bytes, payload: bytes) -> None:
    """A payload yields a message or a RemoteProtocolError that names the command."""
    try:
        outcome: object = decode(FrameWriter(command).write(payload))
    except RemoteProtocolError as error:
        outcome = error.what
    assert isinstance(outcome, Message) or command.decode().strip() in str(outcome)


@pytest.mark.parametrize("payload", [b"", b"0", b"65536", b"+5", b"1_0", b"x", "٣".encode(), b"5 "])
def test_invalid_port_announcement_is_decoded(payload: bytes) -> None:
    """`PS_PORT` with an invalid port is decoded, so that it can be answered with FAIL."""
    assert decode(FrameWriter(pad("PS_PORT")).write(payload)) == AnnouncePort(None)


def test_login_without_password_is_decoded() -> None:
    """A login without a password is decoded, so that the user gets an answer."""
    assert decode(FrameWriter(pad("LOG")).write(b"alice")) == Login("alice", "")


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        ("CHAT_REQ", b"alice"),
        ("CHAT_REQ", b"alice 0"),
        ("CHAT_REQ", b"al\x1bice 5"),
        ("CHAT_REQ_RESP", b"MAYBE"),
        ("REG_RESP", b"ok"),
        ("SEARCH_RESP", b"127.0.0.1 x"),
        ("SEARCH_RESP", b"ONLINE"),
        ("LOGOUT", b"now"),
        ("MSG", b"\xff"),
        ("LOG", b"\xff \xff"),
    ],
)
def test_malformed_payload_is_a_violation(command: str, payload: bytes) -> None:
    """A malformed payload is a violation, and the error names the command."""
    with pytest.raises(RemoteProtocolError, match=command):
        decode(FrameWriter(pad(command)).write(payload))


def test_unencodable_message_is_a_local_error() -> None:
    """A name with a space, a text above the limit or a heartbeat cannot be encoded as a frame."""
    with pytest.raises(LocalProtocolError):
        ORIGINAL.encode(Login("al ice", "x"))
    with pytest.raises(LocalProtocolError, match="65537 bytes"):
        ORIGINAL.encode(ChatText("x" * (MAX_TEXT_BYTES + 1)))
    with pytest.raises(LocalProtocolError):
        ORIGINAL.encode(Hello("alice"))


def test_heartbeat_is_a_bare_datagram() -> None:
    """The heartbeat is `HELLO username` without a frame header."""
    assert encode_hello(Hello("alice")) == b"HELLO alice"
    assert decode_hello(b"HELLO alice") == Hello("alice")


@given(st.binary(max_size=80))
def test_any_other_datagram_is_a_violation(datagram: bytes) -> None:
    """Other datagrams raise nothing but RemoteProtocolError."""
    try:
        hello = decode_hello(datagram)
    except RemoteProtocolError:
        return
    assert encode_hello(hello) == datagram
