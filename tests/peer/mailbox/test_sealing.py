"""Sealed runs can be opened by their receiver alone, and only as what they are."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from p2pchat.errors import NotTrusted, RemoteProtocolError
from p2pchat.peer.mailbox.sealing import (
    CLASSIC,
    HYBRID,
    NoKem,
    PrivatePrekey,
    best_kem,
    check_prekey,
    new_prekey,
    open_run,
    seal,
)
from p2pchat.peer.store.identity import Identity, load_identity
from p2pchat.protocol.prekeys import Prekey
from p2pchat.protocol.sealed import PADDED, SEALED_SIZES, Position, Run, encode_run, run_statement
from p2pchat.protocol.talk import ChatText

REGISTRY = b"r" * 16
NOW = 2_000_000_000
EXPIRES = NOW + 28 * 86400


class People:
    """Alice, who seals, bob, who opens, and eve."""

    def __init__(self, folder: Path) -> None:
        self.alice, self.bob, self.eve = (
            load_identity(folder / f"{name}.pem") for name in ("alice", "bob", "eve")
        )

    def run(self, *texts: str) -> Run:
        """Return a run of alice's lines."""
        lines = tuple(ChatText(text, n, f"id{n}", 1) for n, text in enumerate(texts, 1))
        return Run("alice", self.alice.public, Position(), Position(), 1, lines)


@pytest.fixture
def people(tmp_path: Path) -> People:
    tmp_path.chmod(0o700)
    return People(tmp_path)


def prekey_of(owner: Identity, kem: str = HYBRID) -> tuple[Prekey, PrivatePrekey]:
    return new_prekey(owner, REGISTRY, "bob", kem, EXPIRES, one_time=True)


@pytest.mark.parametrize("kem", [HYBRID, CLASSIC])
def test_receiver_opens_what_was_sealed(people: People, kem: str) -> None:
    """Every field, signed; the size is that of the padding and a little more."""
    prekey, private = prekey_of(people.bob, kem)
    box = check_prekey(prekey, REGISTRY, "bob", people.bob.public, NOW)
    run = people.run("hello", "again")
    sealed = seal(run, people.alice, box, prekey)
    assert len(sealed) in SEALED_SIZES
    assert PADDED[0] < len(sealed) < PADDED[1]
    opened = open_run(sealed, box, private)
    assert opened == run
    assert b"hello" not in sealed


def test_largest_run_fits_into_a_message(people: People) -> None:
    """A line of 64 KiB, to a hybrid prekey."""
    prekey, private = prekey_of(people.bob)
    box = check_prekey(prekey, REGISTRY, "bob", people.bob.public, NOW)
    sealed = seal(people.run("x" * 65536), people.alice, box, prekey)
    assert len(sealed) == max(SEALED_SIZES)
    assert len(open_run(sealed, box, private).lines[0].text) == 65536


def test_prekey_must_be_signed_by_the_pinned_key(people: People) -> None:
    """The registry can put in no other one, nor change anything of one."""
    prekey, _ = prekey_of(people.eve)
    with pytest.raises(NotTrusted):
        check_prekey(prekey, REGISTRY, "bob", people.bob.public, NOW)
    prekey, _ = prekey_of(people.bob)
    check_prekey(prekey, REGISTRY, "bob", people.bob.public, NOW)
    for changed in (
        replace(prekey, number=b"x" * 8),
        replace(prekey, kem=CLASSIC),
        replace(prekey, public=prekey.public[::-1]),
        replace(prekey, expires_at=EXPIRES + 1),
        replace(prekey, one_time=False),
    ):
        with pytest.raises(NotTrusted):
            check_prekey(changed, REGISTRY, "bob", people.bob.public, NOW)
    for registry, username, key in (
        (b"x" * 16, "bob", people.bob.public),
        (REGISTRY, "eve", people.bob.public),
        (REGISTRY, "bob", people.eve.public),
    ):
        with pytest.raises(NotTrusted):
            check_prekey(prekey, registry, username, key, NOW)


def test_who_cannot_open_a_run(people: People) -> None:
    """Another prekey's owner, the wrong prekey, another box, changed bytes."""
    prekey, private = prekey_of(people.bob)
    _, other = prekey_of(people.bob)
    box = check_prekey(prekey, REGISTRY, "bob", people.bob.public, NOW)
    sealed = seal(people.run("hello"), people.alice, box, prekey)
    for wrong_box, wrong_private, wrong_bytes in (
        (box, other, sealed),
        (replace(box, username="eve"), private, sealed),
        (replace(box, key=people.eve.public), private, sealed),
        (replace(box, number=b"x" * 8), private, sealed),
        (replace(box, registry=b"x" * 16), private, sealed),
        (box, private, sealed[:-1]),
        (box, private, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (box, private, b""),
        (box, PrivatePrekey(private.number, CLASSIC, private.seed[:32]), sealed),
    ):
        with pytest.raises(RemoteProtocolError):
            open_run(wrong_bytes, wrong_box, wrong_private)
    with pytest.raises(NoKem):  # another machine may still open it
        open_run(sealed, box, PrivatePrekey(private.number, "ROT13", b""))


def test_run_must_be_signed_by_the_key_that_it_names(people: People) -> None:
    """Eve cannot seal a run in alice's name, nor pass on one that alice has sealed for her."""
    prekey, private = prekey_of(people.bob)
    box = check_prekey(prekey, REGISTRY, "bob", people.bob.public, NOW)
    with pytest.raises(RemoteProtocolError, match="not signed"):
        open_run(seal(people.run("forged"), people.eve, box, prekey), box, private)

    hers, her_private = new_prekey(people.eve, REGISTRY, "eve", HYBRID, EXPIRES, one_time=True)
    her_box = check_prekey(hers, REGISTRY, "eve", people.eve.public, NOW)
    opened = open_run(
        seal(people.run("for eve"), people.alice, her_box, hers), her_box, her_private
    )

    class NoSigner(Identity):
        def sign(self, _: bytes) -> bytes:
            return people.alice.sign(run_statement(her_box, encode_run(opened)))

    with pytest.raises(RemoteProtocolError, match="not signed"):
        open_run(seal(opened, NoSigner(people.eve.key), box, prekey), box, private)


@pytest.mark.parametrize("late", [0, 40 * 86400])
def test_old_prekeys_are_refused(people: People, late: int) -> None:
    """A registry cannot hand out one for ever, perhaps one whose private part was stolen."""
    prekey, _ = prekey_of(people.bob)
    with pytest.raises(NotTrusted):
        check_prekey(prekey, REGISTRY, "bob", people.bob.public, EXPIRES + late)
    far, _ = new_prekey(people.bob, REGISTRY, "bob", HYBRID, NOW + 90 * 86400, one_time=False)
    with pytest.raises(NotTrusted):
        check_prekey(far, REGISTRY, "bob", people.bob.public, NOW)


def test_prekeys_that_nobody_can_use(people: People) -> None:
    """A contact may have signed nonsense, or use what this machine lacks."""
    prekey, _ = prekey_of(people.bob)
    box = check_prekey(prekey, REGISTRY, "bob", people.bob.public, NOW)
    for nonsense in (
        replace(prekey, kem="ROT13"),
        replace(prekey, public=b"short"),
        replace(prekey, kem=CLASSIC),
        replace(prekey, public=prekey.public + b"x"),
        replace(prekey, public=prekey.public[:1184] + bytes(32)),
        replace(prekey, kem=CLASSIC, public=bytes(32)),
    ):
        with pytest.raises(NoKem):
            seal(people.run("hello"), people.alice, box, nonsense)


def test_numbers_are_chosen_at_random(people: People) -> None:
    """A counter would give one number to two keys once a disk was restored."""
    assert len({prekey_of(people.bob)[0].number for _ in range(20)}) == 20
    assert best_kem() == HYBRID  # the wheels of cryptography have it
