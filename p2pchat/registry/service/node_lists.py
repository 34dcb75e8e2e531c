"""Signed lists of a registry's nodes, by which clients learn of other nodes.

A client has pinned the key of one node. Wherever it logs in, it receives the list signed by that
node. Knows no database: the lists of others are passed in.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from p2pchat.net.tls.certificates import fingerprint_of_key
from p2pchat.net.tls.signing import Signer
from p2pchat.protocol.proofs import MAX_NODES, SignedNodes, nodes_statement

LIFETIME_S: Final = 7 * 24 * 3600
"""How long clients trust a list, so that a compromised node cannot mislead them for ever."""

_RENEWAL_S: Final = 3600


class NodeLists:
    """Our signed list, renewed when it changes or is an hour old, and those of other nodes.

    Set `signer` once the certificate is known; without it there are no lists. `wall` returns
    seconds since the epoch.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._own: SignedNodes | None = None
        self._foreign: dict[str, SignedNodes] = {}
        self.signer: Signer | None = None
        self.others: tuple[str, ...] = ()
        """The join links of the other nodes that are up."""

    @property
    def own(self) -> SignedNodes | None:
        """Return the list of the other nodes, signed by our key."""
        signer, own, now = self.signer, self._own, int(self._wall())
        if signer is None:
            return None
        nodes = tuple(sorted(self.others)[:MAX_NODES])
        if (
            own is None
            or own.nodes != nodes
            or own.key != signer.public
            or not 0 <= now - own.issued_at < _RENEWAL_S
        ):
            signature = signer.sign(nodes_statement(nodes, now, now + LIFETIME_S))
            own = SignedNodes(nodes, now, now + LIFETIME_S, signer.public, signature)
            self._own = own
        return own

    def learn(self, lists: Iterable[SignedNodes]) -> None:
        """Replace the known lists of other nodes."""
        self._foreign = {fingerprint_of_key(found.key): found for found in lists}

    def vouched_by(self, fingerprint: str) -> SignedNodes | None:
        """Return the list signed by the key with that fingerprint; "" means our own key."""
        if self.signer is None or fingerprint in {"", self.signer.fingerprint}:
            return self.own
        return self._foreign.get(fingerprint)
