"""A node without a screen."""

import io

from p2pchat.errors import LoginRefused
from p2pchat.net.loop import Loop
from p2pchat.protocol.client.events import Called, LoginFailed, TextReceived
from p2pchat.ui.program.headless import Headless


def test_what_is_said_is_not_in_the_log(loop: Loop) -> None:
    """It waits to be read; the rest is a line each; a refused login ends it."""
    out = io.StringIO()
    screen = Headless(out, loop)
    screen.on_event(Called("bob"))
    screen.on_event(TextReceived("bob", "hush", 1))
    assert out.getvalue() == "* bob wants to chat with you: /accept or /reject\n"
    assert screen.error is None
    error = LoginRefused("no")
    screen.on_event(LoginFailed(error))
    assert screen.error is error
