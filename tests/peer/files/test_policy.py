"""What is taken without asking."""

import pytest

from p2pchat.errors import UsageError
from p2pchat.peer.files.policy import Decision, FilesPolicy, check_accept, in_words
from p2pchat.peer.store.profile import KnownContact

MB = 1_000_000
BOB = KnownContact("bob", accepted=True, verified=True)


@pytest.mark.parametrize(
    ("accept", "contact", "size", "today", "decision"),
    [
        ("ask", BOB, 0, 0, Decision.ASK),
        ("never", BOB, 0, 0, Decision.REFUSE),
        ("1000000", BOB, MB, 0, Decision.TAKE),
        ("1000000", BOB, MB + 1, 0, Decision.ASK),
        ("1000000", BOB, MB, 9 * MB, Decision.TAKE),
        ("1000000", BOB, MB, 9 * MB + 1, Decision.ASK),
        ("1000000", BOB._replace(accepted=False), 1, 0, Decision.ASK),
        ("1000000", BOB._replace(blocked=True), 1, 0, Decision.REFUSE),
        ("1000000000", BOB, 500 * MB, 0, Decision.TAKE),
        ("1000000000", BOB._replace(verified=False), 100 * MB, 0, Decision.TAKE),
        ("1000000000", BOB._replace(verified=False), 100 * MB + 1, 0, Decision.ASK),
        ("ask", BOB._replace(files="1000000"), MB, 0, Decision.TAKE),
        ("1000000", BOB._replace(files="ask"), 1, 0, Decision.ASK),
        ("1000000", BOB._replace(files="never"), 1, 0, Decision.REFUSE),
    ],
)
def test_decisions(
    accept: str, contact: KnownContact, size: int, today: int, decision: Decision
) -> None:
    """By the contact's own setting, else by the usual one."""
    assert FilesPolicy(accept=accept).decide(contact, size, today) is decision


def test_typed_settings() -> None:
    """A word or a size."""
    assert [check_accept(text) for text in ("Ask", "NEVER", "100MB")] == [
        "ask",
        "never",
        "100000000",
    ]
    with pytest.raises(UsageError, match="not ask, never or a size"):
        check_accept("maybe")
    assert in_words("100000000", "bob", is_verified=False).endswith("up to 100.0 MB each")
    assert in_words("100000001", "bob", is_verified=False).endswith("is verified, up to 100.0 MB")


def test_folder_of_a_contact_cannot_leave_its_place() -> None:
    """Names of the original dialect may be anything."""
    policy = FilesPolicy()
    assert policy.folder_for("../../etc").parent == policy.folder
