"""Contacts: whose key is whose, how far it is trusted, who is blocked or muted."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.errors import NoSuchUser, NotTrusted, UsageError
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.client.state import Security
from p2pchat.protocol.messages import Presence, SearchResult

OURS, THEIRS, OTHER = b"o" * 32, b"t" * 32, b"x" * 32
SECURE = "p2p://registry"


@pytest.fixture
def profile(tmp_path: Path) -> Iterator[Profile]:
    with closing(Profile(tmp_path / "profile.sqlite3")) as profile:
        yield profile


@pytest.fixture
def contacts(profile: Profile) -> Contacts:
    return Contacts(profile, SECURE, OURS)


def found(key: bytes | None, *, in_clear: bool = False) -> SearchResult:
    return SearchResult(Presence.ONLINE, "10.0.0.3", 5, key=key, in_clear=in_clear)


def test_first_key_is_pinned(contacts: Contacts) -> None:
    """The first key of a contact is pinned; a different one is refused and remembered."""
    assert contacts.meet("bob", found(THEIRS)) == THEIRS
    assert contacts.get("bob").key == THEIRS
    with pytest.raises(NotTrusted):
        contacts.meet("bob", found(OTHER))
    assert contacts.get("bob").key == THEIRS
    assert contacts.get("bob").other_key == OTHER
    assert contacts.key_to_call("bob", None) == THEIRS


def test_user_without_a_key_is_not_added(contacts: Contacts) -> None:
    """A user who does not exist, uses the original dialect or has no key yet is not added."""
    with pytest.raises(NoSuchUser):
        contacts.meet("bob", SearchResult(Presence.NOT_FOUND))
    with pytest.raises(NotTrusted, match="only chat in clear"):
        contacts.meet("bob", found(None, in_clear=True))
    with pytest.raises(NotTrusted, match="knows no key"):
        contacts.meet("bob", found(None))
    assert contacts.all() == []


def test_other_key_is_trusted_after_its_number_was_shown(contacts: Contacts) -> None:
    """Trusting accepts exactly the key whose number was shown, and makes the contact unverified."""
    contacts.accept("bob", THEIRS)
    contacts.safety_number("bob")
    contacts.mark_verified("bob")
    assert contacts.security("bob") is Security.VERIFIED
    with pytest.raises(UsageError, match="look at the number"):
        contacts.trust("bob")
    with pytest.raises(UsageError, match="no other key"):
        contacts.other_number("bob")
    contacts.note_published("bob", OTHER)
    contacts.other_number("bob")
    contacts.note_published("bob", b"y" * 32)
    contacts.trust("bob")
    assert contacts.get("bob").key == OTHER
    assert contacts.security("bob") is Security.UNVERIFIED


def test_verification_applies_to_the_key_that_was_shown(contacts: Contacts) -> None:
    """A contact cannot be marked verified if the key has changed since its number was shown."""
    contacts.accept("bob", THEIRS)
    contacts.safety_number("bob")
    contacts.note_published("bob", OTHER)
    contacts.other_number("bob")
    contacts.trust("bob")
    with pytest.raises(UsageError, match="look at the safety number"):
        contacts.mark_verified("bob")


def test_impostor_is_refused(contacts: Contacts) -> None:
    """A caller with a key other than the pinned one is refused."""
    contacts.accept("bob", THEIRS)
    with pytest.raises(NotTrusted):
        contacts.accept("bob", OTHER)
    with pytest.raises(NotTrusted):
        contacts.follow("bob", OTHER, "secret")


def test_blocked_and_muted_contacts_are_listed(contacts: Contacts) -> None:
    """A blocked or muted contact is listed; a name that was only looked up is not."""
    contacts.note("carol")
    with pytest.raises(UsageError, match="no contact dave"):
        contacts.mute("dave", 60)
    assert [c.username for c in contacts.all()] == []
    contacts.mute("carol", 60)
    contacts.block("eve", blocked=True)
    assert [c.username for c in contacts.all()] == ["carol", "eve"]
    assert contacts.is_muted("carol")
    contacts.mute("carol", 0)
    contacts.block("eve", blocked=False)
    assert not contacts.is_muted("carol")
    assert not contacts.get("eve").blocked


def test_verification_hint_is_due_once_a_day(contacts: Contacts, profile: Profile) -> None:
    """The hint to verify is due once a day, and never for a verified contact."""
    contacts.accept("bob", THEIRS)
    assert [contacts.is_to_be_hinted("bob") for _ in range(2)] == [True, False]
    a_day_ago = contacts.get("bob").hinted_at - 24 * 3600
    profile.keep_contact(SECURE, contacts.get("bob")._replace(hinted_at=a_day_ago))
    assert contacts.is_to_be_hinted("bob")
    contacts.safety_number("bob")
    contacts.mark_verified("bob")
    profile.keep_contact(SECURE, contacts.get("bob")._replace(hinted_at=0))
    assert not contacts.is_to_be_hinted("bob")


def test_invitation_makes_one_verified_contact(contacts: Contacts) -> None:
    """An invitation verifies the first contact who redeems it, and no other."""
    secret = contacts.invite(60)
    assert contacts.redeem(secret, "bob", THEIRS)
    assert contacts.get("bob").verified
    assert contacts.get("bob").accepted
    assert not contacts.redeem(secret, "carol", OTHER)
    assert not contacts.redeem("another secret", "carol", OTHER)
    assert contacts.get("carol").key is None


def test_mistyped_name_gets_a_suggestion(contacts: Contacts) -> None:
    """An unknown name gets a suggestion from the known ones, if one is similar."""
    contacts.note("bob")
    assert contacts.no_such_user("bobb").likely == "did you mean bob?"
    assert contacts.no_such_user("zzz").likely == ""
