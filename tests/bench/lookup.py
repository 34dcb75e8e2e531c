"""Measure the registry's CPU for look-ups, beside the smallest server in Python.

    python -m tests.bench.lookup [--users 1000] [--times 100000]

The registry runs first without limits, then with limits that are never reached. At the secure
listener it is compared with its own original listener. All are measured in turn, several times.
Linux only.
"""

import argparse
import os
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.bench.at_registry import (
    CALLERS,
    NO_LIMITS,
    Smallest,
    cost_s,
    head,
    in_turns,
    log_in,
    member,
    ratio,
    secure_request,
    serving,
)
from tests.bench.load import Callers
from tests.bench.smallest import name_of

_NOT_REACHED = tuple(
    word
    for name, value in {
        "requests-per-second": 100_000_000,
        "request-burst": 100_000_000,
        "searches-per-minute": 100_000_000,
        "connections-per-address": 0,
        "new-connections-per-minute": 0,
        "login-timeout": 0,
    }.items()
    for word in ("--limit", f"{name}={value}")
)


def main() -> None:
    """Measure without limits and with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--times", type=int, default=100_000)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    head("CPU s of 100,000 look-ups", "registry", "beside", "ratio (quartiles)", "goal")
    with tempfile.TemporaryDirectory() as folder:
        for limits, words in (("no limits", NO_LIMITS), ("limits", _NOT_REACHED)):
            _look_ups(Path(folder), limits, words, options.users, options.times)


def _look_ups(folder: Path, limits: str, words: Sequence[str], users: int, times: int) -> None:
    """Search for online users at both listeners and at the smallest server."""
    names = [name_of(n) for n in range(users)]
    count = users + CALLERS
    with serving(folder, count, *words, tokens=count) as serve:
        smallest = Smallest(folder, users)
        try:
            online = [log_in(serve, n) for n in range(users)]
            members = [member(serve, n, errand=True) for n in range(users, count)]
            clear = Callers([serve.dial() for _ in range(CALLERS)], names)
            sealed = Callers(members, names, secure_request)
            bare = Callers([smallest.dial() for _ in range(CALLERS)], names)
            for at_once, goals in ((1, ("1.10", "1.5")), (16, ("1.0", "1.3"))):
                ours, secures, least = in_turns(
                    partial(cost_s, serve, clear, times, at_once),
                    partial(cost_s, serve, sealed, times, at_once),
                    partial(cost_s, smallest, bare, times, at_once),
                )
                how = f"{limits}, {at_once} at once on each of {CALLERS} links"
                ratio(f"{how}, original listener / smallest server", ours, least, goals[0])
                ratio(f"{how}, secure listener / original listener", secures, ours, goals[1])
            assert len(online) == users
        finally:
            smallest.kill()


if __name__ == "__main__":
    main()
