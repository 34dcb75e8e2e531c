"""The format of the log of `p2p serve` on stderr: text or JSON."""

import datetime as dt
import json
import logging


class _JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object per line, in ASCII, so that it contains no line
    breaks.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        time = dt.datetime.fromtimestamp(record.created, dt.UTC)
        entry = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def start_log(level: int, *, as_json: bool) -> None:
    """Log to stderr from this level on."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        _JsonFormatter()
        if as_json
        else logging.Formatter("%(asctime)s %(levelname)-7s %(message)s")
    )
    logging.basicConfig(level=level, handlers=[handler])
