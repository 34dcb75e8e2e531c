"""Answers that are not ready at once: they need blocking work or another event first."""

from collections.abc import Callable
from typing import Any, NamedTuple

from p2pchat.protocol.messages import Message
from p2pchat.registry.service.limits import Rank


class BlockingJob(NamedTuple):
    """An answer that needs blocking work.

    Run `job` off the loop, then call `then(result)` on the loop, which returns the answer; do so
    even if the client has disconnected. Waiting jobs with a lower rank run first. `certain`: wait
    for the result however long it takes.
    """

    job: Callable[[], Any]
    then: Callable[[Any], Message]
    rank: Rank
    certain: bool = False


class Deferred(NamedTuple):
    """An answer that comes later: `begin(answer)` calls `answer(message)` once, in a later turn."""

    begin: Callable[[Callable[[Message], None]], None]
