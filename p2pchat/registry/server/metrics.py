"""A registry's metrics for Prometheus. The only code that uses prometheus_client.

Counts nothing itself: reads the other parts' numbers on request.
"""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p2pchat.net.loop import Loop
from p2pchat.net.worker import ThreadWorker
from p2pchat.registry.server.server import Server
from p2pchat.registry.service.counters import Counters
from p2pchat.registry.service.presence import PresenceTable
from p2pchat.registry.store.mailboxes import Mailboxes
from p2pchat.version import __version__

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_LAG_INTERVAL: Final = 1.0


class Metrics:
    """The metrics of these parts, rendered by `page`. Measures the loop's lag until closed."""

    def __init__(
        self,
        loop: Loop,
        *,
        presence: PresenceTable,
        server: Server,
        worker: ThreadWorker,
        counters: Counters,
        boxes: Mailboxes | None = None,
    ) -> None:
        self._loop = loop
        self._presence = presence
        self._server = server
        self._worker = worker
        self._tally = counters
        self._boxes = boxes
        self._most_late = 0.0
        self._registry = CollectorRegistry()
        self._registry.register(self)
        counters.counts_answers = True
        self._look_again()

    def page(self) -> bytes:
        """Return the metrics in Prometheus' text format, and reset the greatest lag of the loop."""
        page = generate_latest(self._registry)
        self._most_late = 0.0
        return bytes(page)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, as prometheus_client asks for them."""
        info = GaugeMetricFamily("p2pchat_info", "The running version.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        for name, help_text, value in (
            ("users_online", "Users who are online at this node.", len(self._presence)),
            (
                "connections",
                "Connections at the listeners, after their handshake.",
                len(self._server),
            ),
            ("circuits", "Circuits between two users.", len(self._server.relay)),
            ("handshakes", "TLS handshakes in progress.", self._server.handshakes),
            ("work_waiting", "Password checks and writes in the queue.", self._worker.waiting),
            (
                "loop_lag_seconds",
                "Longest delay of the loop since the last scrape.",
                self._most_late,
            ),
        ):
            yield GaugeMetricFamily(f"p2pchat_{name}", help_text, value=value)
        yield CounterMetricFamily(
            "p2pchat_internal_errors",
            "Bugs; each ended one connection or task. See the log for tracebacks.",
            value=self._loop.contained,
        )
        yield CounterMetricFamily(
            "p2pchat_circuit_bytes", "Bytes passed on in circuits.", value=self._server.relay.bytes
        )
        if self._boxes is not None:
            for name, value in self._boxes.held._asdict().items():
                help_text = f"{name.capitalize()} in mailboxes, counted every hour, and left since."
                yield GaugeMetricFamily(f"p2pchat_mailbox_{name}", help_text, value=value)
        answers = CounterMetricFamily(
            "p2pchat_answers",
            "Answers by request and outcome.",
            labels=["to", "outcome"],
        )
        for (asked, outcome), count in sorted(self._tally.answers.items()):
            answers.add_metric([asked, outcome], count)
        yield answers
        refusals = CounterMetricFamily(
            "p2pchat_refusals", "Requests and connections refused, by limit.", labels=["limit"]
        )
        for limit, count in sorted(self._tally.refusals.items()):
            refusals.add_metric([limit], count)
        yield refusals

    def close(self) -> None:
        """Stop measuring."""
        self._timer.cancel()

    def _look_again(self) -> None:
        self._timer = self._loop.call_later(_LAG_INTERVAL, self._late)

    def _late(self) -> None:
        self._most_late = max(self._most_late, self._loop.now() - self._timer.deadline)
        self._look_again()
