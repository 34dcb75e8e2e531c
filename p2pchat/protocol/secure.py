"""The secure dialect: the same messages as JSON objects, inside TLS (PROTOCOL, "Secure dialect").

Unknown fields are ignored, missing or wrongly typed ones refused by name. Knows no TLS.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from p2pchat.protocol.dialects import Codec, Dialect
from p2pchat.protocol.framing import HEADER_BYTES
from p2pchat.protocol.messages import (
    AnnouncePort,
    AnnouncePortResult,
    ChangePassword,
    ChangePasswordResult,
    Goodbye,
    Login,
    LoginResult,
    Logout,
    Message,
    Register,
    RegisterResult,
    RevokeTokens,
    RevokeTokensResult,
    Search,
    SearchResult,
    Sighting,
    SlowDown,
    Watch,
    WatchResult,
)
from p2pchat.protocol.talk import Ack, ChatReply, ChatRequest, ChatText, Here, Skip, Sync

ALPN: Final = "p2pchat/2"
"""What both ends must agree on in the TLS handshake, so that there is nothing to downgrade."""

MAX_FRAME_BYTES: Final = HEADER_BYTES + 400 * 1024
"""Of the longest message, with its header: 64 KiB of text at worst, escaped as JSON."""

_BEFORE_LOGIN: Final = 8 * 1024  # what somebody may send whom we do not know yet
_AFTER_LOGIN: Final = 64 * 1024

_encoder = msgspec.json.Encoder()


def _reader(message: type[Message]) -> Callable[[bytes], Message]:
    decoder = msgspec.json.Decoder(message)

    def read(payload: bytes) -> Message:
        try:
            return decoder.decode(payload)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from None

    return read


def _json(message: type[Message], command: str, limit: int = _BEFORE_LOGIN) -> Codec:
    return Codec(message, command, limit, _encoder.encode, _reader(message))


SECURE: Final = Dialect(
    "secure",
    (
        _json(Register, "REG"),
        _json(RegisterResult, "REG_RESP"),
        _json(Login, "LOG"),
        _json(LoginResult, "LOG_RESP"),
        _json(AnnouncePort, "PS_PORT"),
        _json(AnnouncePortResult, "PS_PORT_RESP"),
        _json(Search, "SEARCH"),
        _json(SearchResult, "SEARCH_RESP"),
        _json(Watch, "WATCH", _AFTER_LOGIN),
        _json(WatchResult, "WATCH_RESP", _AFTER_LOGIN),
        _json(Sighting, "PRESENCE"),
        _json(ChangePassword, "PASSWD"),
        _json(ChangePasswordResult, "PASSWD_RESP"),
        _json(RevokeTokens, "REVOKE"),
        _json(RevokeTokensResult, "REVOKE_RESP"),
        _json(SlowDown, "SLOW_DOWN"),
        _json(Logout, "LOGOUT"),
        _json(Goodbye, "BYE"),
        _json(ChatRequest, "CHAT_REQ"),
        _json(ChatReply, "CHAT_REQ_RESP"),
        _json(Sync, "SYNC"),
        _json(Here, "HERE"),
        _json(Ack, "ACK"),
        _json(Skip, "SKIP"),
        _json(ChatText, "MSG", MAX_FRAME_BYTES - HEADER_BYTES),
    ),
)
