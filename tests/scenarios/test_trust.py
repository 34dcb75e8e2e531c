"""Identity: pinned keys, impostors, lying registries, verified and blocked contacts, chats in
clear.
"""

import dataclasses

import pytest

from p2pchat.errors import CallRejected, ContactOffline, NotTrusted, UsageError
from p2pchat.net.loop import Loop
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.protocol.client.events import (
    Called,
    CallerRefused,
    CallFailed,
    ChatStarted,
    LoggedIn,
    LoginFailed,
    TextReceived,
)
from p2pchat.protocol.client.state import Security
from tests.world import ORIGINAL_URL, Person, World

A, B, C = "10.0.0.2", "10.0.0.3", "10.0.0.4"


@pytest.fixture
def world(secure_world: World) -> World:
    """Return a world of the secure dialect."""
    return secure_world


def chat(world: World, caller: Person, callee: Person) -> None:
    caller.node.call(callee.name)
    world.settle()
    if callee.node.called_by:
        callee.node.accept()
    else:  # they are contacts already
        callee.node.call(caller.name)
    world.settle()


def last_failure(person: Person) -> Exception:
    event = person.told()[-1]
    assert isinstance(event, CallFailed), event
    return event.error


def leave(world: World, *people: Person) -> None:
    for person in people:
        person.node.stop()
    world.advance(3)
    for person in people:
        person.told()


def test_first_chat_pins_both_keys(world: World) -> None:
    """The contact is unverified until marked as verified, which then lasts."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    chat(world, alice, bob)
    assert ChatStarted("bob", Security.UNVERIFIED) in alice.told()
    assert alice.node.contacts.get("bob").key == bob.home.identity.public
    assert bob.node.contacts.get("alice").key == alice.home.identity.public
    assert alice.node.contacts.safety_number("bob") == bob.node.contacts.safety_number("alice")
    alice.node.trust.mark_verified("bob")
    state = alice.node.chat("bob")
    assert state is not None
    assert state.security is Security.VERIFIED
    alice.leave()
    bob.leave()
    world.settle()
    bob.told()
    chat(world, alice, bob)
    assert ChatStarted("bob", Security.VERIFIED) in alice.told()
    assert ChatStarted("alice", Security.UNVERIFIED) in bob.told()


def test_nothing_of_a_chat_is_sent_in_clear(world: World) -> None:
    """Neither names nor texts are visible on the wire."""
    seen: list[bytes] = []
    alice, bob = world.person("alice", A), world.person("bob", B)
    for left, right in world.internet.wires:
        for end in (left, right):
            write = end.write
            end.write = lambda d, w=write: (seen.append(d), w(d))  # type: ignore[method-assign,assignment]
    chat(world, alice, bob)
    for left, _ in world.internet.wires[-1:]:
        write = left.write
        left.write = lambda d, w=write: (seen.append(d), w(d))  # type: ignore[method-assign,assignment]
    alice.say("the-secret-text")
    world.settle()
    assert any(isinstance(e, TextReceived) for e in bob.events)
    assert seen
    assert not [d for d in seen if b"the-secret-text" in d or b"alice" in d]


def test_longest_text_arrives_when_escaped(world: World) -> None:
    """64 KiB of characters that JSON must escape arrive."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    chat(world, alice, bob)
    for c in ('"', "\x01", "é"):
        text = c * (65536 // len(c.encode()))
        alice.say(text)
        world.settle()
        event = bob.told()[-1]
        assert isinstance(event, TextReceived)
        assert len(event.text) == len(text)


def test_changed_key_of_a_callee_is_refused(world: World) -> None:
    """Bob returns with a new profile whose key the registry publishes; alice is warned."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    chat(world, alice, bob)
    leave(world, bob)
    alice.told()
    new_bob = world.person("bob", B, home=world.home("bob's new machine"))
    alice.node.call("bob")
    world.settle()
    error = last_failure(alice)
    assert isinstance(error, NotTrusted)
    assert error.exit_code == 10
    assert not [e for e in new_bob.events if isinstance(e, Called)]
    with pytest.raises(UsageError):
        alice.node.contacts.trust("bob")  # not before its number was shown
    number = alice.node.contacts.other_number("bob")
    alice.node.contacts.note_published("bob", b"m" * 32)  # another key meanwhile
    alice.node.contacts.trust("bob")
    assert alice.node.contacts.safety_number("bob") == number
    chat(world, alice, new_bob)
    assert ChatStarted("bob", Security.UNVERIFIED) in alice.told()


def test_changed_key_of_a_caller_is_refused(world: World) -> None:
    """The callee is told of a caller with a changed key, but not asked."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    chat(world, alice, bob)
    bob.leave()
    leave(world, alice)
    bob.told()
    new_alice = world.person("alice", A, home=world.home("alice's new machine"))
    new_alice.node.call("bob")
    world.settle()
    assert isinstance(last_failure(new_alice), CallRejected)
    (refused,) = bob.told()
    assert isinstance(refused, CallerRefused)
    assert "a different key from the one we know" in refused.error.what


def test_verification_ends_only_with_a_new_key(world: World) -> None:
    """Only trusting a new key ends the verification of the old one."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    chat(world, alice, bob)
    with pytest.raises(UsageError):
        alice.node.trust.mark_verified("bob")  # not before the number was shown
    alice.node.contacts.safety_number("bob")
    alice.node.trust.mark_verified("bob")
    with pytest.raises(UsageError):
        alice.node.contacts.trust("bob")
    leave(world, bob)
    world.person("bob", B, home=world.home("bob's new machine"))
    alice.node.call("bob")
    world.settle()
    assert isinstance(last_failure(alice), NotTrusted)
    assert alice.node.contacts.get("bob").verified
    alice.node.contacts.other_number("bob")
    alice.node.contacts.safety_number("bob")
    alice.node.trust.accept_key("bob")
    with pytest.raises(UsageError):
        alice.node.trust.mark_verified("bob")  # the number shown was that of the old key
    assert not alice.node.contacts.get("bob").verified


def test_impostor_is_refused_at_the_first_contact(world: World) -> None:
    """A stranger's key is compared with the one that the registry publishes."""
    world.person("alice", A)
    bob, mallory = world.person("bob", B), world.person("mallory", C, claims="alice")
    mallory.node.call("bob")
    world.settle()
    assert isinstance(last_failure(mallory), CallRejected)
    refused = bob.told()[-1]
    assert isinstance(refused, CallerRefused)
    assert "publishes another key" in refused.error.what
    with pytest.raises(UsageError):
        bob.node.contacts.other_number("alice")  # no key is pinned


def test_impostor_who_answers_for_another_is_refused(world: World) -> None:
    """Another node at bob's address has the wrong key."""
    alice, bob, mallory = (
        world.person("alice", A),
        world.person("bob", B),
        world.person("mallory", C),
    )
    bobs, mallorys = bob.node.address, mallory.node.address
    assert bobs is not None
    assert mallorys is not None
    world.internet.listeners[bobs] = world.internet.listeners[mallorys]
    world.cannot_meet("bob")
    alice.node.call("bob")
    world.settle()
    assert isinstance(last_failure(alice), NotTrusted)
    assert not [e for e in mallory.events if isinstance(e, Called)]


def test_lying_registry_is_found_out_at_a_later_contact(world: World) -> None:
    """A registry that publishes another key for a contact is not believed."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    chat(world, alice, bob)
    alice.leave()
    bob.leave()
    world.advance(PeerLimits().idle_link_timeout + 1)
    alice.told()
    world.lie("bob", b"l" * 32)
    alice.node.call("bob")
    world.settle()
    assert isinstance(last_failure(alice), NotTrusted)
    assert alice.node.contacts.get("bob").key == bob.home.identity.public


def test_user_without_a_published_key_is_not_called(world: World) -> None:
    """Without a key there is no way to authenticate the user."""
    alice, _ = world.person("alice", A), world.person("bob", B)
    world.lie("bob", None)
    alice.node.call("bob")
    world.settle()
    assert isinstance(last_failure(alice), NotTrusted)


def test_blocked_contact_is_rejected(world: World) -> None:
    """A blocked contact is rejected without notice, and can call again once unblocked."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    bob.told()
    bob.node.contacts.block("alice", blocked=True)
    alice.node.call("bob")
    world.settle()
    assert isinstance(last_failure(alice), CallRejected)
    assert bob.told() == []
    bob.node.contacts.block("alice", blocked=False)
    alice.node.call("bob")
    world.settle()
    assert bob.told() == [Called("alice")]


def test_user_of_the_original_listener_is_called_in_clear_on_request_only(world: World) -> None:
    """A chat in clear must be requested, and is marked."""
    alice = world.person("alice", A)
    olga = world.person("olga", B, url=ORIGINAL_URL)
    alice.node.call("olga")
    world.settle()
    error = last_failure(alice)
    assert isinstance(error, NotTrusted)
    assert "only chat in clear" in error.what
    alice.node.call("olga", in_clear=True)
    world.settle()
    olga.node.accept()
    world.settle()
    assert ChatStarted("olga", Security.CLEAR) in alice.told()
    alice.say("hi")
    olga.say("ho")
    world.settle()
    assert TextReceived("alice", "hi") in olga.events
    assert TextReceived("olga", "ho") in alice.events


def test_callers_in_clear_need_permission(world: World) -> None:
    """To callers of the original listener a user is offline unless they allow it."""
    alice = world.person("alice", A)
    olga = world.person("olga", B, url=ORIGINAL_URL)
    olga.node.call("alice")
    world.settle()
    assert isinstance(last_failure(olga), ContactOffline)
    leave(world, alice)
    alice = world.person("alice", A, allow_original=True)
    olga.node.call("alice")
    world.settle()
    alice.node.accept()
    world.settle()
    assert ChatStarted("olga", Security.CLEAR) in alice.told()


def test_new_password_ends_all_other_logins(world: World) -> None:
    """Other logins may belong to a thief."""
    registry_commands = world.registry_commands(C, world.home("alice"))
    registry_commands.register(world.credentials("alice", "password"), "password")
    thief = world.person("alice", A, "password", home=world.home("stolen"))
    assert isinstance(thief.told()[-1], LoggedIn)
    registry_commands.change_password(
        world.credentials("alice", "password"), "password", "new password"
    )
    world.settle()
    (event,) = thief.told()
    assert isinstance(event, LoginFailed)
    assert "logged out from elsewhere" in event.error.what
    assert len(world.presence) == 0


class TestRegistry:
    """How a client knows its registry."""

    def with_fingerprint(self, world: World, fingerprint: str | None) -> RegistryUrl:
        return dataclasses.replace(world.url, fingerprint=fingerprint)

    def test_join_link_pins_the_key(self, world: World) -> None:
        """A registry with another key is refused, and no login is sent to it."""
        wrong = self.with_fingerprint(world, "a" * 52)
        alice = world.person("alice", A, url=wrong)
        (event,) = alice.told()
        assert isinstance(event, LoginFailed)
        assert isinstance(event.error, NotTrusted)
        assert len(world.presence) == 0

    def test_trust_on_first_use_is_reported_and_kept(self, world: World, loop: Loop) -> None:
        """The first key is reported and pinned; a changed one is refused."""
        alice = world.person("alice", A, url=self.with_fingerprint(world, None))
        assert isinstance(alice.told()[-1], LoggedIn)
        assert world.trusted_at_first == [world.url.fingerprint]
        leave(world, alice)
        alice = world.person("alice", A, url=self.with_fingerprint(world, None))
        assert isinstance(alice.told()[-1], LoggedIn)
        assert len(world.trusted_at_first) == 1
        leave(world, alice)
        alice.home.profile.pin_registry(str(world.url), "b" * 52)
        alice = world.person("alice", A, url=self.with_fingerprint(world, None))
        (event,) = alice.told()
        assert isinstance(event, LoginFailed)
        assert isinstance(event.error, NotTrusted)
        assert "join link" in event.error.advice

    def test_registry_vouched_for_must_stay_so(self, world: World) -> None:
        """A registry known through an authority cannot be replaced by one that no
        authority knows.
        """
        world.home("alice").profile.pin_registry(str(world.url), "vouched for by an authority")
        alice = world.person("alice", A, url=self.with_fingerprint(world, None))
        (event,) = alice.told()
        assert isinstance(event, LoginFailed)
        assert isinstance(event.error, NotTrusted)
        assert len(world.presence) == 0

    def test_new_join_link_does_not_replace_the_pinned_key(self, world: World) -> None:
        """Anyone can write a join link, so the user must confirm a new key."""
        world.home("alice").profile.pin_registry(str(world.url), "b" * 52)
        alice = world.person("alice", A)
        (event,) = alice.told()
        assert isinstance(event, LoginFailed)
        assert isinstance(event.error, NotTrusted)
        assert alice.home.profile.pinned_registry(str(world.url)) == "b" * 52
        assert len(world.presence) == 0
