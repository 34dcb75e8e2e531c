"""Whether a login or a registration proves the identity that it names (PROTOCOL, "Login").

A client signs a value unique to its TLS connection. So a stolen token or password alone is useless,
and so is a login relayed through another machine.
"""

from typing import Any, Final

from p2pchat.net.tls.signing import is_signed_by_identity
from p2pchat.protocol.messages import Login, Message, Reason, Register
from p2pchat.protocol.proofs import MAX_CLOCK_SKEW_S, login_statement
from p2pchat.registry.service.client_session import ClientSession
from p2pchat.registry.service.pending import BlockingJob

UNPROVEN: Final = object()


def why_unproven(
    client_session: ClientSession, request: Register | Login, wall: float
) -> Reason | None:
    """Return why the identity is not proved, as far as known without checking a signature.

    `wall` is the time, in seconds since the epoch. The original listener requires no proof.
    """
    if not client_session.secure:
        return None
    if request.key is None or not request.proof:
        return Reason.BAD_PROOF
    return Reason.BAD_CLOCK if abs(wall - request.at) > MAX_CLOCK_SKEW_S else None


def once_proven(
    client_session: ClientSession, request: Register | Login, refusal: Message, work: BlockingJob
) -> BlockingJob:
    """Return a job that does `work` if the request proves its identity, and else gives the refusal.

    The signature is checked first, so that guessing passwords without the key costs the registry no
    password hash.
    """
    if not client_session.secure:
        return work
    channel, key = client_session.channel, request.key
    assert channel is not None
    assert key is not None
    statement = login_statement(channel, request.username, request.at)

    def check_then_do() -> Any:
        if not is_signed_by_identity(statement, request.proof, key):
            return UNPROVEN
        return work.job()

    def answer(result: Any) -> Message:
        return refusal if result is UNPROVEN else work.then(result)

    return work._replace(job=check_then_do, then=answer)
