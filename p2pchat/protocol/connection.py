"""One end of a dialogue, without a wire: send(message) -> bytes, feed(bytes) -> messages.

Knows which speaker we are, and holds both to the table. Touches no socket and no clock.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from p2pchat.errors import LocalProtocolError, RemoteProtocolError
from p2pchat.protocol.dialects import Dialect
from p2pchat.protocol.framing import FrameReader
from p2pchat.protocol.messages import Message
from p2pchat.protocol.states import Dialogue, Next, Speaker, State, Turn


class _Rules(NamedTuple):
    """What holds in one state: what is ours to say, what theirs, and the caps of their frames."""

    ours: Turn
    theirs: Turn
    limits: Mapping[bytes, int]


@functools.cache
def _rules(dialogue: Dialogue, dialect: Dialect, speaker: Speaker) -> Mapping[State, _Rules]:
    """Give the rules of every state, once for all connections of that kind."""

    def of(state: State) -> _Rules:
        theirs = dialogue.turn(state, speaker.other)
        return _Rules(dialogue.turn(state, speaker), theirs, dialect.limits(theirs))

    return {state: of(state) for state in State}


class Connection:
    """The rules of one dialogue as seen from `speaker`'s end."""

    __slots__ = ("_dialect", "_frames", "_ours", "_rules", "_theirs", "state")

    def __init__(self, dialogue: Dialogue, dialect: Dialect, speaker: Speaker) -> None:
        self._dialect = dialect
        self._rules = _rules(dialogue, dialect, speaker)
        self._frames = FrameReader({})
        self._enter(dialogue.start)

    @property
    def waiting(self) -> int:
        """Bytes that came and were not yet given out as messages."""
        return self._frames.waiting

    @property
    def unfinished(self) -> bool:
        """Whether it is the remote's turn, and it has begun a frame and not finished it."""
        return bool(self._theirs and self._frames.waiting)

    @property
    def owes(self) -> bool:
        """Whether it is our turn alone."""
        return bool(self._ours and not self._theirs)

    def may_send(self, kind: type[Message]) -> bool:
        """Tell whether it is our turn to say that."""
        return kind in self._ours

    def send(self, message: Message) -> bytes:
        """Give the bytes of the message; write them in one piece, in this order.

        Raises LocalProtocolError where it is not ours to say now. If frames were waiting for our
        turn to end, `feed(b"")` gives what they say.
        """
        step = self._ours.get(type(message))
        if step is None:
            raise LocalProtocolError(f"{message!r} is not ours to say while {self.state.value}")
        data = self._dialect.encode(message)
        self._enter(_follow(step, message))
        return data

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes, give the messages that they complete, one by one.

        Stops where it becomes our turn: what is left waits. Raises RemoteProtocolError at the
        first violation; close the link then. Exhaust it, or close the link.
        """
        self._frames.push(data)
        while self._theirs:
            frame = self._frames.pull()
            if frame is None:
                return
            message = self._dialect.decode(frame)
            self._enter(_follow(self._theirs[type(message)], message))
            yield message

    def _enter(self, state: State) -> None:
        self.state = state
        self._ours, self._theirs, self._frames.limits = self._rules[state]


def _follow(step: Next, message: Message) -> State:
    """Give the state that the message leads to."""
    if isinstance(step, State):
        return step
    outcome = getattr(message, message.__struct_fields__[0])
    following = step.get(outcome)
    if following is None:
        raise RemoteProtocolError(f"{type(message).__name__} cannot say {outcome} here")
    return following
