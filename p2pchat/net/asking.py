"""Ask on a link and wait for the answer: for commands, which have nothing else to do meanwhile."""

import math
from collections.abc import Callable

from p2pchat.errors import P2PError, UsageError
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.protocol.messages import Answer, Message, Request


def ask(loop: Loop, link: Link, request: Request, timeout: float = math.inf) -> Answer:
    """Give the answer; raises UsageError where the other process goes away meanwhile, TimedOut."""

    def start(then: Callable[[Answer], None], failed: Callable[[P2PError], None]) -> None:
        def heard(message: Message) -> None:
            assert isinstance(message, Answer)
            then(message)

        link.on_message = heard
        link.on_closed = lambda error: failed(
            error or UsageError("the process that was asked has ended", advice="try again")
        )
        link.send(request)

    return loop.wait_for(start, timeout)
