"""Questions to the local network where a contact is, and answers (PROTOCOL, "Local network").

Only the asker and the contact can tell which contact a question is for. Uses neither sockets nor
clocks.
"""

import hashlib
import hmac
import struct
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from p2pchat.errors import RemoteProtocolError

LAN_PORT: Final = 7118
"""The UDP port at which questions are heard."""

NONCE_BYTES: Final = 16
TAG_BYTES: Final = 16

_QUESTION: Final = b"P2PL"
_ANSWER: Final = b"P2PM"
_SIZES: Final = (4, 8, 16, 32)
"""Tags of a question, so that it does not tell how many contacts are asked for."""

MOST_ASKED: Final = _SIZES[-1]
"""Contacts of one question."""

_TIME: Final = struct.Struct("!I")
_PORT: Final = struct.Struct("!H")


class Question(NamedTuple):
    """A question, with a tag for each wanted contact."""

    nonce: bytes
    tags: frozenset[bytes]

    @property
    def minutes(self) -> int:
        """When it was asked, in minutes since the epoch, by the asker's clock."""
        return int(_TIME.unpack_from(self.nonce)[0])


class Answer(NamedTuple):
    """The answer of a contact to the question with that nonce: the port of the peer server."""

    nonce: bytes
    tag: bytes
    port: int


def pair_secret(shared: bytes) -> bytes:
    """Return the secret of two users, from the one that their keys agree on (X25519)."""
    return hashlib.sha256(b"p2pchat lan 1" + shared).digest()


def new_nonce(minutes: int, random: Callable[[int], bytes]) -> bytes:
    """Return the nonce of a question that is asked now, in minutes since the epoch."""
    return _TIME.pack(minutes & 0xFFFFFFFF) + random(NONCE_BYTES - _TIME.size)


class Pair(NamedTuple):
    """The direction of a message: speaker and listener, and the secret that the two share.

    `speaker` is the key of the speaker, `name` and `other` are the usernames of speaker and
    listener.
    """

    secret: bytes
    speaker: bytes
    name: str
    other: str

    def tag(self, mark: bytes, rest: bytes) -> bytes:
        """Return the tag that authenticates a message of the kind `mark` and the content `rest`.

        The names tell apart several users of one key; the key makes a question useless if it is
        sent back to its asker.
        """
        names = b"".join(
            len(n).to_bytes(2, "big") + n for n in (self.name.encode(), self.other.encode())
        )
        return hmac.digest(self.secret, mark + self.speaker + names + rest, "sha256")[:TAG_BYTES]


def question_tag(pair: Pair, nonce: bytes) -> bytes:
    """Return the tag of a question to the other user of a pair."""
    return pair.tag(b"?", nonce)


def answer_tag(pair: Pair, nonce: bytes, port: int) -> bytes:
    """Return the tag of an answer to the other user of a pair."""
    return pair.tag(b"!", nonce + _PORT.pack(port))


def write_question(nonce: bytes, tags: Iterable[bytes], random: Callable[[int], bytes]) -> bytes:
    """Return the datagram of a question with at most MOST_ASKED tags, among random ones."""
    wanted = set(tags)
    size = next(size for size in _SIZES if size >= len(wanted))
    while len(wanted) < size:
        wanted.add(random(TAG_BYTES))
    return b"".join((_QUESTION, nonce, *sorted(wanted)))


def read_question(datagram: bytes) -> Question:
    """Return the question in a datagram. Raise RemoteProtocolError if it is none."""
    start = len(_QUESTION) + NONCE_BYTES
    count, rest = divmod(len(datagram) - start, TAG_BYTES)
    if not datagram.startswith(_QUESTION) or rest or count not in _SIZES:
        raise RemoteProtocolError("the datagram is no question")
    tags = (datagram[at : at + TAG_BYTES] for at in range(start, len(datagram), TAG_BYTES))
    return Question(datagram[len(_QUESTION) : start], frozenset(tags))


def write_answer(answer: Answer) -> bytes:
    """Return the datagram of an answer, which is shorter than any question."""
    return b"".join((_ANSWER, answer.nonce, answer.tag, _PORT.pack(answer.port)))


def read_answer(datagram: bytes) -> Answer:
    """Return the answer in a datagram. Raise RemoteProtocolError if it is none."""
    nonce_end = len(_ANSWER) + NONCE_BYTES
    tag_end = nonce_end + TAG_BYTES
    if not datagram.startswith(_ANSWER) or len(datagram) != tag_end + _PORT.size:
        raise RemoteProtocolError("the datagram is no answer")
    (port,) = _PORT.unpack_from(datagram, tag_end)
    return Answer(datagram[len(_ANSWER) : nonce_end], datagram[nonce_end:tag_end], port)


def is_question(datagram: bytes) -> bool:
    """Return whether a datagram claims to be a question."""
    return datagram.startswith(_QUESTION)
