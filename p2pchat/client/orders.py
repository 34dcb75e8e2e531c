"""Carries out the orders of a client at the node.

Knows neither messages nor numbers of orders; see `session`.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from p2pchat.client.clients import Clients
from p2pchat.client.delivery import Delivery, Queue
from p2pchat.client.file_orders import FileOrders
from p2pchat.errors import OnFailed, P2PError, TimedOut, UsageError
from p2pchat.net.loop import Loop
from p2pchat.peer.calls.contact_list import listed_contacts
from p2pchat.peer.node import Node
from p2pchat.peer.store.schedule import scheduled
from p2pchat.protocol.client import orders as o
from p2pchat.protocol.client.events import CallFailed, ChatEnded, Event, NotKept
from p2pchat.protocol.client.file_orders import SendFile
from p2pchat.protocol.client.lines import KeptLine, ScheduledLine
from p2pchat.protocol.client.node_order import Done, Order, Result
from p2pchat.protocol.client.state import Security, SessionState
from p2pchat.protocol.messages import SearchResult
from p2pchat.protocol.names import check_username
from p2pchat.wall_clock import now_ms

Then = Callable[[Result], None]

_DONE: Final = Done()

_LINE_CHARACTERS: Final = 256
"""The size assumed of a line in an answer, besides its text."""

_MOST_CHARACTERS: Final = 512 * 1024
"""The most characters of the lines in one answer, which must fit into a frame even if escaped."""


class _Waiting(NamedTuple):
    """An unanswered order to send lines."""

    order: o.Say | o.Send
    then: Then
    failed: OnFailed


class Orders:
    """Carries out the orders of one client; pass it the node's events.

    `is_elsewhere(contact)` returns whether another client has a conversation open; `opened` are the
    conversations open in this one.
    """

    def __init__(self, loop: Loop, clients: Clients, is_elsewhere: Callable[[str], bool]) -> None:
        self._loop = loop
        self._clients = clients
        self._is_elsewhere = is_elsewhere
        self._deliveries: set[Delivery] = set()
        self._held_back: dict[str, deque[_Waiting]] = {}  # until there is room
        self._sending: dict[str, list[_Waiting]] = {}
        self.opened: set[str] = set()
        file_orders = FileOrders(lambda: self._node, self._deliver)
        self._at_once: Mapping[type[Order[Any]], Callable[[Any], Result]] = {
            o.Schedule: self._schedule,
            o.Open: self._open,
            o.Close: self._close,
            o.Leave: lambda order: o.Switch(self._node.leave(order.user)),
            o.Accept: self._accept,
            o.Reject: self._reject,
            o.Seen: self._seen,
            o.ReadLines: self._read_lines,
            o.ListContacts: lambda _: self._list_contacts(),
            o.ShowSafetyNumber: self._safety_number,
            o.Verify: self._verify,
            o.Trust: lambda order: o.Count(self._node.trust.accept_key(order.user)),
            o.UseNewKey: lambda order: o.Count(self._node.trust.key_changed(order.user)),
            o.Block: self._block,
            o.Mute: self._mute,
            o.SetAway: self._set_away,
            o.SetDoNotDisturb: self._set_do_not_disturb,
            o.HintAt: lambda order: o.Switch(self._node.contacts.is_to_be_hinted(order.user)),
            o.GetStatus: lambda _: self._status(),
            o.SetMailbox: self._set_mailbox,
            **file_orders.at_once,
        }
        self._later: Mapping[type[Order[Any]], Callable[[Any, Then, OnFailed], None]] = {
            o.Say: self._say,
            o.Send: self._send,
            o.SendAgain: self._send_again,
            o.Search: self._search,
            o.Cancel: self._cancel,
            SendFile: file_orders.send,
            o.HandOver: lambda _, then, __: self._hand_over(then),
        }

    @property
    def _node(self) -> Node:
        return self._clients.node

    def carry_out(self, order: Order[Any], then: Then, failed: OnFailed) -> None:
        """Carry out an order; one of the callbacks is called once, perhaps now."""
        try:
            if not isinstance(order, o.Say | o.Send):
                self._node.conversations.flush()  # so that the order applies to earlier lines
            at_once = self._at_once.get(type(order))
            if at_once is None:
                self._later[type(order)](order, then, failed)
                return
            result = at_once(order)
        except P2PError as error:
            failed(error)
        else:
            then(result)

    def on_event(self, event: Event) -> None:
        """Handle an event that may answer a pending order."""
        for delivery in tuple(self._deliveries):
            delivery.on_event(event)
        match event:
            case ChatEnded(contact) | CallFailed(contact):
                self.opened.discard(contact)
            case NotKept(contact, error, texts):
                for waiting in tuple(self._sending.get(contact, ())):
                    if isinstance(waiting.order, o.Send) and set(waiting.order.texts) & set(texts):
                        self._sending[contact].remove(waiting)
                        waiting.failed(error)
            case _:
                pass

    def go_on(self) -> None:
        """Send the lines that waited for room, while there is room."""
        for contact in tuple(self._held_back):
            waiting = self._held_back[contact]
            while waiting and self._has_room(waiting[0].order):
                self._say_or_send(waiting.popleft())
            if not waiting:
                del self._held_back[contact]

    def _has_room(self, order: o.Say | o.Send) -> bool:
        """Return whether an order can be carried out now: lines are sent before more are queued."""
        chat = self._node.chat(order.to)
        is_kept_only = isinstance(order, o.Send) and chat is not None and chat.away
        return is_kept_only or self._node.has_room(order.to)

    def _in_turn(self, waiting: _Waiting) -> None:
        contact = waiting.order.to
        if contact in self._held_back or not self._has_room(waiting.order):
            self._held_back.setdefault(contact, deque()).append(waiting)
        else:
            self._say_or_send(waiting)

    def _say_or_send(self, waiting: _Waiting) -> None:
        order, failed = waiting.order, waiting.failed
        try:
            if isinstance(order, o.Say):
                self._node.say(order.to, order.text)
                self._loop.call_soon(lambda: waiting.then(_DONE))  # they are flushed by then
            else:
                self._queue(waiting, order)
        except P2PError as error:
            failed(error)

    def _say(self, order: o.Say, then: Then, failed: OnFailed) -> None:
        self._in_turn(_Waiting(order, then, failed))

    def _send(self, order: o.Send, then: Then, failed: OnFailed) -> None:
        check_username(order.to)
        if order.wait is None:
            self._in_turn(_Waiting(order, then, failed))
            return
        outbox = self._node.conversations.outbox
        queue = partial(outbox.queue, order.to, order.texts, ids=order.ids)
        self._deliver(
            order.to,
            queue,
            order.wait,
            order.expires_at,
            then,
            failed,
            left_is_enough=order.left_is_enough,
        )

    def _queue(self, waiting: _Waiting, order: o.Send) -> None:
        contact = order.to
        chat = self._node.chat(contact)
        if chat is not None and chat.security is Security.CLEAR:
            for text in order.texts:
                self._node.say(contact, text)
            waiting.then(o.Number(0))
            return
        if not self._node.url.secure:
            raise UsageError(
                f"you are in no chat with {contact}",
                likely="the original dialect cannot queue lines",
                advice=f"p2p chat {contact}",
            )
        sending = self._sending.setdefault(contact, [])
        sending.append(waiting)

        def kept(number: int) -> None:
            if waiting in sending:
                sending.remove(waiting)
                waiting.then(o.Number(number))

        def not_kept(error: P2PError) -> None:
            if waiting in sending:
                sending.remove(waiting)
                waiting.failed(error)

        self._node.conversations.outbox.queue(contact, order.texts, kept, not_kept, ids=order.ids)

    def _send_again(self, order: o.SendAgain, then: Then, failed: OnFailed) -> None:
        queue = partial(self._node.conversations.outbox.queue_again, order.to)
        self._deliver(order.to, queue, order.wait, order.expires_at, then, failed)

    def _deliver(
        self,
        contact: str,
        queue: Queue,
        wait: float,
        expires_at: int,
        then: Then,
        failed: OnFailed,
        *,
        left_is_enough: bool = False,
    ) -> None:
        if expires_at and now_ms() > expires_at:
            raise TimedOut("the order came too late")

        def done(error: P2PError | None, number: int) -> None:
            self._deliveries.discard(delivery)
            if error is None:
                then(o.Number(number))
            else:
                failed(error)

        delivery = Delivery(
            self._loop,
            self._node,
            contact,
            queue,
            wait,
            done,
            left_is_enough=left_is_enough,
        )
        self._deliveries.add(delivery)

    def _cancel(self, order: o.Cancel, then: Then, failed: OnFailed) -> None:
        outbox = self._node.conversations.outbox
        outbox.cancel(order.user, lambda count, kept: then(o.Count(count, kept)), failed)

    def _schedule(self, order: o.Schedule) -> Done:
        node, contact = self._node, order.to
        if not node.url.secure:
            raise UsageError("the original dialect cannot queue lines")
        if contact != node.username and node.contacts.get(contact).key is None:
            raise UsageError(f"you have no key of {contact} yet", advice=f"/chat {contact} first")
        node.schedule.add(scheduled(contact, [order.text], order.not_before, order.expires_in))
        return _DONE

    def _open(self, order: o.Open) -> Done:
        self.opened.add(order.user)
        try:
            self._node.call(order.user, in_clear=order.in_clear)
        except P2PError:
            self.opened.discard(order.user)
            raise
        return _DONE

    def _close(self, order: o.Close) -> o.Switch:
        if self._is_elsewhere(order.user):
            self.opened.discard(order.user)
            return o.Switch(False)
        return o.Switch(self._node.leave(order.user))

    def _accept(self, order: o.Accept) -> Done:
        self._node.accept(order.user)
        self.opened.add(order.user)
        return _DONE

    def _reject(self, order: o.Reject) -> Done:
        self._node.reject(order.user)
        return _DONE

    def _seen(self, order: o.Seen) -> Done:
        self._node.seen(order.user, order.up_to)
        return _DONE

    def _read_lines(self, order: o.ReadLines) -> o.Lines:
        node = self._node
        lines = node.history.lines(
            order.user or None, words=order.words, limit=order.limit, states=order.states
        )
        later = node.schedule.all() if order.scheduled else ()
        kept = _last_ones(lines, _MOST_CHARACTERS)
        return o.Lines(
            tuple(kept), tuple(_last_ones(later, _MOST_CHARACTERS)), len(lines) - len(kept)
        )

    def _search(self, order: o.Search, then: Then, failed: OnFailed) -> None:
        def found(result: SearchResult) -> None:
            then(o.Whereabouts(result.presence, result.host, result.port))

        if order.quietly:
            self._node.registry.search(order.user, found, failed)
        else:
            self._node.search(order.user, found, failed)

    def _list_contacts(self) -> o.ContactList:
        node = self._node
        is_online = node.standing is SessionState.ONLINE
        online = node.conversations.online_contacts if is_online else None
        return o.ContactList(tuple(listed_contacts(node.contacts, node.history, online)))

    def _safety_number(self, order: o.ShowSafetyNumber) -> o.SafetyNumber:
        contacts = self._node.contacts
        if order.other:
            return o.SafetyNumber(contacts.other_number(order.user))
        return o.SafetyNumber(contacts.safety_number(order.user))

    def _verify(self, order: o.Verify) -> Done:
        self._node.trust.mark_verified(order.user)
        return _DONE

    def _block(self, order: o.Block) -> Done:
        self._node.trust.block(order.user, blocked=order.blocked)
        return _DONE

    def _mute(self, order: o.Mute) -> Done:
        self._node.contacts.mute(order.user, order.seconds)
        return _DONE

    def _set_away(self, order: o.SetAway) -> o.Switch:
        away_status = self._node.conversations.away_status
        away_status.be(idle=not away_status.ours if order.on is None else order.on)
        return o.Switch(away_status.ours)

    def _set_do_not_disturb(self, order: o.SetDoNotDisturb) -> o.Switch:
        quiet = self._node.do_not_disturb
        quiet.turn(
            on=not quiet.is_on if order.on is None else order.on,
            seconds=order.seconds,
            at_end=self._clients.on_changed,
        )
        return o.Switch(quiet.is_on)

    def _set_mailbox(self, order: o.SetMailbox) -> o.MailboxStatus:
        mailbox = self._node.mailbox
        if order.on is not None:
            mailbox.turn(on=order.on)
        state = mailbox.state
        is_online = self._node.standing is SessionState.ONLINE
        return o.MailboxStatus(
            state.is_on,
            state.is_kept if is_online else None,
            state.waiting,
            state.unreadable,
            self._node.history.left(),
        )

    def _status(self) -> o.NodeStatus:
        node = self._node
        return o.NodeStatus(
            node.username,
            str(node.url),
            node.standing.value,
            tuple(node.conversations.online_contacts),
            node.history.unread(),
            node.history.waiting(),
            node.conversations.links,
            self._loop.contained,
        )

    def _hand_over(self, then: Then) -> None:
        give_way = self._clients.on_give_way
        then(o.Switch(give_way is not None))
        if give_way is not None:
            give_way()


L = TypeVar("L", KeptLine, ScheduledLine)


def _last_ones(lines: Sequence[L], most: int) -> list[L]:
    """Return the last lines that have at most so many characters in total, but at least one."""
    first = len(lines)
    while first:
        most -= len(lines[first - 1].text) + _LINE_CHARACTERS
        if most < 0 and first < len(lines):
            break
        first -= 1
    return list(lines[first:])
