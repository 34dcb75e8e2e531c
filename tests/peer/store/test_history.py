"""Every line in a real SQLite file: kept, found, forgotten for good."""

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
    """A profile of nobody."""
    with closing(Profile(tmp_path / "p.sqlite3")) as profile:
        yield profile


def line(seq: int, text: str = "", uid: str = "", at: int = 0) -> NewLine:
    return NewLine(seq, uid or f"u{seq}", at or seq * 1000, text or f"line {seq}")


def threads(profile: Profile, *names: str) -> tuple[History, list[Thread]]:
    history = profile.history(HERE)
    return history, [history.thread(name, KEY) for name in names]


def test_lines_and_progress_are_kept_together(profile: Profile, tmp_path: Path) -> None:
    """And are there in the next process."""
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


def test_when_contacts_were_last_heard(profile: Profile) -> None:
    """By the last line of each, under their present key, whatever we have said since."""
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


def test_conversations_do_not_mix(profile: Profile) -> None:
    """Neither contacts nor keys nor registries."""
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


def test_a_line_that_comes_again_is_not_kept_again(profile: Profile) -> None:
    """Its uid is known, whatever its number is now."""
    _, (bob,) = threads(profile, "bob")
    assert len(bob.write(Progress(1), heard=[line(1, uid="a")])) == 1
    again = bob.write(Progress(3), heard=[line(2, uid="a"), line(3, uid="b")])
    assert [kept.uid for kept in again] == ["b"]
    twice = bob.write(Progress(5), heard=[line(4, uid="c"), line(5, uid="c")])
    assert [kept.uid for kept in twice] == ["c"]


def test_what_waits_can_be_numbered_anew_and_given_up(profile: Profile) -> None:
    """In their order; what was given up is not sent."""
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


def test_lines_are_found(profile: Profile) -> None:
    """By contact, time, number and words, whatever their accents; words are not a language."""
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
def test_what_is_no_word_is_found(profile: Profile, words: str) -> None:
    """Scripts without blanks, emoji, and signs; nothing else is found with them."""
    history, (bob,) = threads(profile, "bob")
    texts = [*dict.fromkeys(SIGNS.values()), "a C", "5", "cats", "明日", "会社", "c + +", "the bri"]
    bob.write(Progress(len(texts)), heard=[line(n, text) for n, text in enumerate(texts, start=1)])
    assert [kept.text for kept in history.lines(words=words)] == [SIGNS[words]]
    history.forget("bob")
    assert history.lines(words=words) == []


def test_lines_of_an_older_version_are_indexed_when_they_are_looked_for(tmp_path: Path) -> None:
    """Or before; new ones at once, and what is deleted meanwhile is not found."""
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


def test_a_word_that_very_many_lines_have(profile: Profile) -> None:
    """More than a statement of SQLite takes parameters; and what is no word finds nothing."""
    history, (bob,) = threads(profile, "bob")
    bob.write(Progress(40_000), heard=[line(n, f"common {n}") for n in range(1, 40_001)])
    assert [kept.seq for kept in history.lines(words="common", limit=1)] == [40_000]
    assert len(history.lines(words="common")) == 40_000
    assert history.lines(words="...") == []


def test_forgetting_really_deletes(profile: Profile, tmp_path: Path) -> None:
    """Nothing of it is left in any file; others' lines and the numbers stay."""
    history, (bob, carol) = threads(profile, "bob", "carol")
    bob.write(Progress(50), heard=[line(n, f"verysecret{n}") for n in range(1, 51)])
    carol.write(Progress(1), heard=[line(1, "public")])
    assert history.forget("bob") == 50
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"public" in left
    assert b"verysecret" not in left
    assert history.lines(words="verysecret1") == []
    assert bob.progress() == Progress(50)


def test_what_is_old_and_done_is_forgotten(profile: Profile) -> None:
    """What waits or was not seen stays, however old."""
    history, (bob,) = threads(profile, "bob")
    bob.write(Progress(last_out=3, acked=1), said=[line(1), line(2), line(3)], heard=[line(1)])
    assert history.forget_before(1000 * int(time.time() - 60)) == 0
    assert history.forget_before(1000 * int(time.time() + 60)) == 1
    assert [kept.state.value for kept in history.lines()] == ["queued", "queued", "unread"]


def test_without_history_lines_go_when_they_are_done(profile: Profile) -> None:
    """Delivered or seen; not before."""
    history = profile.history(HERE, keep=False)
    bob = history.thread("bob", KEY)
    heard = bob.write(Progress(1, last_out=2), said=[line(1), line(2)], heard=[line(1, "hello")])
    assert len(history.lines()) == 3
    bob.write(Progress(1, last_out=2, acked=1))
    history.mark_read("bob", heard[0].id)
    assert [kept.text for kept in history.lines()] == ["line 2"]
    assert bob.progress() == Progress(1, last_out=2, acked=1)


def test_a_disk_of_theirs_that_went_back_lacks_what_was_delivered(profile: Profile) -> None:
    """Those lines are called missing there, and nothing else changes."""
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
def test_a_row_that_is_out_of_range_is_repaired(
    profile: Profile, tmp_path: Path, broken: Progress
) -> None:
    """An older version, or a hostile contact through it, may have written such numbers."""
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


def test_an_id_is_known_though_the_history_forgets(profile: Profile) -> None:
    """Of the last thousand lines: deleted, or never kept, they are not taken again."""
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
def test_no_words_break_the_search(profile: Profile, words: str) -> None:
    """Nothing of FTS5's own language is meant, nor a byte that ends a text for C."""
    history, (bob,) = threads(profile, "bob")
    bob.write(Progress(last_out=1), said=[line(1, "one")])
    assert [kept.text for kept in history.lines(words=words)] == ["one"]


@pytest.mark.parametrize("words", [" ", "\0", '"', '" \0'])
def test_no_words_at_all(profile: Profile, words: str) -> None:
    """Said as such."""
    history, _ = threads(profile, "bob")
    with pytest.raises(UsageError, match="no words"):
        history.lines(words=words)
