"""A node's state can be rebuilt from the changes that it sends."""

from hypothesis import given
from hypothesis import strategies as st

from p2pchat.protocol.client.messages import CONTROL
from p2pchat.protocol.client.state import (
    ChatState,
    NodeState,
    Security,
    SessionState,
    StateChanged,
    change_between,
    changed,
)
from p2pchat.protocol.framing import Caps, FrameReader

NAMES = st.sampled_from(["alice", "bob", "carol"])
CHATS = st.builds(ChatState, st.sampled_from(Security), st.integers(0, 3), st.booleans())
STATES = st.builds(
    NodeState,
    standing=st.sampled_from(SessionState),
    retry_at=st.none() | st.just(2.5),
    calling=st.none() | NAMES,
    requests=st.lists(NAMES, max_size=2).map(tuple),
    online=st.lists(NAMES, max_size=2).map(tuple),
    muted=st.frozensets(NAMES),
    dnd=st.booleans(),
    away=st.booleans(),
    chats=st.dictionaries(NAMES, CHATS),
)


@given(STATES, STATES)
def test_applying_a_change_yields_the_new_state(old: NodeState, new: NodeState) -> None:
    """Applying an encoded or plain change yields the new state; equal states need no change."""
    change = change_between(old, new)
    if change is None:
        assert old == new
        return
    reader = FrameReader()
    reader.push(CONTROL.encode(change))
    frame = reader.pull(Caps(CONTROL.limits([StateChanged])))
    assert frame is not None
    heard = CONTROL.decode(frame)
    assert isinstance(heard, StateChanged)
    assert changed(old, heard) == changed(old, change) == new


def test_change_contains_only_differences() -> None:
    """A chat that has not changed is left out of the change."""
    chat = ChatState(Security.VERIFIED)
    old = NodeState(chats={"bob": chat, "carol": chat})
    change = change_between(old, NodeState(dnd=True, chats={"bob": chat}))
    assert change == StateChanged(dnd=True, chats={"carol": None})
    assert change_between(old, NodeState(chats={"carol": chat, "bob": chat})) is None
