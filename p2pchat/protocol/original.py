"""The original dialect: space-separated UTF-8 text (PROTOCOL, "Original dialect").

A mistake that the user of an unmodified client can make (no password, an invalid port, an
impossible name) is decoded as a message, so that it gets an answer. Only what no user can have
meant is a violation.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, TypeVar

from p2pchat.errors import LocalProtocolError, RemoteProtocolError
from p2pchat.protocol.dialects import Codec, Dialect
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
    check_port,
)
from p2pchat.protocol.names import is_username
from p2pchat.protocol.talk import ChatReply, ChatRequest, ChatText, Reply

MAX_TEXT_BYTES: Final = 65536
"""Of one chat message; longer ones may be cut off, as the original reads each with one `recv`."""

_SHORT: Final = 64  # an outcome, a port or an address
_NAMED: Final = 512  # a payload with a username
_CREDENTIALS: Final = 2048  # a username and a password; a long pass phrase fits

_HELLO: Final = b"HELLO "


_Credentials = TypeVar("_Credentials", Register, Login)
_Result = TypeVar("_Result", RegisterResult, LoginResult, AnnouncePortResult)


def encode_hello(message: Hello) -> bytes:
    """Return the datagram of a heartbeat, which has no header."""
    return _HELLO + message.username.encode()


def decode_hello(datagram: bytes) -> Hello:
    """Return the heartbeat in a datagram. Raise RemoteProtocolError if it is malformed."""
    if not datagram.startswith(_HELLO):
        raise RemoteProtocolError("the datagram is not a HELLO")
    try:
        username = datagram[len(_HELLO) :].decode()
    except UnicodeDecodeError:
        raise RemoteProtocolError("HELLO: the username is not UTF-8") from None
    if not is_username(username):
        raise RemoteProtocolError("HELLO: no username")
    return Hello(username)


def _write_credentials(message: Register | Login) -> str:
    if not is_username(message.username):  # a space in it would make part of it the password
        raise LocalProtocolError(f"{message.username!r} is not a valid username")
    return f"{message.username} {message.password}"


def _credentials_reader(make: Callable[[str, str], _Credentials]) -> Callable[[str], _Credentials]:
    def read(payload: str) -> _Credentials:
        username, _, password = payload.partition(" ")
        return make(username, password)

    return read


def _write_result(message: RegisterResult | LoginResult | AnnouncePortResult) -> str:
    return message.outcome


def _result_reader(make: Callable[[Outcome], _Result]) -> Callable[[str], _Result]:
    return lambda payload: make(Outcome(payload))


def _read_port(payload: str) -> int:
    """Return the port. Raise ValueError, also for signs and digits that int() would accept."""
    if not (payload.isascii() and payload.isdigit()):
        raise ValueError("the port is not a decimal number")
    port = int(payload)
    check_port(port)
    return port


def _write_announce(message: AnnouncePort) -> str:
    if message.port is None:
        raise LocalProtocolError("no port to announce")
    return str(message.port)


def _read_announce(payload: str) -> AnnouncePort:
    try:
        return AnnouncePort(_read_port(payload))
    except ValueError:
        return AnnouncePort(None)


def _write_search(message: Search) -> bytes:
    return message.username.encode()


def _read_search(payload: bytes) -> Search:
    return Search(payload.decode())


def _write_search_result(message: SearchResult) -> bytes:
    text = f"{message.host} {message.port}" if message.port else message.presence
    return text.encode()


def _read_search_result(payload: bytes) -> SearchResult:
    text = payload.decode()
    host, _, port = text.partition(" ")
    if port:
        return SearchResult(Presence.ONLINE, host, _read_port(port))
    return SearchResult(Presence(text))


def _write_chat_request(message: ChatRequest) -> str:
    if message.port is None:
        raise LocalProtocolError("a request of the original dialect must contain the caller's port")
    return f"{message.username} {message.port}"


def _read_chat_request(payload: str) -> ChatRequest:
    username, _, port = payload.partition(" ")
    if not is_username(username):
        raise ValueError("no username")
    return ChatRequest(username, _read_port(port))


def _write_nothing(_: Logout) -> str:
    return ""


def _read_nothing(payload: str) -> Logout:
    if payload:
        raise ValueError("an unexpected payload")
    return Logout()


def _text(
    message: type[Message],
    command: str,
    limit: int,
    write: Callable[[Any], str],
    read: Callable[[str], Message],
) -> Codec:
    """Return the codec of a text payload; `read` raises ValueError also if it is not UTF-8."""
    return Codec(message, command, limit, lambda m: write(m).encode(), lambda p: read(p.decode()))


ORIGINAL: Final = Dialect(
    "original",
    (
        _text(Register, "REG", _CREDENTIALS, _write_credentials, _credentials_reader(Register)),
        _text(RegisterResult, "REG_RESP", _SHORT, _write_result, _result_reader(RegisterResult)),
        _text(Login, "LOG", _CREDENTIALS, _write_credentials, _credentials_reader(Login)),
        _text(LoginResult, "LOG_RESP", _SHORT, _write_result, _result_reader(LoginResult)),
        _text(AnnouncePort, "PS_PORT", _SHORT, _write_announce, _read_announce),
        _text(
            AnnouncePortResult,
            "PS_PORT_RESP",
            _SHORT,
            _write_result,
            _result_reader(AnnouncePortResult),
        ),
        Codec(Search, "SEARCH", _NAMED, _write_search, _read_search),
        Codec(SearchResult, "SEARCH_RESP", _SHORT, _write_search_result, _read_search_result),
        _text(Logout, "LOGOUT", _SHORT, _write_nothing, _read_nothing),
        _text(ChatRequest, "CHAT_REQ", _NAMED, _write_chat_request, _read_chat_request),
        _text(
            ChatReply,
            "CHAT_REQ_RESP",
            _SHORT,
            attrgetter("reply"),
            lambda payload: ChatReply(Reply(payload)),
        ),
        _text(ChatText, "MSG", MAX_TEXT_BYTES, attrgetter("text"), ChatText),
    ),
)
