"""Notes to oneself in the shell, at the prompt, and for bots."""

import json

from tests.people import People
from tests.programs import Program, running
from tests.terminal.screen import Screen


def test_note_needs_no_node_and_no_registry(people: People) -> None:
    """A note is stored with and without a node."""
    assert people.run("alice", "send", "me", "buy a cake") == (0, [], "")
    with running(people.start("alice", "--headless")):
        assert people.run("alice", "send", "me", "and candles") == (0, [], "")
    texts = [text for _, text, state in people.texts("alice", "me") if state == "delivered"]
    assert texts == ["buy a cake", "and candles"]
    assert people.run("alice", "outbox") == (0, [], "")
    assert all("alice" not in line for line in people.run("alice", "contacts")[1])


def test_chat_with_oneself_at_the_prompt(people: People) -> None:
    """A typed note is shown once, as delivered."""
    terminals: list[Screen] = []
    alice = Screen("chat", "me", env=people.env["alice"], screens=terminals)
    try:
        alice.wait_until(lambda: alice.prompt_line.startswith("alice to me>"))
        alice.enter("buy a cake")
        alice.wait_for("alice to me> buy a cake  ✓")
        alice.enter("/search-history cake")
        alice.wait_for("alice to alice: buy a cake  .delivered.")
        assert sum(line.startswith("alice: buy") for line in alice.lines) == 0
    finally:
        alice.kill()


def test_bot_can_be_tried_with_notes(people: People) -> None:
    """A bot receives a note but not its own answer."""
    with running(Program("login", "--json", "--seen", env=people.env["alice"])) as bot:
        bot.wait_for('"logged_in"')
        assert people.run("alice", "send", "me", "hello") == (0, [], "")
        said = json.loads(bot.wait_for('"event": "message"').string)
        assert (said["from"], said["text"]) == ("alice", "hello")
        order = {"command": "send", "to": said["from"], "text": "olleh", "id": 1}
        bot.type(json.dumps(order))
        bot.wait_for('"event": "done".*"id": 1|"id": 1')
        bot.type('{"command": "quit", "id": 2}')
        assert bot.end()[0] == 0
    messages = [line for line in bot.said if '"event": "message"' in line]
    assert len(messages) == 1, messages
