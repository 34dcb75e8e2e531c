"""Signed statements: each meaning has its own bytes, and no two meanings share them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.protocol.proofs import (
    MAX_KEY_BYTES,
    MAX_NODE_LINK,
    MAX_NODES,
    Channel,
    SignedNodes,
    login_statement,
    nodes_statement,
)

LOGINS = st.tuples(st.text(max_size=4), st.binary(max_size=4), st.text(max_size=4), st.integers())
NODES = st.tuples(st.lists(st.text(max_size=4), max_size=3), st.integers(), st.integers())


def _login(said: tuple[str, bytes, str, int]) -> bytes:
    key, binding, username, at = said
    return login_statement(Channel(key, binding), username, at)


@given(LOGINS, LOGINS)
def test_login_statement_is_unique_to_its_fields(
    one: tuple[str, bytes, str, int], other: tuple[str, bytes, str, int]
) -> None:
    """Two login statements are equal only if key, channel, username and time are equal."""
    assert (_login(one) == _login(other)) == (one == other)


@given(NODES, NODES)
def test_node_list_statement_is_unique_to_its_fields(
    one: tuple[list[str], int, int], other: tuple[list[str], int, int]
) -> None:
    """Two node list statements are equal only if the nodes and times are equal."""
    statements = [nodes_statement(tuple(nodes), *times) for nodes, *times in (one, other)]
    assert (statements[0] == statements[1]) == (one == other)


def test_statement_kinds_have_different_labels() -> None:
    """Each kind of statement begins with its own label, so a signature of one is invalid for the
    other.
    """
    labels = {
        statement.partition(b"\0")[0]
        for statement in (login_statement(Channel("", b""), "", 0), nodes_statement((), 0, 0))
    }
    assert labels == {b"p2pchat login 1", b"p2pchat nodes 1"}


@pytest.mark.parametrize(
    ("nodes", "key", "signature"),
    [
        (("p2p://a#k",) * (MAX_NODES + 1), b"k", b"s"),
        (("x" * (MAX_NODE_LINK + 1),), b"k", b"s"),
        ((), b"k" * (MAX_KEY_BYTES + 1), b"s"),
        ((), b"k", b"s" * 1025),
    ],
)
def test_node_lists_have_bounds(nodes: tuple[str, ...], key: bytes, signature: bytes) -> None:
    """A node list from a compromised registry is limited in every field."""
    with pytest.raises(ValueError, match="too"):
        SignedNodes(nodes, 0, 1, key, signature)
