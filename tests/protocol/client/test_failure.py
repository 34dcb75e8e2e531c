"""An error survives the way to another process."""

import pytest

from p2pchat.errors import ContactOffline, LinkLost, P2PError, SlowedDown, StorageError
from p2pchat.protocol.client.failure import Failure, error_of, failure_of, reason_of


class _Private(ContactOffline):
    """Of a module of its own."""


@pytest.mark.parametrize(
    "error",
    [
        P2PError("it was cancelled", advice="p2p outbox retry bob"),
        StorageError("the disk is full", likely="it is"),
        LinkLost("it broke", unsent=7),
        SlowedDown("here", 3.0),
    ],
)
def test_the_same_kind_says_the_same(error: P2PError) -> None:
    """With its exit code, what it says, and what had not gone out."""
    again = error_of(failure_of(error))
    assert type(again) is type(error)
    assert failure_of(again) == failure_of(error)
    assert (again.what, again.exit_code) == (error.what, error.exit_code)


def test_a_kind_that_is_not_known_keeps_its_exit_code() -> None:
    """As of a node that is newer than we are."""
    error = error_of(Failure(6, "of_the_future", "it waits"))
    assert (type(error), error.exit_code, error.what) == (P2PError, 6, "it waits")


def test_each_kind_has_a_reason() -> None:
    """One for programs, also where a module has refined it."""
    assert reason_of(ContactOffline("x")) == reason_of(_Private("x")) == "contact_offline"
    assert reason_of(P2PError("x")) == "other"
