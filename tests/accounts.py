"""Account stores for tests, with the cheapest password hashing."""

import time
from collections.abc import Callable
from pathlib import Path

from p2pchat.registry.store.accounts import Accounts
from p2pchat.registry.store.passwords import Cost, Passwords
from p2pchat.registry.store.stores import open_file

CHEAP = Passwords(Cost(memory_kib=64, passes=1))


class OpenedAccounts(Accounts):
    """The accounts in a file, which is locked until `close`."""

    def __init__(self, file: Path, wall_clock: Callable[[], float] = time.time) -> None:
        self.store = open_file(file, alone=True)
        super().__init__(self.store, CHEAP, wall_clock)

    def disconnect(self) -> None:
        """Close the calling thread's connection."""
        self.store.close()

    def close(self) -> None:
        """Release the file."""
        self.store.release()
