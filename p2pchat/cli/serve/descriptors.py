"""Raise the limit of open files and connections of the process."""

import resource
from typing import Final

from p2pchat.errors import StorageError

_FEWEST: Final = 64
"""The descriptors needed by a registry and its first clients."""


def have_descriptors() -> None:
    """Raise the limit as far as the system allows; raise StorageError if that is too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard in {soft, resource.RLIM_INFINITY}:
        granted = soft
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        granted = hard
    if granted != resource.RLIM_INFINITY and granted < _FEWEST:
        raise StorageError(
            f"only {granted} files and connections may be open at once, too few for a registry",
            likely="ulimit -n, or LimitNOFILE of its service, is low",
            advice="ulimit -n 65536",
        )
