"""Who is at the other end, as the decisions see them."""

from p2pchat.registry.service.client_session import ClientSession


def test_a_visitor_counts_by_its_group_and_is_nobody_yet() -> None:
    """Until a login."""
    client_session = ClientSession("2001:db8:1:2::5", lambda _: None, lambda _: None)
    assert client_session.group == "2001:db8:1:2::/64"
    assert (client_session.username, client_session.online_session, client_session.gone) == (
        None,
        None,
        False,
    )
