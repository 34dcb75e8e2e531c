"""The log as JSON: one object per line, whatever it contains."""

import datetime as dt
import json
import logging
import signal
from pathlib import Path

from p2pchat.cli.serve import log_format
from tests.programs import Serve, running


def entry(message: str, *values: object, error: BaseException | None = None) -> dict[str, str]:
    """Return the object of a log line, which must be a single line."""
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("a.b", logging.WARNING, "f.py", 1, message, values, info)
    record.created = 1_700_000_000.25
    line = log_format._JsonFormatter().format(record)
    assert len(line.splitlines()) == 1
    said = json.loads(line)
    assert isinstance(said, dict)
    return said


def test_log_line_is_one_object() -> None:
    """A line has the time in UTC, the level, the message and the logger."""
    assert entry("%s left", "bob") == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "message": "bob left",
        "logger": "a.b",
    }


def test_line_breaks_are_escaped() -> None:
    """Line breaks of any script survive a round trip within one line."""
    text = 'a\r\nb\x0b\x0c\x1c\x85\u2028\u2029"\\\x1b[2J\ud800é'
    assert entry("%s", text)["message"] == text


def test_exception_is_included() -> None:
    """The traceback is a field of the object."""
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        said = entry("oh", error=error)
    assert said["exception"].startswith("Traceback")
    assert said["exception"].endswith("ValueError: two\nlines")


def test_real_log_is_json(tmp_path: Path) -> None:
    """Every line of the real log is such an object."""
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
