"""The secure dialect: the messages as JSON objects, inside TLS (PROTOCOL, "Secure dialect").

Unknown fields are ignored; missing or wrongly typed ones are refused by name. Knows nothing of TLS.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from p2pchat.protocol.dialects import Codec, Dialect
from p2pchat.protocol.files.messages import DataGo, DataRequest, FileDone, FileGet, FileNo
from p2pchat.protocol.framing import HEADER_BYTES
from p2pchat.protocol.mailbox import (
    BoxDone,
    BoxDoneResult,
    BoxGet,
    BoxHas,
    BoxHasResult,
    BoxKey,
    BoxKeyResult,
    BoxKeys,
    BoxKeysResult,
    BoxLeave,
    BoxLeaveResult,
    BoxList,
    BoxListResult,
    BoxNews,
    BoxPass,
    BoxRun,
    BoxUndo,
    BoxUndoResult,
)
from p2pchat.protocol.meeting import Meet, Meeting, MeetResult, Ping, Pong
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
    PresenceUpdate,
    Register,
    RegisterResult,
    RevokeTokens,
    RevokeTokensResult,
    Search,
    SearchResult,
    SlowDown,
    Watch,
    WatchResult,
)
from p2pchat.protocol.talk import (
    Ack,
    ChatReply,
    ChatRequest,
    ChatText,
    Go,
    Here,
    Idle,
    Paths,
    Skip,
    Sync,
)

ALPN: Final = "p2pchat/3"
"""The ALPN protocol that both ends must agree on in the TLS handshake, which prevents downgrades.
"""

MAX_FRAME_BYTES: Final = HEADER_BYTES + 400 * 1024
"""Of the longest frame: 64 KiB of text in the worst case, escaped as JSON."""

_BEFORE_LOGIN: Final = 8 * 1024  # bytes accepted from a client that is not logged in
_ON_CIRCUITS: Final = 1024
_ABOUT_FILES: Final = 1024
_BOX_KEYS: Final = 96 * 1024
_SEALED: Final = 104 * 1024
_RUN_IDS: Final = 16 * 1024
"""Of prekeys and passes, of a sealed run in base64, of ids: below what a connection buffers."""
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


def json_codec(message: type[Message], command: str, limit: int = _BEFORE_LOGIN) -> Codec:
    """Return the codec of a message as a JSON object with a payload of at most `limit` bytes."""
    return Codec(message, command, limit, _encoder.encode, _reader(message))


SECURE: Final = Dialect(
    "secure",
    (
        json_codec(Register, "REG"),
        json_codec(RegisterResult, "REG_RESP"),
        json_codec(Login, "LOG"),
        json_codec(LoginResult, "LOG_RESP"),
        json_codec(AnnouncePort, "PS_PORT"),
        json_codec(AnnouncePortResult, "PS_PORT_RESP"),
        json_codec(Search, "SEARCH"),
        json_codec(SearchResult, "SEARCH_RESP"),
        json_codec(Watch, "WATCH", _AFTER_LOGIN),
        json_codec(WatchResult, "WATCH_RESP", _AFTER_LOGIN),
        json_codec(PresenceUpdate, "PRESENCE"),
        json_codec(ChangePassword, "PASSWD"),
        json_codec(ChangePasswordResult, "PASSWD_RESP"),
        json_codec(RevokeTokens, "REVOKE"),
        json_codec(RevokeTokensResult, "REVOKE_RESP"),
        json_codec(SlowDown, "SLOW_DOWN"),
        json_codec(Logout, "LOGOUT"),
        json_codec(Goodbye, "BYE"),
        json_codec(Meet, "MEET"),
        json_codec(MeetResult, "MEET_RESP"),
        json_codec(Meeting, "MEETING"),
        json_codec(Ping, "PING"),
        json_codec(Pong, "PONG"),
        json_codec(BoxKeys, "BOX_KEYS", _BOX_KEYS),
        json_codec(BoxKeysResult, "BOX_KEYS_RESP"),
        json_codec(BoxKey, "BOX_KEY"),
        json_codec(BoxKeyResult, "BOX_KEY_RESP"),
        json_codec(BoxLeave, "BOX_LEAVE", _SEALED),
        json_codec(BoxLeaveResult, "BOX_LEAVE_RESP"),
        json_codec(BoxHas, "BOX_HAS", _RUN_IDS),
        json_codec(BoxHasResult, "BOX_HAS_RESP", _RUN_IDS),
        json_codec(BoxUndo, "BOX_UNDO", _RUN_IDS),
        json_codec(BoxUndoResult, "BOX_UNDO_RESP", _RUN_IDS),
        json_codec(BoxList, "BOX_LIST"),
        json_codec(BoxListResult, "BOX_LIST_RESP", _RUN_IDS),
        json_codec(BoxGet, "BOX_GET"),
        json_codec(BoxRun, "BOX_RUN", _SEALED),
        json_codec(BoxDone, "BOX_DONE", _RUN_IDS),
        json_codec(BoxDoneResult, "BOX_DONE_RESP"),
        json_codec(BoxNews, "BOX_NEWS"),
        json_codec(ChatRequest, "CHAT_REQ"),
        json_codec(ChatReply, "CHAT_REQ_RESP"),
        json_codec(Sync, "SYNC"),
        json_codec(Here, "HERE"),
        json_codec(Idle, "IDLE"),
        json_codec(BoxPass, "BOX_PASS"),
        json_codec(Ack, "ACK"),
        json_codec(Skip, "SKIP"),
        json_codec(Paths, "PATHS", _ON_CIRCUITS),
        json_codec(Go, "GO", _ON_CIRCUITS),
        json_codec(FileGet, "FILE_GET", _ABOUT_FILES),
        json_codec(FileNo, "FILE_NO", _ABOUT_FILES),
        json_codec(FileDone, "FILE_DONE", _ABOUT_FILES),
        json_codec(DataRequest, "DATA_REQ", _ABOUT_FILES),
        json_codec(DataGo, "DATA_GO", _ABOUT_FILES),
        json_codec(ChatText, "MSG", MAX_FRAME_BYTES - HEADER_BYTES),
    ),
)
