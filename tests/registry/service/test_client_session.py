"""Who is at the other end, as the decisions see them."""

from p2pchat.registry.service.client_session import Visitor


def test_a_visitor_counts_by_its_group_and_is_nobody_yet() -> None:
    """Until a login."""
    visitor = Visitor("2001:db8:1:2::5", lambda _: None, lambda _: None)
    assert visitor.group == "2001:db8:1:2::/64"
    assert (visitor.username, visitor.online_session, visitor.gone) == (None, None, False)
