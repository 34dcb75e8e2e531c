"""Discovery of contacts in the local network without the registry (PROTOCOL, "Local network").

An answer is an address to dial, nothing more: the link proves who is there. Knows no chats.
"""

import hmac
import os
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from p2pchat.errors import BindError, RemoteProtocolError, StorageError
from p2pchat.net.address import is_local, is_loopback
from p2pchat.net.endpoints import LanDatagrams, Network
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.rate_limit import RateLimit, group_of
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.store.identity import Identity
from p2pchat.protocol.address import Address
from p2pchat.protocol.lan import (
    LAN_PORT,
    MOST_ASKED,
    Answer,
    Pair,
    Question,
    answer_tag,
    is_question,
    new_nonce,
    pair_secret,
    question_tag,
    read_answer,
    read_question,
    write_answer,
    write_question,
)

_PERIOD: Final = 60.0
_SHORTEST_PAUSE: Final = 2.0
_ANSWER_TIMEOUT: Final = 10.0
_MOST_MINUTES_OFF: Final = 5
_MOST_NONCES: Final = 10_000
"""Questions of the last minutes that are remembered; beyond that, none is answered."""

_LOWEST_PORT: Final = 1024

_QUESTIONS_PER_SECOND: Final = 50
_QUESTIONS_OF_ONE: Final = 5
"""Of one machine. Each costs a look at all contacts."""
_KNOWN_FOR: Final = 10.0
"""Seconds after which the contacts are read again."""
_ANSWERS_PER_SECOND: Final = 5


class _Asked(NamedTuple):
    contacts: dict[str, bytes]  # the key of each
    until: float


class Lan:
    """Find contacts on the local network and answer their questions, from `open` until `close`.

    `listening()` returns the address of our peer server, if it is open. `wanted()` returns the
    contacts to look for: those that we cannot reach. `on_found(contact, address)` is called with
    the address that a contact has answered with. `wall` returns seconds since the epoch.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        identity: Identity,
        username: str,
        contacts: Contacts,
        *,
        listening: Callable[[], Address | None],
        wanted: Callable[[], list[str]],
        on_found: Callable[[str, Address], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop
        self._network = network
        self._identity = identity
        self._username = username
        self._contacts = contacts
        self._listening = listening
        self._wanted = wanted
        self._on_found = on_found
        self._wall = wall
        self._socket: LanDatagrams | None = None
        self._timer: Timer | None = None
        self._asked_at = -_SHORTEST_PAUSE
        self._asked: dict[bytes, _Asked] = {}
        self._heard: OrderedDict[bytes, int] = OrderedDict()  # nonces, with their minute
        self._secrets: dict[bytes, bytes | None] = {}
        self._known: list[tuple[str, bytes]] = []  # who may ask, with each one's key
        self._known_at = -_KNOWN_FOR
        self._questions = RateLimit(_QUESTIONS_PER_SECOND, _QUESTIONS_PER_SECOND)
        self._questions_of_one = RateLimit(_QUESTIONS_OF_ONE, 2 * _QUESTIONS_OF_ONE)
        self._answers = RateLimit(_ANSWERS_PER_SECOND, _ANSWERS_PER_SECOND)

    def open(self) -> None:
        """Hear questions, and ask from time to time; without the port, do nothing."""
        try:
            self._socket = self._network.open_lan(LAN_PORT, self._hear)
        except BindError:
            return
        self._timer = self._loop.call_later(_PERIOD, self._ask)

    def close(self) -> None:
        """Stop asking and answering."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def look(self) -> None:
        """Ask soon for the contacts that are wanted: one is away, or the registry is."""
        if self._timer is not None:
            self._timer.cancel()
            wait = max(0.0, self._asked_at + _SHORTEST_PAUSE - self._loop.now())
            self._timer = self._loop.call_later(wait, self._ask)

    def _ask(self) -> None:
        if self._socket is None:
            return
        self._timer = self._loop.call_later(_PERIOD, self._ask)
        now = self._loop.now()
        self._asked = {nonce: each for nonce, each in self._asked.items() if each.until > now}
        try:
            known = [(name, self._contacts.get(name)) for name in self._wanted()]
        except StorageError:
            return
        keys = {name: c.key for name, c in known if c.key and c.accepted and not c.blocked}
        asked = dict(random.sample(list(keys.items()), min(len(keys), MOST_ASKED)))
        if not asked:
            return
        nonce = new_nonce(self._minutes, os.urandom)
        tags = [
            question_tag(Pair(secret, self._identity.public, self._username, name), nonce)
            for name, key in asked.items()
            if (secret := self._secret(key)) is not None
        ]
        self._asked_at = now
        self._asked[nonce] = _Asked(asked, now + _ANSWER_TIMEOUT)
        self._socket.ask_all(write_question(nonce, tags, os.urandom))

    @property
    def _minutes(self) -> int:
        return int(self._wall() // 60)

    def _hear(self, datagram: bytes, sender: Address) -> None:
        """Handle a datagram; only the local network can have sent a true one."""
        if not is_local(sender.host):
            return
        try:
            if is_question(datagram):
                self._answer(read_question(datagram), sender)
            else:
                self._answered(read_answer(datagram), sender)
        except (RemoteProtocolError, StorageError):
            return  # anybody may send us a datagram

    def _answer(self, question: Question, sender: Address) -> None:
        listening, now = self._listening(), self._loop.now()
        if listening is None or self._socket is None or not _is_reached(listening, sender):
            return
        is_too_much = self._questions_of_one.take(group_of(sender.host.partition("%")[0]), now)
        if question.nonce in self._asked or is_too_much or self._questions.take("", now):
            return
        asker = self._asked_by(question)
        if asker is not None and self._is_new(question) and not self._answers.take("", now):
            name, secret = asker
            nonce, port = question.nonce, listening.port
            tag = answer_tag(Pair(secret, self._identity.public, self._username, name), nonce, port)
            self._socket.send(write_answer(Answer(nonce, tag, port)), sender)

    def _asked_by(self, question: Question) -> tuple[str, bytes] | None:
        """Return the contact who asks for us, and the secret of the two; None if none does."""
        now = self._loop.now()
        if now - self._known_at >= _KNOWN_FOR:
            self._known_at = now
            self._known = [
                (contact.username, contact.key)
                for contact in self._contacts.all()
                if contact.key is not None and contact.accepted and not contact.blocked
            ]
        for name, key in self._known:
            secret = self._secret(key)
            if secret is None:
                continue
            due = question_tag(Pair(secret, key, name, self._username), question.nonce)
            if due in question.tags:
                return name, secret
        return None

    def _is_new(self, question: Question) -> bool:
        """Record a question to us; return whether it is neither old nor a recording."""
        minutes = self._minutes
        while self._heard:
            nonce, minute = next(iter(self._heard.items()))
            if abs(minute - minutes) <= 2 * _MOST_MINUTES_OFF:
                break
            del self._heard[nonce]
        if abs(question.minutes - minutes) > _MOST_MINUTES_OFF or question.nonce in self._heard:
            return False
        if len(self._heard) >= _MOST_NONCES:
            return False
        self._heard[question.nonce] = minutes
        return True

    def _answered(self, answer: Answer, sender: Address) -> None:
        asked = self._asked.get(answer.nonce)
        if asked is None or asked.until <= self._loop.now() or answer.port < _LOWEST_PORT:
            return
        for contact, key in asked.contacts.items():
            secret = self._secret(key)
            if secret is None:
                continue
            pair = Pair(secret, key, contact, self._username)
            due = answer_tag(pair, answer.nonce, answer.port)
            if hmac.compare_digest(due, answer.tag):
                del asked.contacts[contact]  # further answers, by other ways, are not needed
                self._on_found(contact, Address(sender.host, answer.port))
                return

    def _secret(self, key: bytes) -> bytes | None:
        """Return the secret that we share with a contact; None if the key allows none."""
        if key not in self._secrets:
            shared = self._identity.agree(key)
            self._secrets[key] = None if shared is None else pair_secret(shared)
        return self._secrets[key]


def _is_reached(listening: Address, sender: Address) -> bool:
    """Return whether the sender can dial where we listen: by its kind of IP, not on loopback."""
    if is_loopback(listening.host):
        return False
    return ":" in listening.host or ":" not in sender.host
