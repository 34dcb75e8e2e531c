"""A client session as the service sees it."""

from p2pchat.protocol.address import Address
from p2pchat.registry.service.client_session import ClientSession


def test_new_session_is_anonymous_and_grouped_by_network() -> None:
    """Before a login, a session has no user and counts by its network."""
    client_session = ClientSession(Address("2001:db8:1:2::5", 1), lambda _: None, lambda _: None)
    assert client_session.group == "2001:db8:1:2::/64"
    assert (client_session.username, client_session.online_session, client_session.gone) == (
        None,
        None,
        False,
    )
