"""What each order of a program does at its node, and what its answer tells.

The same as what a person types, but that nothing is brought to front. Knows no pipe and no line of
JSON; when something is done is `program_app`'s.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from p2pchat.errors import P2PError, UsageError
from p2pchat.peer.events import Event, Security, TextReceived
from p2pchat.peer.node import Node
from p2pchat.peer.store.lines import TO_RETRY, KeptLine, LineState
from p2pchat.protocol.durations import muted_for, seconds_of
from p2pchat.protocol.names import check_username
from p2pchat.ui.program.json_commands import JsonOrder
from p2pchat.ui.program.json_events import kept_object, scheduled_object, timestamp
from p2pchat.ui.program.stream import Stream
from p2pchat.ui.screen.contact_list import contact_object, rows_of
from p2pchat.ui.screen.later import schedule_text

Told = dict[str, Any]

LATER: Final[Told] = {}
"""Stands for an answer that is not known yet."""


class ProgramOrders:
    """Done at the node that `node()` gives; `answer(order, told)` brings those that come LATER.

    `contact` is the contact of orders that name none.
    """

    def __init__(
        self,
        stream: Stream,
        node: Callable[[], Node],
        answer: Callable[[JsonOrder, Told | P2PError], None],
        contact: str,
    ) -> None:
        self._stream = stream
        self._node = node
        self._answer = answer
        self._contact = contact
        self._sending: dict[str, list[JsonOrder]] = {}
        self._searching: dict[str, deque[JsonOrder]] = {}
        self._notes: Counter[str] = Counter()  # that it has said, and not been told of yet
        self.opened: set[str] = set()
        self.written_to: set[str] = set()
        self._handlers: Mapping[str, Callable[[JsonOrder], Told]] = {
            "accept": self._accept,
            "block": partial(self._block, blocked=True),
            "chat": self._chat,
            "contacts": lambda _: self._contacts(),
            "away": self._toggle_away,
            "dnd": self._toggle_dnd,
            "history": self._history,
            "leave": self._leave,
            "mute": self._mute,
            "outbox": self._outbox,
            "reject": self._reject,
            "search": self._search,
            "search-history": self._search_history,
            "seen": self._see,
            "send": self._send,
            "trust": self._trust,
            "unblock": partial(self._block, blocked=False),
            "verify": self._verify,
        }

    @property
    def unanswered(self) -> int:
        """How many answers are still to come."""
        pending = (*self._sending.values(), *self._searching.values())
        return sum(len(orders) for orders in pending)

    def may_do(self, order: JsonOrder) -> bool:
        """Return whether it need not wait: lines for who is there go out before more are kept."""
        if any(self._searching.values()):
            return False  # it is answered first
        if order.word != "send":
            return True
        try:
            contact = self._with_name(order).user or self._contact
        except UsageError:
            return True  # it is answered with that
        chat = self._node().chat(contact)
        return chat is None or chat.away or self._node().has_room(contact)

    def do(self, order: JsonOrder) -> Told:
        """Carry out the order; return the answer's fields, or LATER. Raise P2PError if it fails."""
        return self._handlers[order.word](self._with_name(order))

    def _with_name(self, order: JsonOrder) -> JsonOrder:
        """Return the order with its name as it is written at the registry."""
        if not order.user:
            return order
        in_clear = order.word == "chat" and order.yes
        return replace(order, user=self._node().named(order.user, in_clear=in_clear))

    def found(self, username: str, error: P2PError | None) -> None:
        """A search has its answer."""
        orders = self._searching.get(username)
        if orders:
            order = orders.popleft()
            self._answer(order, {} if error is None else error)

    def not_kept(self, contact: str, error: P2PError, texts: tuple[str, ...]) -> None:
        """Our disk failed."""
        for order in tuple(self._sending.get(contact, ())):
            if order.text in texts:
                self._not_sent(order, contact, error)

    def is_own_note(self, event: Event) -> bool:
        """Return whether an event is the message of a note that this program has said itself.

        A bot that answers every message would answer itself without end.
        """
        if not isinstance(event, TextReceived) or event.contact != self._node().username:
            return False
        if not self._notes[event.text]:
            return False
        self._notes[event.text] -= 1
        return True

    def _accept(self, order: JsonOrder) -> Told:
        caller = order.user or next(iter(self._node().called_by), "")
        self._node().accept(order.user)
        self.opened.add(caller)
        return {"user": caller}

    def _reject(self, order: JsonOrder) -> Told:
        caller = order.user or next(iter(self._node().called_by), "")
        self._node().reject(order.user)
        return {"user": caller}

    def _chat(self, order: JsonOrder) -> Told:
        self._node().call(order.user, in_clear=order.yes)
        self.opened.add(order.user)
        return {"user": order.user}

    def _leave(self, order: JsonOrder) -> Told:
        contact = self._meant(order)
        if not self._node().leave(contact):
            raise UsageError(f"you are in no chat with {contact}")
        return {"user": contact}

    def _send(self, order: JsonOrder) -> Told:
        node, contact = self._node(), self._meant(order)
        check_username(contact)
        if order.not_before or order.expires:
            at = schedule_text(
                node, contact, order.text, order.not_before or "0s", expires=order.expires
            )
            return {"to": contact, "not_before": timestamp(int(at.timestamp() * 1000))}
        chat = node.chat(contact)
        if chat is not None and chat.security is Security.CLEAR:
            node.say(contact, order.text)
            self.written_to.add(contact)
            return {"number": 0}
        if not node.url.secure:
            raise UsageError(
                f"you are in no chat with {contact}",
                likely="in the original dialect nothing waits for who is not there",
                advice=f'{{"command":"chat","user":"{contact}"}}',
            )
        if contact == node.username:
            self._notes[order.text] += 1
        self._sending.setdefault(contact, []).append(order)
        node.conversations.outbox.queue(
            contact,
            (order.text,),
            partial(self._kept, order, contact),
            partial(self._not_sent, order, contact),
        )
        return LATER

    def _kept(self, order: JsonOrder, contact: str, number: int) -> None:
        self.written_to.add(contact)
        if self._no_longer_sending(order, contact):
            self._answer(order, {"to": contact, "number": number})

    def _not_sent(self, order: JsonOrder, contact: str, error: P2PError) -> None:
        if self._no_longer_sending(order, contact):
            self._answer(order, error)

    def _no_longer_sending(self, order: JsonOrder, contact: str) -> bool:
        """Remove the order from the unanswered ones; return False if it was answered."""
        orders = self._sending[contact]
        for n, other in enumerate(orders):
            if other is order:
                del orders[n]
                return True
        return False

    def _search(self, order: JsonOrder) -> Told:
        self._node().search(order.user)
        self._searching.setdefault(order.user, deque()).append(order)
        return LATER

    def _see(self, order: JsonOrder) -> Told:
        self._node().seen(order.user, order.up_to)
        return {"user": order.user}

    def _history(self, order: JsonOrder) -> Told:
        return self._tell(order, self._node().history.lines(self._meant(order), limit=order.limit))

    def _search_history(self, order: JsonOrder) -> Told:
        return self._tell(order, self._node().history.lines(words=order.words, limit=order.limit))

    def _outbox(self, order: JsonOrder) -> Told:
        states = (LineState.QUEUED, *TO_RETRY)
        told = self._tell(order, self._node().history.lines(states=states))
        later = self._node().schedule.all()
        for line in later:
            scheduled = scheduled_object(line, self._node().username)
            self._stream.put("line", **scheduled, answers=order.id)
        return {"lines": told["lines"] + len(later)}

    def _contacts(self) -> Told:
        return {"contacts": [contact_object(row) for row in rows_of(self._node())]}

    def _tell(self, order: JsonOrder, lines: list[KeptLine]) -> Told:
        for line in lines:
            kept = kept_object(line, self._node().username)
            self._stream.put("line", **kept, answers=order.id)
        return {"lines": len(lines)}

    def _verify(self, order: JsonOrder) -> Told:
        if order.yes:
            self._node().mark_verified(order.user)
            return {"user": order.user}
        return {
            "user": order.user,
            "safety_number": self._node().contacts.safety_number(order.user),
        }

    def _trust(self, order: JsonOrder) -> Told:
        if order.yes:
            return {"user": order.user, "not_delivered": self._node().trust(order.user)}
        return {"user": order.user, "safety_number": self._node().contacts.other_number(order.user)}

    def _block(self, order: JsonOrder, *, blocked: bool) -> Told:
        if order.user == self._node().username:
            raise UsageError("that is yourself")
        check_username(order.user)
        self._node().contacts.block(order.user, blocked=blocked)
        if blocked:
            self._node().conversations.drop(order.user)
        return {"user": order.user}

    def _toggle_away(self, _: JsonOrder) -> Told:
        away_status = self._node().conversations.away_status
        away_status.be(idle=not away_status.ours)
        return {"away": away_status.ours}

    def _toggle_dnd(self, order: JsonOrder) -> Told:
        quiet = self._node().conversations.do_not_disturb
        seconds = seconds_of(order.time) if order.time else None
        quiet.turn(on=bool(order.time) or not quiet.is_on, seconds=seconds)
        return {"do_not_disturb": quiet.is_on}

    def _mute(self, order: JsonOrder) -> Told:
        seconds = muted_for(order.time)
        self._node().contacts.mute(order.user, seconds)
        return {"user": order.user, "muted": seconds > 0}

    def _meant(self, order: JsonOrder) -> str:
        contact = order.user or self._contact
        if not contact:
            needed = "to" if order.word == "send" else "user"
            raise UsageError(f"{order.word} needs {needed!r}: a program has no contact in front")
        return contact
