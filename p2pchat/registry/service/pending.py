"""Answers that take a while: those that need blocking work, or something else, first."""

from collections.abc import Callable
from typing import Any, NamedTuple

from p2pchat.protocol.messages import Message
from p2pchat.registry.service.limits import Rank


class BlockingJob(NamedTuple):
    """An answer that takes blocking work first.

    Run `job` off the loop, then `then` on the loop with its result, which returns the answer; that
    happens even if the client has gone meanwhile. Of waiting jobs the lowest rank goes first.
    `certain`: the result must be known, however long that takes.
    """

    job: Callable[[], Any]
    then: Callable[[Any], Message]
    rank: Rank
    certain: bool = False


class Deferred(NamedTuple):
    """An answer that `begin(answer)` leads to: it calls `answer(message)` in a later turn, once."""

    begin: Callable[[Callable[[Message], None]], None]
