"""The log as JSON: one object a line, whatever is said."""

import datetime as dt
import json
import logging
import signal
from pathlib import Path

from p2pchat.cli.serve import log_format
from tests.programs import Serve, running


def entry(message: str, *values: object, error: BaseException | None = None) -> dict[str, str]:
    """Give what the line says; it is one line to any reader."""
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("a.b", logging.WARNING, "f.py", 1, message, values, info)
    record.created = 1_700_000_000.25
    line = log_format._JsonFormatter().format(record)
    assert len(line.splitlines()) == 1
    said = json.loads(line)
    assert isinstance(said, dict)
    return said


def test_an_object_a_line() -> None:
    """The instant in UTC, and who says what how loud."""
    assert entry("%s left", "bob") == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "message": "bob left",
        "logger": "a.b",
    }


def test_no_text_breaks_the_line() -> None:
    """Line breaks of every alphabet come back as they were."""
    text = 'a\r\nb\x0b\x0c\x1c\x85\u2028\u2029"\\\x1b[2J\ud800é'
    assert entry("%s", text)["message"] == text


def test_an_exception_is_in_it() -> None:
    """With its traceback, and nothing below the line."""
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        said = entry("oh", error=error)
    assert said["exception"].startswith("Traceback")
    assert said["exception"].endswith("ValueError: two\nlines")


def test_the_real_log(tmp_path: Path) -> None:
    """Every line of stderr is an object, of this minute."""
    serve = Serve(tmp_path, "--log-format", "json")
    with running(serve):
        serve.dial().ask("REG", "alice secret")
        serve.signal(signal.SIGTERM)
        code, err = serve.end()
    assert code == 0
    said = [json.loads(line) for line in err.splitlines()]
    assert any("alice" in each["message"] for each in said)
    for each in said:
        assert dt.datetime.fromisoformat(each["time"]).utcoffset() == dt.timedelta(0)
        assert each["logger"].startswith("p2pchat.")
        assert each["level"] in {"info", "warning"}
