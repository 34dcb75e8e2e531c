"""JSON lines as orders: accepted, refused, and documented."""

import re

import pytest

from p2pchat.errors import UsageError
from p2pchat.ui.program.json_commands import ROWS, JsonOrder, id_of, load, understand
from p2pchat.ui.text.commands import COMMANDS
from tests.protocol.client.test_event_json import DOCUMENT

UNDERSTOOD = [
    ('{"command":"send","to":"bob","text":"hi","id":1}', JsonOrder("send", 1, "bob", "hi")),
    ('{"command":"send","text":"a\\nb"}', JsonOrder("send", text="a\nb")),
    ('{"command":"send","text":"\\ud800 \\ud83d\\ude00"}', JsonOrder("send", text="� 😀")),
    ('{"command":"chat","user":"bob","in_clear":true}', JsonOrder("chat", user="bob", yes=True)),
    ('{"command":"verify","user":"bob","yes":true}', JsonOrder("verify", user="bob", yes=True)),
    ('{"command":"accept","id":"x"}', JsonOrder("accept", "x")),
    ('{"command":"seen","user":"bob","up_to":17}', JsonOrder("seen", user="bob", up_to=17)),
    (
        '{"command":"search-history","words":"pizza friday","limit":3}',
        JsonOrder("search-history", words="pizza friday", limit=3),
    ),
    ('{"command":"quit","id":null}', JsonOrder("quit")),
]

REFUSED = [
    ("hello", "the line is not JSON"),
    ("", "the line is not JSON"),
    ('{"command":"quit","id":NaN}', "the line is not JSON"),
    ('{"command":"quit","id":1e400}', "the line is not JSON"),
    ("[" * 100_000, "the line is not JSON"),
    ('["send"]', "the line is not a JSON object"),
    ("{}", "there is no command None"),
    ('{"command":"sent"}', "there is no command 'sent'"),
    ('{"command":["send"]}', "there is no command ['send']"),
    ('{"command":"next"}', "there is no command 'next'"),
    ('{"command":"send","to":"bob"}', "send needs 'text'"),
    ('{"command":"send","to":"bob","text":""}', "send needs 'text'"),
    ('{"command":"send","to":"bob","text":5}', "'text' of send: expected `str`, got `int`"),
    ('{"command":"send","to":null,"text":"x"}', "'to' of send: expected `str`, got `null`"),
    ('{"command":"send","too":"bob","text":"x"}', "send takes no 'too'"),
    ('{"command":"quit","user":"bob"}', "quit takes no 'user'"),
    ('{"command":"chat","user":"bob","in_clear":1}', "'in_clear' of chat: expected `bool`"),
    ('{"command":"seen","user":"bob","up_to":true}', "'up_to' of seen: expected `int`"),
    (
        '{"command":"seen","user":"bob","up_to":9223372036854775808}',
        "'up_to' of seen: expected `int` <=",
    ),
    ('{"command":"history","user":"bob","limit":0}', "'limit' of history: expected `int` >= 1"),
    ('{"command":"quit","id":[1]}', "'id' must be a text or a number"),
    ('{"command":"quit","id":true}', "'id' must be a text or a number"),
]


@pytest.mark.parametrize(("line", "order"), UNDERSTOOD)
def test_valid_order_is_accepted(line: str, order: JsonOrder) -> None:
    """Optional fields may be left out."""
    assert understand(load(line)) == order


@pytest.mark.parametrize(("line", "why"), REFUSED, ids=lambda text: text[:40])
def test_invalid_order_is_refused_by_name(line: str, why: str) -> None:
    """Refuse an unknown command and a missing, unknown or wrong field by its name."""
    with pytest.raises(UsageError) as caught:
        understand(load(line))
    assert caught.value.what.startswith(why)


def test_mistyped_word_gets_a_suggestion() -> None:
    """Suggest the closest command or field."""
    with pytest.raises(UsageError) as caught:
        understand({"command": "sned"})
    assert caught.value.likely == "did you mean 'send'?"
    with pytest.raises(UsageError) as caught:
        understand({"command": "send", "too": "bob"})
    assert caught.value.likely == "did you mean 'to'?"


def test_any_id_can_be_repeated() -> None:
    """The id of any object can be repeated in an answer, or is None."""
    assert id_of({"id": "\ud800"}) == "�"
    assert id_of({"id": {"a": 1}}) is None
    assert id_of({}) is None


def test_programs_have_the_commands_of_the_prompt() -> None:
    """Programs have every command of the prompt but those that only make sense there."""
    assert {c.word for c in COMMANDS} - set(ROWS) == {"copy", "help", "later", "me", "next", "run"}


def test_documented_fields_match_the_table_of_orders() -> None:
    """The document lists each command with its required and optional fields."""
    table = DOCUMENT.read_text().partition("| command |")[2].partition("\n\n")[0]
    said = {}
    for line in table.split("\n")[2:]:
        cells = line.split("|")
        fields = re.findall(r"`(\[?)([a-z_]+)\]?`", cells[2])
        said[cells[1].strip(" `")] = (
            tuple(name for bracket, name in fields if not bracket),
            tuple(name for bracket, name in fields if bracket),
        )
    assert said == {word: tuple(row) for word, row in ROWS.items()}
