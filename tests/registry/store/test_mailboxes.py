"""The mailboxes in their database: who may leave what, what is kept, and for how long."""

import hashlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2pchat.protocol.messages import Reason
from p2pchat.protocol.prekeys import MOST_PREKEYS, Prekey
from p2pchat.registry.store.accounts import Accounts
from p2pchat.registry.store.mailboxes import Left, Mailboxes, Owner, Quotas
from p2pchat.registry.store.passwords import Cost, Passwords
from p2pchat.registry.store.stores import open_file, open_shared
from p2pchat.storage import Store

BOB = Owner("bob", b"b" * 32)
OLD_BOB = Owner("bob", b"o" * 32)
PASS, OTHER = b"p" * 16, b"q" * 16
NOW = 2_000_000_000
DAY = 86400


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        opened: Store = open_file(tmp_path / "registry.sqlite3")
    else:
        opened = open_shared(request.getfixturevalue("database"))
    yield opened
    opened.release()


@pytest.fixture
def boxes(store: Store) -> Mailboxes:
    """Return the boxes, of which bob has one with two passes."""
    boxes = Mailboxes(store, Quotas())
    assert boxes.publish(BOB, [], [hash_of(PASS), hash_of(OTHER)], replace=False, now=NOW)
    return boxes


def hash_of(permit: bytes) -> bytes:
    return hashlib.sha256(permit).digest()


def prekey(number: int, *, one_time: bool = True, expires_at: int = NOW + DAY) -> Prekey:
    return Prekey(bytes([number]) * 8, "X25519", b"public", expires_at, b"s" * 64, one_time)


def left(boxes: Mailboxes, data: bytes = b"run", permit: bytes = PASS, now: int = NOW) -> Left:
    found = boxes.leave(BOB, permit, data, now)
    assert isinstance(found, Left)
    return found


def test_registry_id_stays(store: Store) -> None:
    """It is made with the database, at random, and the same for every node."""
    made = Mailboxes(store, Quotas()).registry_id()
    assert len(made) == 16
    assert Mailboxes(store, Quotas()).registry_id() == made


def test_runs_wait_in_order_until_they_are_forgotten(boxes: Mailboxes) -> None:
    """Only the owner of that key gets them."""
    runs = [left(boxes, data).run for data in (b"one", b"two!", b"three")]
    assert boxes.waiting(BOB, NOW) == 3
    assert boxes.listed(BOB, b"", NOW) == list(zip(runs, (3, 4, 5), strict=True))
    assert boxes.listed(BOB, runs[0], NOW) == [(runs[1], 4), (runs[2], 5)]
    assert boxes.get(BOB, runs[1]) == b"two!"
    for other in (OLD_BOB, Owner("eve", BOB.key)):
        assert boxes.waiting(other, NOW) == 0
        assert boxes.listed(other, b"", NOW) == []
        assert boxes.get(other, runs[1]) == b""
        boxes.forget(other, runs)
    assert boxes.waiting(BOB, NOW) == 3
    boxes.forget(BOB, runs[:2])
    assert boxes.listed(BOB, b"", NOW) == [(runs[2], 5)]


def test_one_time_prekeys_are_given_once(boxes: Mailboxes) -> None:
    """Then the current one, as often as it is asked for; none that has expired."""
    expired = prekey(9, one_time=False, expires_at=NOW)
    current, older = (
        prekey(3, one_time=False, expires_at=NOW + 9),
        prekey(4, one_time=False, expires_at=NOW + 5),
    )
    assert boxes.take_prekey(BOB, PASS, NOW) is Reason.NO_PREKEY
    assert boxes.publish(
        BOB, [prekey(1), prekey(2), older, current, expired], None, replace=False, now=NOW
    )
    given = [boxes.take_prekey(BOB, PASS, NOW) for _ in range(4)]
    assert given == [prekey(1), prekey(2), current, current]
    assert sorted(boxes.numbers(BOB, NOW)) == [current.number, older.number]


def test_prekeys_are_limited_and_replaced(boxes: Mailboxes) -> None:
    """Too many at once change nothing."""
    many = [prekey(n) for n in range(MOST_PREKEYS)]
    assert boxes.publish(BOB, many, None, replace=False, now=NOW)
    assert not boxes.publish(BOB, [prekey(200)], None, replace=False, now=NOW)
    assert boxes.publish(BOB, [prekey(200)], None, replace=True, now=NOW)
    assert boxes.numbers(BOB, NOW) == [prekey(200).number]


def test_who_may_not_leave(boxes: Mailboxes) -> None:
    """No box, a wrong pass, one that was ended, another key's box: strangers see no difference."""
    nobody = Owner("nobody", b"n" * 32)
    for ask in (
        lambda owner, permit: boxes.take_prekey(owner, permit, NOW),
        lambda owner, permit: boxes.leave(owner, permit, b"run", NOW),
    ):
        assert ask(nobody, PASS) is Reason.BAD_PASS
        assert ask(OLD_BOB, PASS) is Reason.BAD_PASS
        assert ask(BOB, b"x" * 16) is Reason.BAD_PASS
    boxes.publish(BOB, [], [hash_of(OTHER)], replace=False, now=NOW)
    assert boxes.leave(BOB, PASS, b"run", NOW) is Reason.BAD_PASS
    left(boxes, permit=OTHER)


@pytest.mark.parametrize(
    ("quota", "fits"),
    [
        ({"total_bytes": 30}, 3),
        ({"box_bytes": 30}, 3),
        ({"box_runs": 2}, 2),
        ({"pass_runs": 2}, 2),
        ({"pass_bytes_per_day": 25}, 2),
    ],
)
def test_quotas(boxes: Mailboxes, quota: dict[str, Any], fits: int) -> None:
    """What exceeds one is refused, and nothing that is there is deleted."""
    boxes.quotas = replace(Quotas(), **quota)
    for _ in range(fits):
        left(boxes, b"x" * 10)
    assert boxes.leave(BOB, PASS, b"x" * 10, NOW) is Reason.FULL
    assert boxes.waiting(BOB, NOW) == fits
    is_of_the_pass = any("pass" in name for name in quota)
    again = boxes.leave(BOB, OTHER, b"x" * 10, NOW)
    assert (again is Reason.FULL) is not is_of_the_pass


def test_quota_of_a_day_begins_anew(boxes: Mailboxes) -> None:
    """Also if what was left has been taken meanwhile; publishing again resets nothing."""
    boxes.quotas = replace(Quotas(), pass_bytes_per_day=10)
    boxes.forget(BOB, [left(boxes, b"x" * 10).run])
    boxes.publish(BOB, [], [hash_of(PASS), hash_of(OTHER)], replace=True, now=NOW)
    assert boxes.leave(BOB, PASS, b"x", NOW) is Reason.FULL
    left(boxes, b"x", now=NOW + DAY)


def test_expiry(boxes: Mailboxes) -> None:
    """What has expired is not shown, and deleted in time."""
    boxes.quotas = replace(Quotas(), days=2)
    run = left(boxes)
    assert run.until == NOW + 2 * DAY
    assert boxes.still_there([run.run], NOW + 2 * DAY - 1) == [run.run]
    assert boxes.still_there([run.run], NOW + 2 * DAY) == []
    assert boxes.waiting(BOB, NOW + 2 * DAY) == 0
    assert boxes.delete_expired(NOW + 2 * DAY - 1) == 0
    assert boxes.delete_expired(NOW + 2 * DAY) == 1
    assert boxes.get(BOB, run.run) == b""


def test_sender_asks_and_takes_back(boxes: Mailboxes) -> None:
    """Who knows an id may; what was fetched and forgotten is reported as gone."""
    first, second = left(boxes), left(boxes)
    unknown = b"u" * 16
    assert boxes.still_there([unknown, second.run, first.run], NOW) == [second.run, first.run]
    boxes.forget(BOB, [first.run])
    assert boxes.take_back([first.run, second.run, unknown], NOW) == [second.run]
    assert boxes.waiting(BOB, NOW) == 0
    assert boxes.still_there([], NOW) == boxes.take_back([], NOW) == []


def test_operator_sees_and_clears(boxes: Mailboxes) -> None:
    """How much there is and since when; never who has left it."""
    left(boxes, b"x" * 10, now=NOW - 5)
    left(boxes, b"x" * 10)
    ((name, runs, held, oldest),) = boxes.uses()
    assert (name, runs, held, oldest) == ("bob", 2, 20, NOW - 5)
    assert boxes.clear("bob") == 2
    assert boxes.uses() == []
    left(boxes, b"again")  # senders can leave it again


def test_database_names_no_sender(tmp_path: Path) -> None:
    """Neither the pass itself nor anything else of the sender is stored."""
    with closing(open_file(tmp_path / "registry.sqlite3")) as store:
        boxes = Mailboxes(store, Quotas())
        boxes.publish(BOB, [], [hash_of(PASS)], replace=False, now=NOW)
        left(boxes, b"sealed")
    with closing(sqlite3.connect(tmp_path / "registry.sqlite3")) as database:
        dump = "\n".join(database.iterdump())
    assert PASS.hex() not in dump.lower()
    assert hash_of(PASS).hex() in dump.lower()


def test_boxes_of_earlier_keys_are_closed(boxes: Mailboxes) -> None:
    """Nothing more is left there, and what waits counts for the user."""
    left(boxes, b"x" * 10)
    assert boxes.publish(OLD_BOB, [prekey(1)], [hash_of(PASS)], replace=False, now=NOW)
    assert boxes.leave(BOB, PASS, b"x", NOW) is Reason.BAD_PASS
    boxes.quotas = replace(Quotas(), box_runs=2)
    assert isinstance(boxes.leave(OLD_BOB, PASS, b"x", NOW), Left)
    assert boxes.leave(OLD_BOB, PASS, b"x", NOW) is Reason.FULL


def test_list_after_a_run_that_is_gone(boxes: Mailboxes) -> None:
    """The list begins anew, so that nothing is missed."""
    runs = [left(boxes).run for _ in range(3)]
    boxes.take_back([runs[0]], NOW)
    assert [run for run, _ in boxes.listed(BOB, runs[0], NOW)] == runs[1:]


def test_many_expired_runs(boxes: Mailboxes) -> None:
    """They are deleted in small parts, all of them."""
    boxes.quotas = replace(Quotas(), box_runs=0, pass_runs=0, days=1)
    for _ in range(1100):
        left(boxes, b"x")
    assert boxes.delete_expired(NOW + DAY) == 1100
    assert boxes.uses() == []


def test_two_threads_at_once(boxes: Mailboxes, store: Store) -> None:
    """Quotas hold, and prekeys are not too many, however the two interleave."""
    Accounts(store, Passwords(Cost(8, 1))).create("bob", "password")
    boxes.quotas = replace(Quotas(), box_runs=5)

    def work(number: int) -> int:
        mine = Mailboxes(store, boxes.quotas)
        some = [prekey(n) for n in range(number * 40, number * 40 + 40)]
        mine.publish(BOB, some, None, replace=False, now=NOW)
        kept = sum(isinstance(mine.leave(BOB, PASS, b"x", NOW), Left) for _ in range(4))
        store.close()
        return kept

    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(work, range(4)))
    assert sum(kept) == boxes.waiting(BOB, NOW) == 5
    assert len(boxes.numbers(BOB, NOW)) == 80
