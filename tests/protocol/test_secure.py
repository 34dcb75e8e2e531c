"""The secure dialect encodes messages as JSON objects."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.errors import RemoteProtocolError
from p2pchat.protocol.framing import Caps, FrameReader, FrameWriter, pad
from p2pchat.protocol.messages import (
    AnnouncePort,
    Grant,
    Login,
    LoginResult,
    Logout,
    Message,
    Outcome,
    Presence,
    PresenceUpdate,
    Reason,
    Register,
    RegisterResult,
    Search,
    SearchResult,
    SlowDown,
    Watch,
    WatchResult,
)
from p2pchat.protocol.original import MAX_TEXT_BYTES
from p2pchat.protocol.positions import NO_SUM
from p2pchat.protocol.proofs import SignedNodes
from p2pchat.protocol.secure import SECURE
from p2pchat.protocol.talk import Ack, ChatReply, ChatRequest, ChatText, Reply, Skip, Sync

KEY = bytes(range(32))

LIMITS = SECURE.limits(SECURE.kinds)
CAPS = Caps(LIMITS)


def decode(data: bytes) -> Message:
    reader = FrameReader()
    reader.push(data)
    frame = reader.pull(CAPS)
    assert frame is not None
    return SECURE.decode(frame)


@pytest.mark.parametrize(
    "message",
    [
        Register("alice", "pass word", KEY, b"p" * 64, 1_700_000_000, id=7),
        RegisterResult(Outcome.FAIL, Reason.NAME_TAKEN, id=7),
        Login("alice", token="t", key=KEY, proof=b"p" * 64, at=5, vouched_by="f" * 52),
        LoginResult(Outcome.OK, grant=Grant("t", b"session!", KEY, 60.0)),
        LoginResult(
            Outcome.OK,
            grant=Grant("t", b"s", KEY, 60.0, SignedNodes(("p2p://b",), 1, 2, b"k", b"s")),
        ),
        AnnouncePort(5),
        Search("bob", id=1),
        SearchResult(Presence.ONLINE, "::1", 5, KEY),
        Logout(),
        ChatRequest("alice"),
        ChatReply(Reply.BUSY),
        ChatText("a\nb \x00 \u202e"),
        ChatText("x", 5, "id", 1_700_000_000_000),
        Sync(0, NO_SUM),
        Ack(2**48),
        Skip(7, 2),
        SlowDown(1.5, id=3),
        Watch(("bob", "carol")),
        PresenceUpdate("bob", SearchResult(Presence.ONLINE, "::1", 5, KEY)),
        WatchResult((PresenceUpdate("bob", SearchResult(Presence.OFFLINE)),)),
    ],
)
def test_every_message_survives_a_round_trip(message: Message) -> None:
    """Each message keeps all its fields, such as id, reason and key."""
    assert decode(SECURE.encode(message)) == message


def test_payload_is_one_json_object_without_unset_fields() -> None:
    """A payload is one JSON object that contains only the fields that are set."""
    data = SECURE.encode(Search("bob"))
    assert data[10:25] == b"SEARCH         "
    assert json.loads(data[25:]) == {"username": "bob"}


def test_unknown_fields_are_ignored() -> None:
    """Unknown fields are ignored, since a newer client may send more."""
    payload = b'{"username":"bob","colour":"blue"}'
    assert decode(FrameWriter(pad("SEARCH")).write(payload)) == Search("bob")


@pytest.mark.parametrize(
    ("command", "payload", "why"),
    [
        ("SEARCH", b"{}", "username"),
        ("SEARCH", b'{"username":5}', r"\$\.username"),
        ("SEARCH", b"bob", "JSON is malformed"),
        ("SEARCH", b'["bob"]', "object"),
        ("SEARCH", b'{"username":"\xff"}', "SEARCH"),
        ("PS_PORT", b'{"port":0}', "not a valid port"),
        ("LOG_RESP", b'{"outcome":"MAYBE"}', r"\$\.outcome"),
        ("LOG", b'{"username":"a","key":"not base64!"}', r"\$\.key"),
    ],
)
def test_invalid_fields_are_refused_by_name(command: str, payload: bytes, why: str) -> None:
    """The error for an invalid payload names the field."""
    with pytest.raises(RemoteProtocolError, match=why):
        decode(FrameWriter(pad(command)).write(payload))


@given(st.sampled_from(sorted(LIMITS)), st.binary(max_size=80))
def test_any_payload_is_a_message_or_a_violation(command: bytes, payload: bytes) -> None:
    """A payload yields a message or a RemoteProtocolError."""
    try:
        outcome: object = decode(FrameWriter(command).write(payload))
    except RemoteProtocolError as error:
        outcome = error.what
    assert isinstance(outcome, Message | str)


def test_longest_text_fits_when_escaped() -> None:
    """The longest text fits even if each character needs six bytes of JSON."""
    text = "\x01" * MAX_TEXT_BYTES
    assert decode(SECURE.encode(ChatText(text))) == ChatText(text)


def test_repr_of_a_grant_hides_its_secrets() -> None:
    """The repr of a grant contains neither the token nor the key."""
    shown = repr(LoginResult(Outcome.OK, grant=Grant("hush-hush", b"s", b"hush", 60.0)))
    assert "hush" not in shown
