"""Whether a login or a registration proves the identity that it names (PROTOCOL, "Login").

A client signs what is unique to its TLS connection, so that a token or a password alone is useless
to a thief, and so is a login that passes through another machine.
"""

from typing import Any, Final

from p2pchat.net.tls.signing import is_signed_by_identity
from p2pchat.protocol.messages import Login, Message, Reason, Register
from p2pchat.protocol.proofs import MAX_CLOCK_SKEW_S, login_statement
from p2pchat.registry.service.client_session import ClientSession
from p2pchat.registry.service.pending import BlockingJob

_UNPROVEN: Final = object()


def why_unproven(
    client_session: ClientSession, request: Register | Login, wall: float
) -> Reason | None:
    """Return why the identity is not proved, as far as can be told without checking a signature.

    `wall` is the time, in seconds since the epoch. At the original listener nothing is proved.
    """
    if not client_session.secure:
        return None
    if request.key is None or not request.proof:
        return Reason.BAD_PROOF
    return Reason.BAD_CLOCK if abs(wall - request.at) > MAX_CLOCK_SKEW_S else None


def once_proven(
    client_session: ClientSession, request: Register | Login, refusal: Message, work: BlockingJob
) -> BlockingJob:
    """Return work that is done if the request proves its identity, else leads to the refusal.

    The signature is checked before the work, so that a guess at a password without one costs the
    registry no hash.
    """
    if not client_session.secure:
        return work
    channel, key = client_session.channel, request.key
    assert channel is not None
    assert key is not None
    statement = login_statement(channel, request.username, request.at)

    def check_then_do() -> Any:
        if not is_signed_by_identity(statement, request.proof, key):
            return _UNPROVEN
        return work.job()

    def answer(result: Any) -> Message:
        return refusal if result is _UNPROVEN else work.then(result)

    return work._replace(job=check_then_do, then=answer)
