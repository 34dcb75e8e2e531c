"""The history in a real SQLite file: stored, searched, deleted."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.errors import UsageError
from p2pchat.peer.store.history import History
from p2pchat.peer.store.lines import NewLine, Progress
from p2pchat.peer.store.profile import KnownContact, Profile
from p2pchat.peer.store.thread import Thread
from p2pchat.protocol.client.lines import LineState

HERE, KEY, OTHER = "p2p://here:1", b"k" * 32, b"o" * 32
SUM = "5" * 32


@pytest.fixture
def profile(tmp_path: Path) -> Iterator[Profile]:
    """Yield an empty profile."""
    with closing(Profile(tmp_path / "p.sqlite3")) as profile:
        yield profile


def line(seq: int, text: str = "", uid: str = "", at: int = 0) -> NewLine:
    return NewLine(seq, uid or f"u{seq}", at or seq * 1000, text or f"line {seq}")


def threads(profile: Profile, *names: str) -> tuple[History, list[Thread]]:
    history = profile.history(HERE)
    return history, [history.thread(name, KEY) for name in names]


def test_lines_and_progress_are_stored_together(profile: Profile, tmp_path: Path) -> None:
    """Lines and progress are written together and read by the next process."""
    _, (bob,) = threads(profile, "bob")
    assert bob.progress() == Progress()
    bob.write(Progress(last_out=2), said=[line(1), line(2)])
    heard = bob.write(Progress(1, last_out=2, acked=1), heard=[line(1, "hello")])
    assert [(kept.text, kept.state) for kept in heard] == [("hello", LineState.UNREAD)]
    with closing(Profile(tmp_path / "p.sqlite3")) as again:
        history, (bob,) = threads(again, "bob")
        assert bob.progress() == Progress(1, last_out=2, acked=1)
        assert [(kept.text, kept.state.value) for kept in history.lines()] == [
            ("line 1", "delivered"),
            ("line 2", "queued"),
            ("hello", "unread"),
        ]
        assert history.waiting() == {"bob": 1}
        assert history.unread() == {"bob": 1}
        history.mark_read("bob", heard[0].id)
        assert history.unread() == {}


def test_last_heard_is_per_contact_and_key(profile: Profile) -> None:
    """last_heard() reports the last received line of each contact under their current key."""
    for name in ("bob", "carol", "dave"):
        profile.keep_contact(HERE, KnownContact(name, KEY))
    history, (bob, carol) = threads(profile, "bob", "carol")
    bob.write(Progress(2), heard=[line(1, at=1000), line(2, at=5000)])
    bob.write(Progress(2, last_out=60), said=[line(n, at=9000) for n in range(1, 61)])
    carol.write(Progress(1), heard=[line(1, at=7000)])
    history.thread("bob", OTHER).write(Progress(1), heard=[line(1, at=8000)])
    assert history.last_heard() == {"bob": 5000, "carol": 7000}
    profile.keep_contact(HERE, KnownContact("bob", OTHER))
    assert history.last_heard() == {"bob": 8000, "carol": 7000}
    assert profile.history("p2p://there:1").last_heard() == {}


def test_conversations_are_separate(profile: Profile) -> None:
    """Threads of different contacts, keys and registries do not mix."""
    history, (bob,) = threads(profile, "bob")
    others = [
        history.thread("bob", OTHER),
        history.thread("carol", KEY),
        profile.history("p2p://there:1").thread("bob", KEY),
    ]
    for n, thread in enumerate([bob, *others], start=1):
        thread.write(Progress(n, last_out=n), said=[line(1)], heard=[line(1)])
    assert [t.progress().last_in for t in (bob, *others)] == [1, 2, 3, 4]
    assert all(len(t.waiting(0, 10)) == 1 for t in (bob, *others))


def test_repeated_line_is_not_stored_again(profile: Profile) -> None:
    """A line with a known uid is not stored again, whatever its number."""
    _, (bob,) = threads(profile, "bob")
    assert len(bob.write(Progress(1), heard=[line(1, uid="a")])) == 1
    again = bob.write(Progress(3), heard=[line(2, uid="a"), line(3, uid="b")])
    assert [kept.uid for kept in again] == ["b"]
    twice = bob.write(Progress(5), heard=[line(4, uid="c"), line(5, uid="c")])
    assert [kept.uid for kept in twice] == ["c"]


def test_queued_lines_can_be_renumbered_and_dropped(profile: Profile) -> None:
    """Queued lines keep their order when renumbered; dropped ones are not sent."""
    history, (bob,) = threads(profile, "bob")
    bob.write(Progress(last_out=3, acked=1), said=[line(1), line(2), line(3)])
    rebased = bob.rebase(bob.progress(), 7, SUM)
    assert rebased.renumbered == ((2, 8), (3, 9))
    assert rebased.progress == bob.progress() == Progress(last_out=9, acked=7, acked_sum=SUM)
    assert rebased.missing == 0
    assert [(kept.seq, kept.text) for kept in bob.waiting(1, 10)] == [(8, "line 2"), (9, "line 3")]
    assert history.drop_queued("bob", other_than=KEY) == 0
    assert history.drop_queued("bob") == 2
    assert bob.waiting(1, 10) == []
    assert [kept.state.value for kept in history.lines()] == ["delivered", "failed", "failed"]


def test_search_by_contact_time_and_words(profile: Profile) -> None:
    """Lines are found by contact, time, number and words, ignoring accents and FTS5 syntax."""
    history, (bob, carol) = threads(profile, "bob", "carol")
    texts = ["the cat sat", "the dog ran", "un café noir", 'quotes " and * stars']
    bob.write(Progress(4), heard=[line(n, text) for n, text in enumerate(texts, start=1)])
    carol.write(Progress(last_out=1), said=[line(1, "a cat too", at=10_000)])

    def found(**how: object) -> list[str]:
        return [kept.text for kept in history.lines(**how)]  # type: ignore[arg-type]

    assert found(words="cat") == ["the cat sat", "a cat too"]
    assert found(words="CAFE") == ["un café noir"]
    assert found(words="the ca") == ["the cat sat"]
    assert found(username="bob", words="cat") == ["the cat sat"]
    assert found(words="cat OR dog") == []
    assert found(words='" stars') == ['quotes " and * stars']
    assert found(since=2000, until=4000) == ["the dog ran", "un café noir"]
    assert found(username="bob", limit=2) == texts[2:]
    with pytest.raises(UsageError, match="no words"):
        found(words='"')


SIGNS = {
    "会議": "明日の会議は三時です",
    "議": "明日の会議は三時です",
    "です": "明日の会議は三時です",
    "มาก": "ขอบคุณมากครับ",
    "🎂": "bring the 🎂!",
    "the 🎂": "bring the 🎂!",
    "🎂 bri": "bring the 🎂!",
    "€": "price 5 €",
    "5 €": "price 5 €",
    "C++": "written in C++, not C",
    "c++": "written in C++, not C",
    "C++,": "written in C++, not C",
    "c#": "or in C#",
    "회의": "내일회의는",
    "=>": "x=>y",
    "𠮷野": "𠮷野家",
}


@pytest.mark.parametrize("words", SIGNS)
def test_search_finds_signs_and_unspaced_scripts(profile: Profile, words: str) -> None:
    """Scripts without spaces, emoji and signs are found, and nothing else with them."""
    history, (bob,) = threads(profile, "bob")
    texts = [*dict.fromkeys(SIGNS.values()), "a C", "5", "cats", "明日", "会社", "c + +", "the bri"]
    bob.write(Progress(len(texts)), heard=[line(n, text) for n, text in enumerate(texts, start=1)])
    assert [kept.text for kept in history.lines(words=words)] == [SIGNS[words]]
    history.forget("bob")
    assert history.lines(words=words) == []


def test_lines_of_an_older_version_are_indexed_on_demand(tmp_path: Path) -> None:
    """Lines of an older version are indexed before a search; deleted ones are not found."""
    file = tmp_path / "p.sqlite3"
    with closing(Profile(file)) as profile:
        _, (bob,) = threads(profile, "bob")
        bob.write(Progress(5000), heard=[line(n, f"会議 {n}") for n in range(1, 5001)])
    with sqlite3.connect(file) as database:
        database.executescript(
            "DROP TABLE line_grams; DROP TABLE unindexed; DROP TRIGGER line_grams_added;"
            "DROP TRIGGER line_grams_gone; PRAGMA user_version = 6"
        )
    database.close()
    with closing(Profile(file)) as profile:
        history, (bob, carol) = threads(profile, "bob", "carol")
        carol.write(Progress(1), heard=[line(1, "会議 carol")])
        assert history.index_some()
        carol.write(Progress(2), heard=[line(2, "会議 carol")])
        assert history.forget("carol") == 2
        assert len(history.lines(words="会議")) == 5000
        assert not history.index_some()
        assert history.forget("bob") == 5000
        assert history.lines(words="会議") == []


def test_search_with_very_many_hits(profile: Profile) -> None:
    """More hits than an SQLite statement takes parameters are found."""
    history, (bob,) = threads(profile, "bob")
    bob.write(Progress(40_000), heard=[line(n, f"common {n}") for n in range(1, 40_001)])
    assert [kept.seq for kept in history.lines(words="common", limit=1)] == [40_000]
    assert len(history.lines(words="common")) == 40_000
    assert history.lines(words="...") == []


def test_forgetting_really_deletes(profile: Profile, tmp_path: Path) -> None:
    """Deleted lines leave no trace in any file; other lines and the progress stay."""
    history, (bob, carol) = threads(profile, "bob", "carol")
    bob.write(Progress(50), heard=[line(n, f"verysecret{n}") for n in range(1, 51)])
    carol.write(Progress(1), heard=[line(1, "public")])
    assert history.forget("bob") == 50
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"public" in left
    assert b"verysecret" not in left
    assert history.lines(words="verysecret1") == []
    assert bob.progress() == Progress(50)


def test_old_finished_lines_are_deleted(profile: Profile) -> None:
    """Old lines are deleted unless they are queued or unread."""
    history, (bob,) = threads(profile, "bob")
    bob.write(Progress(last_out=3, acked=1), said=[line(1), line(2), line(3)], heard=[line(1)])
    assert history.forget_before(1000 * int(time.time() - 60)) == 0
    assert history.forget_before(1000 * int(time.time() + 60)) == 1
    assert [kept.state.value for kept in history.lines()] == ["queued", "queued", "unread"]


def test_without_history_finished_lines_are_deleted(profile: Profile) -> None:
    """Without a history, lines are deleted once they are delivered or seen."""
    history = profile.history(HERE, keep=False)
    bob = history.thread("bob", KEY)
    heard = bob.write(Progress(1, last_out=2), said=[line(1), line(2)], heard=[line(1, "hello")])
    assert len(history.lines()) == 3
    bob.write(Progress(1, last_out=2, acked=1))
    history.mark_read("bob", heard[0].id)
    assert [kept.text for kept in history.lines()] == ["line 2"]
    assert bob.progress() == Progress(1, last_out=2, acked=1)


def test_rewound_remote_marks_lines_missing(profile: Profile) -> None:
    """Delivered lines that a restored remote lacks are marked missing."""
    history, (bob,) = threads(profile, "bob")
    bob.write(Progress(last_out=4, acked=3), said=[line(n) for n in range(1, 5)])
    rebased = bob.rebase(bob.progress(), 1, SUM)
    assert (rebased.renumbered, rebased.missing) == ((), 2)
    assert rebased.progress == bob.progress() == Progress(last_out=4, acked=1, acked_sum=SUM)
    states = [kept.state.value for kept in history.lines()]
    assert states == ["delivered", "missing", "missing", "queued"]


@pytest.mark.parametrize(
    "broken",
    [
        Progress(last_in=2**48 + 1, last_out=3, acked=1),
        Progress(last_in=2, last_out=2**60, acked=2**59),
        Progress(last_in=-1, last_out=3, acked=1),
        Progress(last_in=2, last_out=3, acked=9),
        Progress(last_in=2, in_sum="short", last_out=3, acked=1),
    ],
)
def test_out_of_range_row_is_repaired(profile: Profile, tmp_path: Path, broken: Progress) -> None:
    """Progress out of range, as an older version may have written, is repaired."""
    _, (bob,) = threads(profile, "bob")
    bob.write(
        Progress(2, last_out=3, acked=1),
        said=[line(1), line(2), line(3)],
        heard=[line(1, uid="a"), line(2, uid="b")],
    )
    columns = ", ".join(f"{column} = ?" for column in Progress._fields)
    with closing(sqlite3.connect(tmp_path / "p.sqlite3")) as database, database:
        database.execute(f"UPDATE conversation SET {columns}", broken)  # noqa: S608
    repaired = bob.progress()
    assert repaired == bob.progress() == Progress(2, last_out=5)
    assert [(kept.seq, kept.uid) for kept in bob.waiting(0, 10)] == [(4, "u2"), (5, "u3")]


def test_ids_are_known_after_deletion(profile: Profile) -> None:
    """The ids of the last thousand lines are known, even if the lines were deleted or not kept."""
    for keep in (True, False):
        history = profile.history(HERE, keep=keep)
        bob = history.thread(f"bob {keep}", KEY)
        heard = [line(n) for n in range(1, 1201)]
        for n in range(0, 1200, 100):
            bob.write(Progress(n + 100), heard=heard[n : n + 100])
        history.mark_read(bob.username, 10**6)
        history.forget(bob.username)
        again = bob.write(
            Progress(2400), heard=[line(n + 1200, uid=f"u{n}") for n in (1, 201, 1200)]
        )
        assert [kept.uid for kept in again] == ["u1"]


@pytest.mark.parametrize("words", ["one\0", "\0one", '"one\0"', "(one", "one*", '"one'])
def test_special_characters_do_not_break_the_search(profile: Profile, words: str) -> None:
    """FTS5 syntax and NUL bytes in the words do not break the search."""
    history, (bob,) = threads(profile, "bob")
    bob.write(Progress(last_out=1), said=[line(1, "one")])
    assert [kept.text for kept in history.lines(words=words)] == ["one"]


@pytest.mark.parametrize("words", [" ", "\0", '"', '" \0'])
def test_search_without_words_is_refused(profile: Profile, words: str) -> None:
    """A search without any word raises a clear error."""
    history, _ = threads(profile, "bob")
    with pytest.raises(UsageError, match="no words"):
        history.lines(words=words)
