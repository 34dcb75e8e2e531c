"""The list of a registry's nodes: signed, short-lived, and chosen by the key a client knows."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from p2pchat.net.tls.signing import Signer, is_signed
from p2pchat.protocol.proofs import MAX_NODES, SignedNodes, nodes_statement
from p2pchat.registry.service.node_lists import LIFETIME_S, NodeLists
from tests.fakes import FakeClock

OTHERS = ("p2p://b.example#key", "p2p://a.example#key")


def lists(folder: Path, letter: str, clock: FakeClock) -> NodeLists:
    file = folder / f"{letter}.pem"
    key = Ed25519PrivateKey.from_private_bytes(letter.encode() * 32)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made = NodeLists(clock)
    made.signer = Signer(file)
    return made


def is_good(signed: SignedNodes | None) -> bool:
    assert signed is not None
    statement = nodes_statement(signed.nodes, signed.issued_at, signed.expires_at)
    return is_signed(statement, signed.signature, signed.key)


def test_own_list_is_sorted_and_signed_for_days(tmp_path: Path) -> None:
    """The node's own list is sorted, signed and valid for its lifetime."""
    clock = FakeClock()
    ours = lists(tmp_path, "a", clock)
    ours.others = OTHERS
    own = ours.own
    assert own is not None
    assert own.nodes == tuple(sorted(OTHERS))
    assert (own.issued_at, own.expires_at) == (1000, 1000 + LIFETIME_S)
    assert is_good(own)


def test_empty_list_is_signed(tmp_path: Path) -> None:
    """An empty signed list replaces what a client knew."""
    own = lists(tmp_path, "a", FakeClock()).own
    assert own is not None
    assert own.nodes == ()
    assert is_good(own)


def test_list_is_signed_again_only_when_needed(tmp_path: Path) -> None:
    """The list is signed again if it changed, is an hour old, or the clock was set back."""
    clock = FakeClock()
    ours = lists(tmp_path, "a", clock)
    first = ours.own
    clock.time += 3599
    assert ours.own is first
    clock.time += 1
    second = ours.own
    assert second is not first
    assert is_good(second)
    clock.time -= 1800
    third = ours.own
    assert third is not second
    ours.others = OTHERS
    assert ours.own is not third
    assert is_good(ours.own)


def test_client_gets_the_list_signed_by_the_key_it_knows(tmp_path: Path) -> None:
    """A client gets the list of the node whose key it knows, at any node."""
    clock = FakeClock()
    ours, theirs = (lists(tmp_path, letter, clock) for letter in "ab")
    assert ours.signer is not None
    assert theirs.signer is not None
    assert theirs.own is not None
    ours.learn([theirs.own])
    assert ours.vouched_by("") is ours.own
    assert ours.vouched_by(ours.signer.fingerprint) is ours.own
    assert ours.vouched_by(theirs.signer.fingerprint) is theirs.own
    assert ours.vouched_by("c" * 52) is None
    ours.learn([])
    assert ours.vouched_by(theirs.signer.fingerprint) is None


def test_long_list_is_cut(tmp_path: Path) -> None:
    """If there are more nodes than fit, the list contains as many as possible."""
    ours = lists(tmp_path, "a", FakeClock())
    ours.others = tuple(f"p2p://{n}.example#key" for n in range(MAX_NODES + 1))
    assert ours.own is not None
    assert len(ours.own.nodes) == MAX_NODES


def test_node_without_a_key_signs_nothing() -> None:
    """A node without a secure listener has no key and no list."""
    assert NodeLists(FakeClock()).vouched_by("") is None
