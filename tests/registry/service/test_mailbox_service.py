"""What a login tells of a mailbox; requests are in `tests/conformance/test_mailbox.py`."""

from collections.abc import Callable
from typing import Any

import pytest

from p2pchat.errors import StorageError
from p2pchat.protocol.messages import Grant, Login, LoginResult, Message, Outcome, Reason
from p2pchat.registry.service.counters import Counters
from p2pchat.registry.service.identity_proof import UNPROVEN
from p2pchat.registry.service.limits import Rank
from p2pchat.registry.service.mailbox_service import MailboxService
from p2pchat.registry.service.pending import BlockingJob
from p2pchat.registry.store.mailboxes import Quotas

LOGIN = Login("bob", key=b"k" * 32, can=("mailbox",))
GRANT = Grant("token", b"s" * 8, b"h" * 32, 60.0)


class Boxes:
    """Boxes that note whether they were read, and may fail."""

    quotas = Quotas()

    def __init__(self) -> None:
        self.reads = 0
        self.numbers_there: list[bytes] = []
        self.error: StorageError | None = None

    def registry_id(self) -> bytes:
        if self.error is not None:
            raise self.error
        return b"r" * 16

    def numbers(self, *_: Any) -> list[bytes]:
        self.reads += 1
        return self.numbers_there

    def waiting(self, *_: Any) -> int:
        return 3


@pytest.fixture
def boxes() -> Boxes:
    return Boxes()


@pytest.fixture
def log_in(boxes: Boxes) -> Callable[[object], Message]:
    """Return a function that answers a login whose job has that result."""
    unused: Any = None
    stored: Any = boxes
    service = MailboxService(stored, unused, unused, lambda: 0.0, lambda: 0.0, Counters())

    def answer(result: object) -> Message:
        refused = LoginResult(Outcome.FAIL, Reason.BAD_TOKEN)
        accepted = LoginResult(Outcome.OK, grant=GRANT)
        is_refused = result is None or result is UNPROVEN
        work = BlockingJob(
            lambda: result, lambda _: refused if is_refused else accepted, Rank.QUICK
        )
        login = service.beside(LOGIN, work)
        assert isinstance(login, BlockingJob)
        return login.then(login.job())

    return answer


def test_login_tells_of_the_box(boxes: Boxes, log_in: Callable[[object], Message]) -> None:
    """In the same answer, so that an empty box costs no round trip."""
    answer = log_in("token")
    assert isinstance(answer, LoginResult)
    assert answer.grant is not None
    assert answer.grant.mailbox is not None
    assert answer.grant.mailbox.waiting == 3


@pytest.mark.parametrize("result", [None, UNPROVEN])
def test_refused_login_reads_no_box(
    boxes: Boxes, log_in: Callable[[object], Message], result: object
) -> None:
    """Its time would tell a stranger how much waits."""
    answer = log_in(result)
    assert isinstance(answer, LoginResult)
    assert answer.outcome is Outcome.FAIL
    assert boxes.reads == 0


@pytest.mark.parametrize("fault", ["disk", "numbers"])
def test_login_does_not_depend_on_the_box(
    boxes: Boxes, log_in: Callable[[object], Message], fault: str
) -> None:
    """A failing disk, or more prekeys than a box may have: the user is logged in without it."""
    if fault == "disk":
        boxes.error = StorageError("the disk is full")
    else:
        boxes.numbers_there = [bytes(8)] * 101
    answer = log_in("token")
    assert isinstance(answer, LoginResult)
    assert answer.outcome is Outcome.OK
    assert answer.grant is not None
    assert answer.grant.mailbox is None
