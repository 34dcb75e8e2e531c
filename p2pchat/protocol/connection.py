"""One end of a dialogue, without I/O: send(message) -> bytes, feed(bytes) -> messages.

Knows which speaker we are, and enforces the dialogue's rules on both ends.
"""

import functools
from collections.abc import Iterator, Mapping
from enum import Enum

from p2pchat.errors import LocalProtocolError, RemoteProtocolError
from p2pchat.protocol.dialects import Dialect
from p2pchat.protocol.framing import NOTHING, Caps, FrameReader
from p2pchat.protocol.messages import Message
from p2pchat.protocol.states import Dialogue, Next, Speaker, State


class _Rules:
    """The rules in one state: what each end may send, and the state that each message leads to."""

    __slots__ = ("caps", "our_turn", "ours", "state", "their_turn", "theirs")

    def __init__(self, state: State) -> None:
        self.state = state
        self.ours: dict[type[Message], _Step] = {}
        self.theirs: dict[type[Message], _Step] = {}
        self.caps = NOTHING
        self.our_turn = self.their_turn = False


_Step = _Rules | Mapping[Enum, _Rules]


@functools.cache
def _rules(dialogue: Dialogue, dialect: Dialect, speaker: Speaker) -> _Rules:
    """Return the rules of the first state, which lead to all others; shared by all connections."""
    all_rules = {state: _Rules(state) for state in State}

    def follow(step: Next) -> _Step:
        if isinstance(step, State):
            return all_rules[step]
        return {outcome: all_rules[state] for outcome, state in step.items()}

    for state, rules in all_rules.items():
        ours, theirs = dialogue.turn(state, speaker), dialogue.turn(state, speaker.other)
        rules.ours = {kind: follow(step) for kind, step in ours.items()}
        rules.theirs = {kind: follow(step) for kind, step in theirs.items()}
        rules.caps = Caps(dialect.limits(theirs))
        rules.our_turn, rules.their_turn = bool(ours), bool(theirs)
    return all_rules[dialogue.start]


class Connection:
    """The rules of one dialogue as seen from `speaker`'s end."""

    __slots__ = ("_dialect", "_rules", "frames")

    def __init__(self, dialogue: Dialogue, dialect: Dialect, speaker: Speaker) -> None:
        self._dialect = dialect
        self._rules = _rules(dialogue, dialect, speaker)
        self.frames = FrameReader()
        """Received bytes that were not returned as messages yet."""

    @property
    def state(self) -> State:
        """The current state of the dialogue."""
        return self._rules.state

    @property
    def unfinished(self) -> bool:
        """Whether it is the remote's turn, and it has sent only part of a frame."""
        return self._rules.their_turn and bool(self.frames.waiting)

    @property
    def owes(self) -> bool:
        """Whether it is only our turn."""
        return self._rules.our_turn and not self._rules.their_turn

    def may_send(self, kind: type[Message]) -> bool:
        """Return whether we may send a message of that kind now."""
        return kind in self._rules.ours

    def may_receive(self, kind: type[Message]) -> bool:
        """Return whether the remote may send a message of that kind now, and no bytes wait."""
        return kind in self._rules.theirs and not self.frames.waiting

    def send(self, message: Message) -> bytes:
        """Return the bytes of the message; write them in one piece, in this order.

        Raise LocalProtocolError if we may not send it now. If frames were waiting for our turn to
        end, `feed(b"")` yields their messages.
        """
        step = self._rules.ours.get(type(message))
        if step is None:
            raise LocalProtocolError(f"{message!r} is not ours to say while {self.state.value}")
        data = self._dialect.encode(message)
        self._rules = step if type(step) is _Rules else _choose(step, message)
        return data

    def leave(self) -> bytes:
        """Return the received bytes that were not returned as messages, and forget them."""
        return self.frames.take_rest()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Accept bytes, and yield the messages that they complete, one by one.

        Stops when it becomes our turn; the rest is kept. Raise RemoteProtocolError at the first
        violation; close the link then. Exhaust the iterator, or close the link.
        """
        frames = self.frames
        frames.push(data)
        while frames.waiting and self._rules.their_turn:
            frame = frames.pull(self._rules.caps)
            if frame is None:
                return
            message = self._dialect.decode(frame)
            step = self._rules.theirs[type(message)]
            self._rules = step if type(step) is _Rules else _choose(step, message)
            yield message


def _choose(step: "_Step", message: Message) -> _Rules:
    """Return the rules of the state after a message, which may depend on its outcome.

    Raise RemoteProtocolError if the message must not have that outcome here.
    """
    if isinstance(step, _Rules):
        return step
    outcome = getattr(message, message.__struct_fields__[0])
    if outcome not in step:
        raise RemoteProtocolError(f"{type(message).__name__} cannot say {outcome} here")
    return step[outcome]
