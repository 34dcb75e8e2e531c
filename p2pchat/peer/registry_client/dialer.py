"""Reaches a registry at the first of its machines that answers.

The machines are those that its URL names, and those that it has listed itself. Knows neither
dialects nor keys; see `link`.
"""

import random
import time
from collections.abc import Callable
from typing import Final

from p2pchat.errors import NotTrusted, OnFailed, P2PError, UsageError
from p2pchat.net.address import is_ip, leads_here
from p2pchat.net.endpoints import Closable, Network
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.tls.certificates import fingerprint_of_key
from p2pchat.net.tls.signing import is_signed
from p2pchat.peer.registry_client.link import MachineDialer, OnLink, pinned_key
from p2pchat.peer.registry_client.url import RegistryUrl, parse_registry_url
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.address import Address
from p2pchat.protocol.proofs import SignedNodes, nodes_statement

_LONGEST_BELIEF_S: Final = 30 * 24 * 3600
"""The longest time for which a list of machines is trusted, whatever it says itself."""


class RegistryDialer:
    """Dials the registry of the URL, any number of times.

    `reached` is the machine that answered last; the next dial tries it first.
    `on_first_use(fingerprint)` is called when a key is trusted on first use.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        url: RegistryUrl,
        profile: Profile,
        on_first_use: Callable[[str], None],
    ) -> None:
        self.url = url
        self.reached = url
        self._named = (url, *url.others)
        self._loop = loop
        self._network = network
        self._profile = profile
        self._on_first_use = on_first_use
        self._hangs: RegistryUrl | None = None

    def dial(self, then: OnLink, failed: OnFailed) -> Closable:
        """Call `then` with a link, or `failed` with an error, in a later turn of the loop."""
        told = self._told()
        # In random order, so that the users of a dead machine spread over the others.
        told = random.sample(told, len(told))
        machines: dict[Address, RegistryUrl] = {}
        believed = [*self._named, *told]
        if self.reached not in believed:  # no valid list names it any more
            self.reached = self.url
        for url in (self.reached, *believed):
            machines.setdefault(url.address, url)
        if self._hangs is not None and self._hangs.address in machines:
            machines[self._hangs.address] = machines.pop(self._hangs.address)
        self._hangs = None
        return _Attempt(self, list(machines.values()), then, failed)

    def machine_at(self, relay: str) -> MachineDialer | None:
        """Return a dialer for the machine with that join link; empty: the one that answered last.

        None if it is none of the registry's, so that a registry cannot have us dial anything else.
        """
        if not relay:
            return self.machine(self.reached)
        try:
            named = parse_registry_url(relay)
        except UsageError:
            return None
        for url in self.machines:
            expected = url.fingerprint or pinned_key(url, self._profile)
            if (url.address, expected) == (named.address, named.fingerprint):
                return self.machine(url)
        return None

    def try_others_first(self) -> None:
        """Try the machine that answered last after all others: it hangs."""
        self._hangs = self.reached

    def learn(self, signed: SignedNodes | None, link: Link) -> None:
        """Trust the list of other machines that came with a login on the link, until it expires.

        The list must be signed by the registry's pinned key. A registry that is vouched for by an
        authority has no pinned key; then the list must be signed by the key of a machine of the
        URL, which the authority has checked.
        """
        if signed is None or link.channel is None:
            return
        expected = pinned_key(self.url, self._profile)
        if expected is None and self.reached in self._named:
            expected = link.channel.key
        statement = nodes_statement(signed.nodes, signed.issued_at, signed.expires_at)
        if fingerprint_of_key(signed.key) == expected and is_signed(
            statement, signed.signature, signed.key
        ):
            expires_at = min(signed.expires_at, int(time.time()) + _LONGEST_BELIEF_S)
            self._profile.keep_machines(str(self.url), signed.nodes, signed.issued_at, expires_at)

    def machine(self, url: RegistryUrl, *, from_port: int | None = None) -> MachineDialer:
        """Return a dialer for one machine. Only the keys of machines that the URL names are pinned.

        `from_port`: see Network.dial.
        A remote registry must not send us to our own machine, where it could reach services that
        are closed to it.
        """
        is_named = url in self._named
        is_here = any(_is_here(named.host) for named in self._named)
        return MachineDialer(
            self._loop,
            self._network,
            url,
            self._profile,
            self._on_first_use,
            pins=is_named,
            accepts=None if is_named or is_here else _is_elsewhere,
            from_port=from_port,
        )

    @property
    def machines(self) -> list[RegistryUrl]:
        """All machines: those that the URL names, and those that the registry has listed."""
        machines = {url.address: url for url in (*self._told(), *self._named)}
        return list(machines.values())

    @property
    def other_machine(self) -> RegistryUrl | None:
        """The machine that answered last, if it is not the first one of the URL."""
        return None if self.reached == self.url else self.reached

    def _told(self) -> list[RegistryUrl]:
        told = []
        for text in self._profile.machines(str(self.url)):
            try:
                url = parse_registry_url(text)
            except UsageError:
                continue  # one invalid entry does not invalidate the rest
            if url.secure and url.fingerprint:  # never in clear, and never without a known key
                told.append(url)
        return told


def _is_here(host: str) -> bool:
    return host == "localhost" or (is_ip(host) and leads_here(host))


def _is_elsewhere(ip_address: str) -> bool:
    return not leads_here(ip_address)


class _Attempt:
    """One round through the machines.

    If all fail, the first error is reported, or the last one that is NotTrusted.
    """

    def __init__(
        self, dialer: RegistryDialer, machines: list[RegistryUrl], then: OnLink, failed: OnFailed
    ) -> None:
        self._dialer = dialer
        self._left = machines
        self._then = then
        self._failed = failed
        self._why: P2PError | None = None
        self._dial = self._next()

    def close(self) -> None:
        """Abandon the attempt; a link that was handed over stays open."""
        self._dial.close()

    def _next(self) -> Closable:
        url = self._left.pop(0)

        def reached(link: Link) -> None:
            self._dialer.reached = url
            self._then(link)

        def not_reached(error: P2PError) -> None:
            if self._why is None or isinstance(error, NotTrusted):
                self._why = error
            # A changed key at the first machine of the URL ends the attempt.
            if not self._left or (isinstance(error, NotTrusted) and url == self._dialer.url):
                self._failed(self._why)
            else:
                self._dial = self._next()

        return self._dialer.machine(url).dial(reached, not_reached)
