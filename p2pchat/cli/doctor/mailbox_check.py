"""The check of `p2p doctor` whether messages can be left for you, and by you."""

from collections.abc import Iterator

from p2pchat.app.session import UserSession
from p2pchat.cli.report import Finding
from p2pchat.peer.mailbox.sealing import CLASSIC, best_kem
from p2pchat.peer.registry_client.credentials import Credentials


def mailbox_findings(us: UserSession, credentials: Credentials | None) -> Iterator[Finding]:
    """Report the state of the account's mailbox."""
    if credentials is None:
        yield Finding("skip", "mailbox: not tried without a login")
        return
    with us.registry_commands.mailbox(credentials) as (grant, _):
        pass
    if grant is None:
        yield Finding(
            "ok",
            "mailbox: the registry keeps none; messages wait until both people are online",
            advice="its operator can offer it: p2p serve --mailbox SIZE",
        )
        return
    if not us.profile.mailbox(str(us.url), credentials.username).is_on:
        yield Finding("ok", "mailbox: off, as you chose", advice="p2p mailbox on")
        return
    if best_kem() == CLASSIC:
        yield Finding(
            "warn",
            "mailbox: contacts with newer programs can leave messages for you, but you cannot leave"
            " any for them",
            "this machine's OpenSSL lacks ML-KEM, which protects against future quantum computers",
            "install the wheel of cryptography 50 or newer from PyPI",
        )
        return
    if not grant.prekeys:
        yield Finding(
            "ok", "mailbox: contacts can leave messages for you after your next p2p login"
        )
        return
    waiting = "some wait now" if grant.waiting else "none wait now"
    yield Finding("ok", f"mailbox: messages for you are kept for {grant.days} days; {waiting}")
