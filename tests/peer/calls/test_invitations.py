"""Invitations: the parts of their links, and how both sides learn each other's key."""

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
def test_link_survives_a_round_trip(host: str, key: bytes, code: str) -> None:
    """Every part of an invitation is read back from its link."""
    invitation = Invitation(_url(host), "alice", key, new_secret(), code)
    assert is_invitation(invitation.link)
    assert parse_invitation(f" {invitation.link}\n") == invitation
    assert not is_invitation(_url(host).link)


@pytest.mark.parametrize("pasted", ["{}", "p2p join '{}'", " p2p join {} ", '"{}"', "'{}'\n"])
def test_whole_command_line_may_be_pasted(pasted: str) -> None:
    """A link is found within the command line that `p2p invite` prints."""
    link = Invitation(_url(), "alice", b"k" * 32, new_secret()).link
    assert pasted_link(pasted.format(link)) == link


@given(st.data())
def test_truncated_link_is_refused(data: st.DataObject) -> None:
    """A truncated link is refused, except if only a few characters of the secret are missing."""
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
def test_malformed_invitation_is_refused(link: str) -> None:
    """An invitation with any malformed part is refused."""
    with pytest.raises(UsageError):
        parse_invitation(link)


def _trust(person: Person, other: str) -> tuple[bool, bool]:
    contact = person.node.contacts.get(other)
    return contact.verified, contact.invited


def test_invitation_verifies_both_sides(secure_world: World) -> None:
    """The invited contact's first call is accepted, and both contacts are verified."""
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


def test_invitation_is_for_one_contact(secure_world: World) -> None:
    """An invitation works for one contact only, who may show it again."""
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


def test_expired_or_foreign_invitation_is_ignored(secure_world: World) -> None:
    """The caller with an expired or foreign invitation is treated like any stranger."""
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


def test_invitation_never_replaces_a_pinned_key(secure_world: World) -> None:
    """An invitation replaces a pinned key neither here nor at the invited contact."""
    world = secure_world
    alice = world.person("alice", A)
    secret = alice.node.contacts.invite(LIFETIME)
    alice.node.contacts.accept("bob", b"b" * 32)
    assert not alice.node.contacts.redeem(secret, "bob", b"c" * 32)
    assert alice.node.contacts.get("bob").key == b"b" * 32
    with pytest.raises(NotTrusted):
        alice.node.contacts.follow("bob", b"c" * 32, secret)
    assert alice.node.contacts.redeem(secret, "carol", b"c" * 32), "it was not used up"


def test_key_in_the_link_overrides_the_registry(secure_world: World) -> None:
    """The key in the link is expected, so a registry that publishes another key is found out."""
    world = secure_world
    world.person("alice", A)
    bob = world.person("bob", B)
    bob.node.contacts.follow("alice", b"x" * 32, new_secret())
    bob.node.call("alice")
    world.settle()
    assert not any(isinstance(event, ChatStarted) for event in bob.told())


def test_manual_verification_outranks_an_invitation(secure_world: World) -> None:
    """A contact verified by hand stays so, and an invited one can still be verified by hand."""
    world = secure_world
    alice = world.person("alice", A)
    contacts = alice.node.contacts
    assert contacts.redeem(contacts.invite(LIFETIME), "bob", b"b" * 32)
    contacts.safety_number("bob")
    contacts.mark_verified("bob")
    assert _trust(alice, "bob") == (True, False)
    assert contacts.redeem(contacts.invite(LIFETIME), "bob", b"b" * 32)
    assert _trust(alice, "bob") == (True, False)


def test_only_a_digest_of_the_secret_is_stored(secure_world: World) -> None:
    """The profile stores a digest of the secret and deletes expired invitations."""
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
