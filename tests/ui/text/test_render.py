"""Events as text, plain and styled."""

import pytest

from p2pchat.errors import (
    CallRejected,
    ContactBusy,
    ContactOffline,
    LinkLost,
    NoSuchUser,
    Unreachable,
)
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import (
    Called,
    CallFailed,
    ChatEnded,
    ChatStarted,
    Event,
    Found,
    LinesMissing,
    QuotaFull,
    RegistryLost,
    SearchFailed,
    TextReceived,
)
from p2pchat.protocol.client.state import Security
from p2pchat.ui.text.render import plain_lines, styled_lines

CASES: list[tuple[Event, list[str]]] = [
    (TextReceived("bob", "hi"), ["bob: hi"]),
    (TextReceived("bob", ""), ["bob: "]),
    (TextReceived("bob", "hi\n* chat with bob ended"), ["bob: hi", "bob: * chat with bob ended"]),
    (Called("bob"), ["* bob wants to chat with you: /accept or /reject"]),
    (ChatStarted("bob", Security.VERIFIED), ["* chat with bob started"]),
    (
        ChatStarted("bob", Security.CLEAR),
        [
            "* chat with bob started",
            "* it is in clear: others on the network can read it, and anyone can claim this name",
        ],
    ),
    (
        Called("bob", Security.CLEAR),
        [
            "* bob wants to chat with you in clear, where anyone can claim this name:"
            " /accept or /reject"
        ],
    ),
    (
        LinesMissing("bob", 3, ours=True),
        [
            "* your disk is an older copy: up to 3 lines of bob may be missing here; bob can send"
            " them again"
        ],
    ),
    (
        LinesMissing("bob", 3, ours=False),
        [
            "* bob's disk is an older copy: up to 3 lines of yours may be missing there; to send"
            " them again: p2p outbox retry bob"
        ],
    ),
    (
        QuotaFull("bob", 5, 70_000),
        [
            "* bob has 5 unread lines here (68 KiB): no more are accepted until you read"
            " some: /chat bob"
        ],
    ),
    (CallFailed("bob", CallRejected("bob rejected your request")), ["* bob rejected your request"]),
    (CallFailed("bob", ContactBusy("bob is busy")), ["* bob is busy"]),
    (CallFailed("bob", ContactOffline("bob is offline")), ["* bob is offline"]),
    (ChatEnded("bob", None), ["* chat with bob ended"]),
    (
        ChatEnded("bob", LinkLost("it broke"), ("a", "b")),
        ["* not sent: a", "* not sent: b", "* it broke", "* chat with bob ended"],
    ),
    (Found("bob", True, Address("::1", 5)), ["* bob is online at [::1]:5"]),
    (Found("bob", True, None), ["* bob is online, address hidden"]),
    (Found("bob", False, None), ["* bob is offline"]),
    (
        SearchFailed("eve", NoSuchUser("there is no user named eve")),
        ["* there is no user named eve"],
    ),
    (
        RegistryLost(LinkLost("it hung up"), 7.2),
        ["* registry lost: it hung up; trying again in 7 s"],
    ),
    (
        CallFailed("bob", Unreachable("cannot reach bob", likely="a firewall", advice="wait")),
        ["* cannot reach bob; likely: a firewall; try: wait"],
    ),
]


@pytest.mark.parametrize(("event", "lines"), CASES)
def test_plain_lines(event: Event, lines: list[str]) -> None:
    """A message is `bob: text` and a notice begins with `* `; no text can imitate a notice."""
    assert plain_lines(event) == lines


@pytest.mark.parametrize(("event", "lines"), CASES)
def test_styled_lines_have_the_same_words(event: Event, lines: list[str]) -> None:
    """Styles add no meaning, and further lines of a text are indented."""
    styled = ["".join(text for _, text in line) for line in styled_lines(event)]
    if isinstance(event, TextReceived):
        assert styled[0] == lines[0]
        assert all(line.startswith("     ") for line in styled[1:])
    else:
        assert styled == lines
