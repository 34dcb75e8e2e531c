"""What is signed: one statement for each meaning, and no two the same."""

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
def test_a_login_is_of_one_registry_channel_account_and_time(
    one: tuple[str, bytes, str, int], other: tuple[str, bytes, str, int]
) -> None:
    """Whatever is in the names: none can run over into the next field."""
    assert (_login(one) == _login(other)) == (one == other)


@given(NODES, NODES)
def test_a_list_is_of_its_nodes_and_times(
    one: tuple[list[str], int, int], other: tuple[list[str], int, int]
) -> None:
    """The same."""
    statements = [nodes_statement(tuple(nodes), *times) for nodes, *times in (one, other)]
    assert (statements[0] == statements[1]) == (one == other)


def test_a_signature_of_one_kind_is_none_of_the_other() -> None:
    """Each begins with its own label."""
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
def test_lists_have_bounds(nodes: tuple[str, ...], key: bytes, signature: bytes) -> None:
    """A registry that was broken into may send any."""
    with pytest.raises(ValueError, match="too"):
        SignedNodes(nodes, 0, 1, key, signature)
