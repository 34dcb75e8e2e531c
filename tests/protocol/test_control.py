"""What commands say to the node: each survives the trip, and texts do not show."""

import pytest

from p2pchat.protocol.connection import Connection
from p2pchat.protocol.control import (
    CONTROL,
    CONTROL_DIALOGUE,
    Find,
    FindResult,
    Send,
    Sent,
    Status,
    StatusResult,
)
from p2pchat.protocol.messages import Answer, Presence, Request
from p2pchat.protocol.states import Speaker


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            Send("bob", ("one", "two\nthree"), ("a1", "a2"), 5.0, 1),
            Sent(6, "bob is offline", "", "p2p outbox"),
        ),
        (Find("bob"), FindResult(Presence.ONLINE, "::1", 5)),
        (Find("bob"), FindResult(None, why="lost")),
        (Status(), StatusResult("me", "p2p://r", "online", ("b",), {"b": 2}, {"c": 1}, {"b": "x"})),
    ],
)
def test_question_and_answer(question: Request, answer: Answer) -> None:
    """Through both ends of the dialogue, twice."""
    ask, give = (Connection(CONTROL_DIALOGUE, CONTROL, speaker) for speaker in Speaker)
    for _ in range(2):
        assert list(give.feed(ask.send(question))) == [question]
        assert list(ask.feed(give.send(answer))) == [answer]
    assert "two" not in repr(question)


@pytest.mark.parametrize(("texts", "wait"), [((), 1.0), (("x",), -1.0), (("x",), float("nan"))])
def test_nonsense_is_refused(texts: tuple[str, ...], wait: float) -> None:
    """A command cannot bring its node down."""
    with pytest.raises(ValueError, match="no t"):
        Send("bob", texts, tuple(f"a{n}" for n in range(len(texts))), wait, 1)
