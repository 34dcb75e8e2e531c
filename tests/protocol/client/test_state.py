"""The state of a node: what is told of a change is enough to know the new one."""

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
def test_a_change_leads_to_the_new_state(old: NodeState, new: NodeState) -> None:
    """Also when it has gone through a codec; equal states have none."""
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


def test_only_what_is_different_is_told() -> None:
    """A chat that has not changed is not said again."""
    chat = ChatState(Security.VERIFIED)
    old = NodeState(chats={"bob": chat, "carol": chat})
    change = change_between(old, NodeState(dnd=True, chats={"bob": chat}))
    assert change == StateChanged(dnd=True, chats={"carol": None})
    assert change_between(old, NodeState(chats={"carol": chat, "bob": chat})) is None
