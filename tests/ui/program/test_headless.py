"""A node without a screen."""

import io

from p2pchat.errors import LoginRefused
from p2pchat.net.loop import Loop
from p2pchat.protocol.client.events import Called, LoginFailed, TextReceived
from p2pchat.ui.program.headless import Headless


def test_log_contains_no_messages(loop: Loop) -> None:
    """Messages are not logged; other events are one line each, and a refused login ends
    the node.
    """
    out = io.StringIO()
    screen = Headless(out, loop)
    screen.on_event(Called("bob"))
    screen.on_event(TextReceived("bob", "hush", 1))
    assert out.getvalue() == "* bob wants to chat with you: /accept or /reject\n"
    assert screen.error is None
    error = LoginRefused("no")
    screen.on_event(LoginFailed(error))
    assert screen.error is error
