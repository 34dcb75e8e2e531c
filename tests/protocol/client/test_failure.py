"""Errors keep their kind when they are sent to another process."""

import pytest

from p2pchat.errors import ContactOffline, LinkLost, P2PError, SlowedDown, StorageError
from p2pchat.protocol.client.failure import Failure, error_of, failure_of, reason_of


class _Private(ContactOffline):
    """A subclass that a module defines for itself."""


@pytest.mark.parametrize(
    "error",
    [
        P2PError("it was cancelled", advice="p2p outbox retry bob"),
        StorageError("the disk is full", likely="it is"),
        LinkLost("it broke", unsent=7),
        SlowedDown("here", 3.0),
    ],
)
def test_known_error_kind_survives_a_round_trip(error: P2PError) -> None:
    """An error keeps its type, texts, exit code and number of unsent bytes."""
    again = error_of(failure_of(error))
    assert type(again) is type(error)
    assert failure_of(again) == failure_of(error)
    assert (again.what, again.exit_code) == (error.what, error.exit_code)


def test_unknown_error_kind_keeps_its_exit_code() -> None:
    """An error kind from a newer node becomes a plain error with the same exit code."""
    error = error_of(Failure(6, "of_the_future", "it waits"))
    assert (type(error), error.exit_code, error.what) == (P2PError, 6, "it waits")


def test_every_error_kind_has_a_reason() -> None:
    """A subclass shares the reason of the public error class that it refines."""
    assert reason_of(ContactOffline("x")) == reason_of(_Private("x")) == "contact_offline"
    assert reason_of(P2PError("x")) == "other"
