"""Translates a program's orders into orders at its node, and their results into answers.

Like a person's commands, but nothing is brought to front. Knows neither pipes nor JSON lines; `app`
decides when an order is carried out.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from p2pchat.client.client import Client
from p2pchat.errors import P2PError, UsageError
from p2pchat.protocol.client import orders as o
from p2pchat.protocol.client.events import Event, TextReceived
from p2pchat.protocol.client.file_orders import (
    CancelFile,
    DeclineFile,
    GetFile,
    ListFiles,
    SendFile,
    Transfers,
)
from p2pchat.protocol.client.lines import UNDELIVERED
from p2pchat.protocol.client.node_order import Done, Order
from p2pchat.protocol.client.objects import (
    kept_object,
    mailbox_object,
    scheduled_object,
    timestamp,
    transfer_object,
)
from p2pchat.protocol.client.state import Security
from p2pchat.protocol.durations import muted_for, seconds_of
from p2pchat.protocol.names import check_username
from p2pchat.ui.program.json_commands import JsonOrder
from p2pchat.ui.program.stream import Stream
from p2pchat.ui.screen.contact_list import contact_object
from p2pchat.ui.screen.later import to_schedule
from p2pchat.ui.screen.said_lines import Untold
from p2pchat.wall_clock import now_ms

Told = dict[str, Any]


class _Plan(NamedTuple):
    """An order at the node, and a function that builds the answer; that may raise P2PError."""

    order: Order[Any]
    tell: Callable[[Any], Told]


class ProgramOrders:
    """Gives orders to the client that `client()` returns; `answer(order, told)` answers each.

    `contact` is the default contact of orders.
    """

    def __init__(
        self,
        stream: Stream,
        client: Callable[[], Client],
        answer: Callable[[JsonOrder, Told | P2PError], None],
        contact: str,
    ) -> None:
        self._stream = stream
        self._client = client
        self._answer = answer
        self._contact = contact
        self._unanswered: dict[int, tuple[int, JsonOrder]] = {}  # time and order
        self._others_unanswered = 0  # those of them that do not send
        self._last_key = 0
        self._notes: Counter[str] = Counter()  # sent, but not yet seen as an event
        self.opened: set[str] = set()
        self.written_to: set[str] = set()
        self._plans: Mapping[str, Callable[[JsonOrder], _Plan]] = {
            "accept": self._accept,
            "block": lambda order: self._block(order, blocked=True),
            "chat": self._chat,
            "contacts": lambda _: _Plan(o.ListContacts(), _contacts),
            "away": lambda _: _Plan(o.SetAway(), lambda away: {"away": away.on}),
            "cancel": lambda order: _Plan(CancelFile(order.transfer), _transfer(order)),
            "decline": lambda order: _Plan(DeclineFile(order.transfer), _transfer(order)),
            "dnd": self._dnd,
            "files": lambda _: _Plan(ListFiles(), _transfers),
            "get": lambda order: _Plan(GetFile(order.transfer, "", order.folder), _transfer(order)),
            "history": lambda order: self._lines(
                order, o.ReadLines(self._meant(order), limit=order.limit)
            ),
            "leave": self._leave,
            "mailbox": lambda order: _Plan(o.SetMailbox(order.on), mailbox_object),
            "mute": self._mute,
            "outbox": lambda order: self._lines(
                order, o.ReadLines(states=UNDELIVERED, scheduled=True)
            ),
            "reject": self._reject,
            "search": lambda order: _Plan(o.Search(order.user), lambda _: {}),
            "search-history": lambda order: self._lines(
                order, o.ReadLines(words=order.words, limit=order.limit)
            ),
            "seen": lambda order: _Plan(o.Seen(order.user, order.up_to), _user(order.user)),
            "send": self._send,
            "send-file": self._send_file,
            "trust": self._trust,
            "unblock": lambda order: self._block(order, blocked=False),
            "verify": self._verify,
        }

    @property
    def unanswered(self) -> int:
        """How many orders are not answered yet."""
        return len(self._unanswered)

    def untold(self, waiting: Sequence[JsonOrder]) -> Untold:
        """Return the texts for the contact called that the node has not confirmed as stored.

        `waiting`: the orders that were not given. The result is complete if there are no others.
        """
        given = [(at, order) for at, order in self._unanswered.values() if self._is_text(order)]
        texts = tuple(order.text for order in waiting if self._is_text(order))
        others = len(self._unanswered) + len(waiting) - len(given) - len(texts)
        since = given[0][0] if given else 0
        return Untold(tuple(order.text for _, order in given), texts, since, not others)

    def _is_text(self, order: JsonOrder) -> bool:
        return order.word == "send" and (order.user or self._contact) == self._contact

    def may_do(self, order: JsonOrder) -> bool:
        """Return whether earlier orders allow it: only sending does not wait for sending."""
        return not self._others_unanswered if order.word == "send" else not self._unanswered

    def do(self, order: JsonOrder) -> None:
        """Send the order to the node. Raise P2PError if it is invalid."""
        order = self._with_name(order)
        plan = self._plans[order.word](order)
        self._last_key += 1
        key = self._last_key
        self._unanswered[key] = now_ms(), order
        self._others_unanswered += order.word != "send"

        def forget() -> None:
            del self._unanswered[key]
            self._others_unanswered -= order.word != "send"

        def done(result: Any) -> None:
            forget()
            try:
                told = plan.tell(result)
            except P2PError as error:
                self._answer(order, error)
            else:
                self._answer(order, told)

        def failed(error: P2PError) -> None:
            self._notes[order.text] -= order.word == "send" and self._notes[order.text] > 0
            if self._client().is_open:  # otherwise the outcome is unknown
                forget()
                self._answer(order, error)

        self._client().order(plan.order, done, failed)

    def is_own_note(self, event: Event) -> bool:
        """Return whether an event is a note that this program itself has sent.

        A bot that answers every message would otherwise answer itself endlessly.
        """
        if not isinstance(event, TextReceived) or event.contact != self._client().username:
            return False
        if not self._notes[event.text]:
            return False
        self._notes[event.text] -= 1
        return True

    def _with_name(self, order: JsonOrder) -> JsonOrder:
        """Return the order with its name as the registry spells it."""
        if not order.user:
            return order
        in_clear = order.word == "chat" and order.yes
        return msgspec.structs.replace(
            order, user=self._client().named(order.user, in_clear=in_clear)
        )

    def _caller(self, order: JsonOrder) -> str:
        waiting = self._client().state.requests
        if not order.user and not waiting:
            raise UsageError("there is no call to answer")
        return order.user or waiting[0]

    def _accept(self, order: JsonOrder) -> _Plan:
        caller = self._caller(order)

        def accepted(_: Done) -> Told:
            self.opened.add(caller)
            return {"user": caller}

        return _Plan(o.Accept(caller), accepted)

    def _reject(self, order: JsonOrder) -> _Plan:
        caller = self._caller(order)
        return _Plan(o.Reject(caller), _user(caller))

    def _chat(self, order: JsonOrder) -> _Plan:
        self.opened.add(order.user)
        return _Plan(o.Open(order.user, order.yes), _user(order.user))

    def _leave(self, order: JsonOrder) -> _Plan:
        contact = self._meant(order)

        def left(was_there: o.Switch) -> Told:
            if not was_there.on:
                raise UsageError(f"you are in no chat with {contact}")
            return {"user": contact}

        return _Plan(o.Leave(contact), left)

    def _send(self, order: JsonOrder) -> _Plan:
        client, contact = self._client(), self._meant(order)
        check_username(contact)
        if order.not_before or order.expires:
            later = to_schedule(
                contact, order.text, order.not_before or "0s", expires=order.expires
            )
            not_before = timestamp(later.not_before)
            return _Plan(later, lambda _: {"to": contact, "not_before": not_before})
        chat = client.state.chats.get(contact)
        in_clear = chat is not None and chat.security is Security.CLEAR
        if not in_clear and not client.secure:
            raise UsageError(
                f"you are in no chat with {contact}",
                likely="the original dialect cannot queue lines for an offline contact",
                advice=f'{{"command":"chat","user":"{contact}"}}',
            )
        if contact == client.username:
            self._notes[order.text] += 1

        def kept(last: o.Number) -> Told:
            self.written_to.add(contact)
            return {"number": 0} if in_clear else {"to": contact, "number": last.number}

        return _Plan(o.Send(contact, (order.text,)), kept)

    def _send_file(self, order: JsonOrder) -> _Plan:
        contact = self._meant(order)

        def offered(found: Transfers) -> Told:
            [one] = found.transfers
            return {"to": contact, "transfer": one.id, "name": one.name, "size": one.size}

        return _Plan(SendFile(contact, order.path, order.name), offered)

    def _lines(self, order: JsonOrder, question: o.ReadLines) -> _Plan:
        def found(lines: o.Lines) -> Told:
            me = self._client().username
            for line in lines.lines:
                self._stream.put("line", **kept_object(line, me), answers=order.id)
            for scheduled in lines.scheduled:
                self._stream.put("line", **scheduled_object(scheduled, me), answers=order.id)
            told = {"lines": len(lines.lines) + len(lines.scheduled)}
            return {**told, "left_out": lines.left_out} if lines.left_out else told

        return _Plan(question, found)

    def _verify(self, order: JsonOrder) -> _Plan:
        if order.yes:
            return _Plan(o.Verify(order.user), _user(order.user))
        return _Plan(o.ShowSafetyNumber(order.user), _safety_number(order.user))

    def _trust(self, order: JsonOrder) -> _Plan:
        if order.yes:
            return _Plan(
                o.Trust(order.user),
                lambda failed: {"user": order.user, "not_delivered": failed.count},
            )
        return _Plan(o.ShowSafetyNumber(order.user, other=True), _safety_number(order.user))

    def _block(self, order: JsonOrder, *, blocked: bool) -> _Plan:
        return _Plan(o.Block(order.user, blocked), _user(order.user))

    def _dnd(self, order: JsonOrder) -> _Plan:
        seconds = seconds_of(order.time) if order.time else None
        on = True if order.time else None
        return _Plan(o.SetDoNotDisturb(on, seconds), lambda quiet: {"do_not_disturb": quiet.on})

    def _mute(self, order: JsonOrder) -> _Plan:
        seconds = muted_for(order.time)
        told = {"user": order.user, "muted": seconds > 0}
        return _Plan(o.Mute(order.user, seconds), lambda _: told)

    def _meant(self, order: JsonOrder) -> str:
        contact = order.user or self._contact
        if not contact:
            needed = "to" if order.word in {"send", "send-file"} else "user"
            raise UsageError(f"{order.word} needs {needed!r}: a program has no contact in front")
        return contact


def _user(name: str) -> Callable[[Any], Told]:
    return lambda _: {"user": name}


def _safety_number(name: str) -> Callable[[o.SafetyNumber], Told]:
    return lambda shown: {"user": name, "safety_number": shown.number}


def _transfer(order: JsonOrder) -> Callable[[Any], Told]:
    return lambda _: {"transfer": order.transfer}


def _transfers(found: Transfers) -> Told:
    return {"files": [transfer_object(one) for one in found.transfers]}


def _contacts(found: o.ContactList) -> Told:
    return {"contacts": [contact_object(contact) for contact in found.contacts]}
