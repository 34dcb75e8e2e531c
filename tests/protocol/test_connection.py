"""Dialogues: which side may send which message in which state, tested with both ends connected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.errors import LocalProtocolError, RemoteProtocolError
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.messages import (
    AnnouncePort,
    AnnouncePortResult,
    Login,
    LoginResult,
    Logout,
    Message,
    Outcome,
    Presence,
    Register,
    RegisterResult,
    Search,
    SearchResult,
)
from p2pchat.protocol.original import ORIGINAL
from p2pchat.protocol.states import PEER_DIALOGUE, REGISTRY_DIALOGUE, Dialogue, Speaker, State
from p2pchat.protocol.talk import ChatReply, ChatRequest, ChatText, Reply

OK, FAIL = Outcome.OK, Outcome.FAIL
D, L = Speaker.DIALLER, Speaker.LISTENER


def ends(dialogue: Dialogue) -> dict[Speaker, Connection]:
    return {speaker: Connection(dialogue, ORIGINAL, speaker) for speaker in Speaker}


def play(dialogue: Dialogue, script: list[tuple[Speaker, Message]]) -> State:
    """Send the scripted messages between both ends and return the state they share afterwards."""
    connections = ends(dialogue)
    for speaker, message in script:
        data = connections[speaker].send(message)
        assert list(connections[speaker.other].feed(data)) == [message]
    assert connections[D].state is connections[L].state
    return connections[D].state


@pytest.mark.parametrize(
    ("script", "state"),
    [
        ([], State.ANONYMOUS),
        ([(D, Register("a", "p")), (L, RegisterResult(OK))], State.LOGGED_IN),
        ([(D, Register("a", "p")), (L, RegisterResult(FAIL))], State.ANONYMOUS),
        ([(D, Login("a", "p")), (L, LoginResult(FAIL)), (D, Login("a", "q"))], State.LOGGING_IN),
        ([(D, Login("a", "p")), (L, RegisterResult(FAIL))], State.ANONYMOUS),
        ([(D, Search("b")), (L, SearchResult(Presence.OFFLINE))], State.ANONYMOUS),
        (
            [
                (D, Login("a", "p")),
                (L, LoginResult(OK)),
                (D, AnnouncePort(1)),
                (L, AnnouncePortResult(FAIL)),
                (D, AnnouncePort(2)),
                (L, AnnouncePortResult(OK)),
                (D, Search("b")),
                (L, SearchResult(Presence.ONLINE, "::1", 5)),
                (D, Logout()),
            ],
            State.OVER,
        ),
        ([(D, Logout())], State.OVER),
    ],
)
def test_registry_dialogue_reaches_the_expected_state(
    script: list[tuple[Speaker, Message]], state: State
) -> None:
    """The registry dialogue allows each script of PROTOCOL, "client and registry"."""
    assert play(REGISTRY_DIALOGUE, script) is state


@pytest.mark.parametrize(
    ("script", "state"),
    [
        ([(D, ChatRequest("a", 5)), (L, ChatReply(Reply.ACCEPT))], State.TALKING),
        ([(D, ChatRequest("a", 5)), (L, ChatReply(Reply.BUSY))], State.OVER),
        ([(D, ChatRequest("a", 5)), (L, ChatReply(Reply.REJECT))], State.OVER),
        (
            [
                (D, ChatRequest("a", 5)),
                (L, ChatReply(Reply.ACCEPT)),
                (D, ChatText("x")),
                (D, ChatText("y")),
            ],
            State.TALKING,
        ),
        ([(D, ChatText("back"))], State.TALKING),
    ],
)
def test_peer_dialogue_reaches_the_expected_state(
    script: list[tuple[Speaker, Message]], state: State
) -> None:
    """The peer dialogue allows each script of PROTOCOL, "peer and peer"; the connection back
    carries texts only.
    """
    assert play(PEER_DIALOGUE, script) is state


@pytest.mark.parametrize(
    ("dialogue", "script", "message"),
    [
        (REGISTRY_DIALOGUE, [], AnnouncePort(5)),
        (REGISTRY_DIALOGUE, [], LoginResult(OK)),
        (REGISTRY_DIALOGUE, [], ChatText("x")),
        (
            REGISTRY_DIALOGUE,
            [(D, Register("a", "p")), (L, RegisterResult(OK))],
            Register("b", "p"),
        ),
        (REGISTRY_DIALOGUE, [(D, Login("a", "p")), (L, LoginResult(OK))], Login("a", "p")),
        (PEER_DIALOGUE, [], ChatReply(Reply.ACCEPT)),
        (PEER_DIALOGUE, [], Search("x")),
        (
            PEER_DIALOGUE,
            [(D, ChatRequest("a", 5)), (L, ChatReply(Reply.ACCEPT))],
            ChatRequest("a", 5),
        ),
    ],
)
def test_message_out_of_order_is_an_error_at_both_ends(
    dialogue: Dialogue, script: list[tuple[Speaker, Message]], message: Message
) -> None:
    """Sending out of order is a local error; receiving out of order is a remote violation."""
    connections = ends(dialogue)
    for speaker, said in script:
        list(connections[speaker.other].feed(connections[speaker].send(said)))
    with pytest.raises(LocalProtocolError):
        connections[D].send(message)
    with pytest.raises(RemoteProtocolError, match="has no place here"):
        list(connections[L].feed(ORIGINAL.encode(message)))


def test_register_result_cannot_grant_a_login() -> None:
    """`REG_RESP` may refuse a login, as the original registry does, but cannot accept one."""
    dialler = Connection(REGISTRY_DIALOGUE, ORIGINAL, D)
    dialler.send(Login("a", "p"))
    with pytest.raises(RemoteProtocolError, match="cannot say OK"):
        list(dialler.feed(ORIGINAL.encode(RegisterResult(OK))))


def test_pipelined_requests_are_delivered_in_order() -> None:
    """Pipelined requests are delivered one at a time, each after the previous answer."""
    listener = Connection(REGISTRY_DIALOGUE, ORIGINAL, L)
    said = [Login("a", "p"), AnnouncePort(5), Search("b")]
    data = b"".join(map(ORIGINAL.encode, said))
    assert list(listener.feed(data)) == said[:1]
    listener.send(LoginResult(OK))
    assert list(listener.feed(b"")) == said[1:2]
    listener.send(AnnouncePortResult(OK))
    assert list(listener.feed(b"")) == said[2:]
    assert not listener.frames.waiting


def test_immediate_answers_let_a_whole_batch_through() -> None:
    """Sixteen searches received together are delivered in one feed if each is answered at once."""
    listener = Connection(REGISTRY_DIALOGUE, ORIGINAL, L)
    count = 0
    for message in listener.feed(ORIGINAL.encode(Search("b")) * 16):
        assert message == Search("b")
        listener.send(SearchResult(Presence.OFFLINE))
        count += 1
    assert count == 16


def test_bytes_after_logout_are_ignored() -> None:
    """Bytes that follow a LOGOUT are ignored, even if they are malformed."""
    listener = Connection(REGISTRY_DIALOGUE, ORIGINAL, L)
    data = ORIGINAL.encode(Logout()) + b"garbage that is no frame at all"
    assert list(listener.feed(data)) == [Logout()]


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_protocol_errors(data: bytes) -> None:
    """Arbitrary bytes raise nothing but RemoteProtocolError."""
    for dialogue in (REGISTRY_DIALOGUE, PEER_DIALOGUE):
        listener = Connection(dialogue, ORIGINAL, L)
        try:
            for message in listener.feed(data):
                assert isinstance(message, Message)
        except RemoteProtocolError:
            pass


@pytest.mark.parametrize("dialogue", [REGISTRY_DIALOGUE, PEER_DIALOGUE])
def test_every_state_but_the_last_has_one_speaker(dialogue: Dialogue) -> None:
    """No dialogue can get stuck: in each reachable state but the final one, exactly one side may
    send.
    """
    reachable = {dialogue.start}
    for turn in dialogue.turns.values():
        for step in turn.values():
            reachable |= {step} if isinstance(step, State) else set(step.values())
    for state in reachable - {State.OVER}:
        speakers = [speaker for speaker in Speaker if dialogue.turn(state, speaker)]
        assert len(speakers) == 1, state
