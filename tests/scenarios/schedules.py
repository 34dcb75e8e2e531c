"""Runs random schedules of a simulation, each given by its seed, and reports the first failure."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol


class Schedules(Protocol):
    """A simulated world in which one schedule after another is run."""

    def run(self, seed: int) -> None:
        """Run the schedule of a seed. Raise AssertionError if it goes wrong."""

    def check(self) -> Sequence[str]:
        """Return what is wrong at its end."""

    def close(self) -> None:
        """Close the world."""


def first_failure(make: Callable[[Path], Schedules], chunk: tuple[int, ...]) -> str:
    """Run a chunk of seeds, of which it begins with the first and the one after the last.

    `make` returns the world in a folder. Return the first failure, with the chunk, which replays
    it; empty if there is none.
    """
    shared_memory = Path("/dev/shm")  # noqa: S108  # disks are slow, and may fail elsewhere
    where = shared_memory if shared_memory.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        world = make(Path(folder))
        seed = chunk[0]
        try:
            for seed in range(chunk[0], chunk[1]):
                world.run(seed)
                wrong = world.check()
                if wrong:
                    return f"seed {seed} of {':'.join(map(str, chunk))}: {'; '.join(wrong)}"
        except AssertionError as error:
            return f"seed {seed} of {':'.join(map(str, chunk))}: {error}"
        finally:
            world.close()
    return ""
