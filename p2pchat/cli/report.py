"""The report of a command that runs checks: a line for each finding, and the exit code.

A check yields findings; a failed check does not stop the next one. Knows no particular check.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from p2pchat.cli.echo import echo_json, echo_wrapped
from p2pchat.errors import P2PError


class Finding(NamedTuple):
    """The result of a check; `mark` is ok, warn, wrong, or skip if it depends on another that
    failed.
    """

    mark: str
    what: str
    likely: str = ""
    advice: str = ""


Check = Callable[[], Iterator[Finding]]


def wrong(error: P2PError) -> Finding:
    """Return an error as a finding."""
    return Finding("wrong", error.what, error.likely, error.advice)


class Report:
    """Prints findings as they come; `exit_code` is 0, or 1 once something is wrong."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.exit_code = 0
        self._as_json = as_json

    def look(self, name: str, look: Check) -> None:
        """Run one check and report its findings; an error that it raises is a finding."""
        try:
            for finding in look():
                self.tell(name, finding)
        except P2PError as error:
            self.tell(name, wrong(error))
        except OSError as error:
            self.tell(
                name,
                Finding(
                    "wrong",
                    f"cannot access {error.filename}: {error.strerror}",
                    "it belongs to another user",
                    "run this as that user",
                ),
            )

    def tell(self, name: str, finding: Finding) -> None:
        """Print the finding, as lines or as a JSON object."""
        if finding.mark == "wrong":
            self.exit_code = P2PError.exit_code
        if self._as_json:
            fields = {
                "check": name,
                "result": finding.mark,
                "what": finding.what,
                "likely": finding.likely,
                "try": finding.advice,
            }
            echo_json(fields)
            return
        echo_wrapped(f"{finding.mark} {finding.what}")
        if finding.likely:
            echo_wrapped(f"  likely: {finding.likely}")
        if finding.advice:
            echo_wrapped(f"  try: {finding.advice}")
