"""Counters of answers and refusals: cheap to add to, read by operators."""

from collections import Counter

from p2pchat.protocol.messages import Message, SearchResult, SlowDown


class Counters:
    """`refusals` are by limit name, `answers` by request and outcome.

    Answers are counted only if `counts_answers` is set, because counting costs time.
    """

    def __init__(self) -> None:
        self.refusals: Counter[str] = Counter()
        self.answers: Counter[tuple[str, str]] = Counter()
        self.counts_answers = False

    def answered(self, answer: Message) -> None:
        """Count an answer."""
        kind = type(answer)
        if isinstance(answer, SearchResult):
            outcome = answer.presence.value
        elif isinstance(answer, SlowDown):
            outcome = "SLOW_DOWN"
        else:
            reason = getattr(answer, "reason", None)
            outcome = str(reason or getattr(answer, "outcome", "OK"))
        self.answers[kind.__name__.removesuffix("Result"), outcome] += 1
