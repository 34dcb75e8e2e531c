"""Measure a search in a large history against reading all of it.

python -m tests.bench.history [--lines 1000000]
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from p2pchat.peer.store.history import History
from p2pchat.peer.store.lines import NewLine, Progress
from p2pchat.peer.store.profile import Profile

_AT_ONCE = 10_000

_WORDS: Final[dict[str, Callable[[int], str]]] = {
    "latin": lambda n: f"word{n}",
    "han": lambda n: chr(0x4E00 + n % 3000) + chr(0x5000 + n // 7),
}


def main() -> None:
    """Fill a profile and search it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--script", choices=_WORDS, default="latin")
    options = parser.parse_args()
    count = options.lines
    rng = random.Random(1)
    vocabulary = [_WORDS[options.script](n) for n in range(20_000)]
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Profile(Path(folder) / "p.sqlite3")) as profile,
    ):
        history = profile.history("r")
        began = time.perf_counter()
        _fill(history, rng, vocabulary, count)
        print(f"{count} lines kept, {count / (time.perf_counter() - began):.0f} a second")
        times = [_timed(history, words=rng.choice(vocabulary), limit=50) for _ in range(20)]
        both = [
            _timed(history, words=" ".join(rng.sample(vocabulary, 2)), limit=50) for _ in range(20)
        ]
        last = [_timed(history, username="bob7", limit=20) for _ in range(20)]
        everything = _timed(history, username="bob7")
        for what, measured in (("a word", times), ("two words", both), ("the last 20", last)):
            median = statistics.median(measured)
            print(
                f"{what}: {median * 1000:.1f} ms, 1/{everything / median:.0f} of reading one"
                f" contact's {count // 10} lines"
            )


def _fill(history: History, rng: random.Random, vocabulary: list[str], count: int) -> None:
    threads = [history.thread(f"bob{n}", b"k" * 32) for n in range(10)]
    per_thread = count // len(threads)
    for thread in threads:
        for start in range(0, per_thread, _AT_ONCE):
            lines = [
                NewLine(seq, f"u{seq}", seq, " ".join(rng.choices(vocabulary, k=8)))
                for seq in range(start + 1, min(start + _AT_ONCE, per_thread) + 1)
            ]
            thread.write(Progress(lines[-1].seq), heard=lines)


def _timed(history: History, **how: object) -> float:
    began = time.perf_counter()
    history.lines(**how)  # type: ignore[arg-type]
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
