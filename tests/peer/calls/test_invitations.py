"""Invitations: what their links say, and that both know each other's key by one."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.errors import NotTrusted, UsageError
from p2pchat.peer.calls.invitations import (
    LIFETIME,
    Invitation,
    is_invitation,
    new_secret,
    parse_invitation,
    pasted_link,
)
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.protocol.client.events import Called, ChatStarted, Joined
from p2pchat.protocol.client.state import Security
from tests.world import Person, World

FINGERPRINT = "a2" * 26
A, B, C = "10.0.0.2", "10.0.0.3", "10.0.0.4"


def _url(host: str = "chat.example.org") -> RegistryUrl:
    return RegistryUrl(host, 7117, 7117, secure=True, fingerprint=FINGERPRINT)


@given(
    st.sampled_from(["chat.example.org", "::1", "10.0.0.1", "fe80::1%eth0"]),
    st.binary(min_size=32, max_size=32),
    st.sampled_from(["", "code", "a-b_C9"]),
)
def test_what_a_link_says_is_read_from_it(host: str, key: bytes, code: str) -> None:
    """All of it."""
    invitation = Invitation(_url(host), "alice", key, new_secret(), code)
    assert is_invitation(invitation.link)
    assert parse_invitation(f" {invitation.link}\n") == invitation
    assert not is_invitation(_url(host).link)


@pytest.mark.parametrize("pasted", ["{}", "p2p join '{}'", " p2p join {} ", '"{}"', "'{}'\n"])
def test_the_whole_line_may_be_pasted(pasted: str) -> None:
    """As p2p invite prints it."""
    link = Invitation(_url(), "alice", b"k" * 32, new_secret()).link
    assert pasted_link(pasted.format(link)) == link


@given(st.data())
def test_a_link_that_was_cut_off_is_none(data: st.DataObject) -> None:
    """Wherever, but for a few characters of the secret, which nobody can miss."""
    link = Invitation(_url(), "alice", b"k" * 32, new_secret()).link
    cut = data.draw(st.integers(0, link.rindex(".") + 15))
    with pytest.raises(UsageError):
        parse_invitation(link[:cut])


@pytest.mark.parametrize(
    "link",
    [
        f"p2p://h/Alice#{FINGERPRINT}.{'a' * 52}.{'s' * 22}",
        f"p2p://h/alice/more#{FINGERPRINT}.{'a' * 52}.{'s' * 22}",
        f"p2p://h/alice#{FINGERPRINT}.{'1' * 52}.{'s' * 22}",
        f"p2p://h/alice#{FINGERPRINT}.{'a' * 40}.{'s' * 22}",
        f"p2p://h/alice#short.{'a' * 52}.{'s' * 22}",
        f"p2p://h/alice?other=1#{FINGERPRINT}.{'a' * 52}.{'s' * 22}",
        f"original://h/alice#{FINGERPRINT}.{'a' * 52}.{'s' * 22}",
        f"p2p://h/alice#{FINGERPRINT}.{'a' * 52}.not a secret",
    ],
)
def test_what_is_no_invitation_is_refused(link: str) -> None:
    """Each part is looked at."""
    with pytest.raises(UsageError):
        parse_invitation(link)


def _trust(person: Person, other: str) -> tuple[bool, bool]:
    contact = person.node.contacts.get(other)
    return contact.verified, contact.invited


def test_both_are_verified_by_one_invitation(secure_world: World) -> None:
    """The friend's first call is accepted, and shows the secret to nobody else."""
    world = secure_world
    alice, bob = world.person("alice", A), world.person("bob", B)
    secret = alice.node.contacts.invite(LIFETIME)
    bob.node.contacts.follow("alice", world.home("alice").identity.public, secret)
    bob.node.call("alice")
    world.settle()
    assert ChatStarted("alice", Security.VERIFIED) in bob.told()
    assert Joined("bob") in alice.told()
    assert _trust(alice, "bob") == _trust(bob, "alice") == (True, True)
    assert bob.node.contacts.get("alice").invitation == ""
    assert alice.node.called_by == []


def test_an_invitation_is_for_one_friend(secure_world: World) -> None:
    """Another one is a stranger; the same one may show it again."""
    world = secure_world
    alice, bob, carol = (world.person(*who) for who in (("alice", A), ("bob", B), ("carol", C)))
    secret = alice.node.contacts.invite(LIFETIME)
    key = world.home("alice").identity.public
    for friend in (bob, carol):
        friend.node.contacts.follow("alice", key, secret)
        friend.node.call("alice")
        world.settle()
    assert _trust(alice, "bob") == (True, True)
    assert _trust(alice, "carol") == (False, False)
    events = alice.told()
    assert Joined("carol") not in events
    assert Called("carol") in events
    assert alice.node.contacts.redeem(secret, "bob", world.home("bob").identity.public)


def test_an_expired_or_a_foreign_one_is_worth_nothing(secure_world: World) -> None:
    """Its bearer is a stranger like others, who is asked about."""
    world = secure_world
    alice, bob = world.person("alice", A), world.person("bob", B)
    for secret in (alice.node.contacts.invite(-1), new_secret()):
        bob.node.contacts.follow("alice", world.home("alice").identity.public, secret)
        bob.node.call("alice")
        world.settle()
        assert Called("bob") in alice.told()
        assert _trust(alice, "bob") == (False, False)
        bob.node.leave("alice")
        world.settle()


def test_a_key_that_is_pinned_is_never_replaced_by_one(secure_world: World) -> None:
    """Not at the friend's, and not at ours."""
    world = secure_world
    alice = world.person("alice", A)
    secret = alice.node.contacts.invite(LIFETIME)
    alice.node.contacts.accept("bob", b"b" * 32)
    assert not alice.node.contacts.redeem(secret, "bob", b"c" * 32)
    assert alice.node.contacts.get("bob").key == b"b" * 32
    with pytest.raises(NotTrusted):
        alice.node.contacts.follow("bob", b"c" * 32, secret)
    assert alice.node.contacts.redeem(secret, "carol", b"c" * 32), "it was not used up"


def test_a_registry_that_publishes_another_key_is_found_out(secure_world: World) -> None:
    """The friend has alice's key from the link: whatever the registry says, it counts."""
    world = secure_world
    world.person("alice", A)
    bob = world.person("bob", B)
    bob.node.contacts.follow("alice", b"x" * 32, new_secret())
    bob.node.call("alice")
    world.settle()
    assert not any(isinstance(event, ChatStarted) for event in bob.told())


def test_comparing_numbers_counts_for_more(secure_world: World) -> None:
    """Who was verified by hand stays so, and who is invited can still be."""
    world = secure_world
    alice = world.person("alice", A)
    contacts = alice.node.contacts
    assert contacts.redeem(contacts.invite(LIFETIME), "bob", b"b" * 32)
    contacts.safety_number("bob")
    contacts.mark_verified("bob")
    assert _trust(alice, "bob") == (True, False)
    assert contacts.redeem(contacts.invite(LIFETIME), "bob", b"b" * 32)
    assert _trust(alice, "bob") == (True, False)


def test_what_is_kept_of_a_secret_gives_it_away_to_nobody(secure_world: World) -> None:
    """A digest of ours; an expired one is forgotten."""
    alice = secure_world.person("alice", A)
    secret = alice.node.contacts.invite(LIFETIME)
    store = secure_world.home("alice").profile.store
    rows = store.rows("SELECT * FROM issued_invitation")
    assert len(rows) == 1
    assert secret not in str(rows)
    assert abs(rows[0][2] - time.time() - LIFETIME) < 60
    alice.node.contacts.invite(-10)
    alice.node.contacts.invite(LIFETIME)
    assert len(store.rows("SELECT * FROM issued_invitation")) == 2
