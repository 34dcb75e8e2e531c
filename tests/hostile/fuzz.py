"""Every decoder against random payloads for a given time: `python -m tests.hostile.fuzz`.

The seed is printed first, and `--seed` replays it. A failing payload is printed.
"""

import argparse
import random
import secrets
import sys
import time

from tests.hostile.decoders import decoders

_AT_ONCE = 20


def fuzz(seed: int, seconds: float) -> int:
    """Return the number of payloads; raise whatever a decoder should not raise."""
    rng = random.Random(seed)
    every = decoders()
    taken = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for decoder in every:
            for payload in decoder.payloads(rng, _AT_ONCE):
                try:
                    decoder.take(payload)
                except BaseException:
                    print(f"{decoder.name}, payload {taken} of seed {seed}: {payload!r}")
                    raise
                taken += 1
    return taken


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    sys.stdout.flush()
    print(f"{fuzz(given.seed, given.seconds)} payloads were taken or refused as they should be")


if __name__ == "__main__":
    main()
