"""Sends a request on a link and waits for the answer, running the loop."""

import math
from collections.abc import Callable

from p2pchat.errors import LinkLost, P2PError
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.protocol.messages import Answer, Message, Request


def ask(loop: Loop, link: Link, request: Request, timeout: float = math.inf) -> Answer:
    """Return the answer. Raise LinkLost if the other process ends meanwhile, or TimedOut."""

    def start(then: Callable[[Answer], None], failed: Callable[[P2PError], None]) -> None:
        """Send the request; pass on the answer, or the end of the link."""

        def heard(message: Message) -> None:
            assert isinstance(message, Answer)
            then(message)

        link.on_message = heard
        link.on_closed = lambda error: failed(
            error or LinkLost("the process that was asked has ended")
        )
        link.send(request)

    return loop.wait_for(start, timeout)
