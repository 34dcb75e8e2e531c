"""The checks of `p2p doctor`, in order: this machine, the registry, our node, our own listener.

Later checks use what earlier ones found. The network probes are in `peer.probes`.
"""

import datetime as dt
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from p2pchat.app.node_options import configured
from p2pchat.app.running_node import running_node
from p2pchat.app.session import UserSession, open_session
from p2pchat.app.settings import Settings
from p2pchat.callbacks import ignore
from p2pchat.cli.doctor.local_checks import clock, files, profile, versions
from p2pchat.cli.doctor.mailbox_check import mailbox_findings
from p2pchat.cli.doctor.reach_checks import ReachChecks
from p2pchat.cli.report import Check, Finding, Report, wrong
from p2pchat.errors import LinkLost, P2PError, StorageError, TimedOut, Unreachable
from p2pchat.net.address import is_loopback, with_zone_of
from p2pchat.net.tls.certificates import fingerprint, lifetime
from p2pchat.peer.calls.listen_address import reachable_by
from p2pchat.peer.registry_client.credentials import Credentials
from p2pchat.peer.registry_client.link import BY_AUTHORITY, due_key
from p2pchat.peer.registry_client.probes import Probes
from p2pchat.peer.registry_client.url import RegistryUrl, parse_registry_url
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.orders import GetStatus, Search
from p2pchat.protocol.client.state import SessionState
from p2pchat.protocol.meeting import CAN_MEET
from p2pchat.protocol.messages import Outcome, Presence, Reason

_OUTSIDE: Final = "if a NAT or firewall blocks calls from outside, links are punched or relayed"


def check_up(
    settings: Settings,
    registry: str | None,
    me: str | None,
    peer_port: int,
    timeout: float,
    *,
    as_json: bool,
) -> int:
    """Run all checks and print the findings; return the exit code. Raise UsageError."""
    parse_registry_url(registry or settings.registry)
    report = Report(as_json=as_json)
    report.look("versions", versions)
    if settings.trouble is not None:
        report.tell("settings", wrong(settings.trouble))
    report.look("files", partial(files, settings))
    if report.exit_code:
        report.tell("profile", Finding("skip", "profile: not opened, see above"))
    else:
        report.look("profile", partial(profile, settings))
    with ExitStack() as stack:
        try:
            us = stack.enter_context(open_session(settings, registry))
            _ = us.identity
        except StorageError as error:
            if not report.exit_code:
                report.tell("profile", wrong(error))
            us = stack.enter_context(_without_profile(settings, registry))
        for name, look in _Checkup(settings, us, me, peer_port, timeout).looks.items():
            report.look(name, look)
    return report.exit_code


@contextmanager
def _without_profile(settings: Settings, registry: str | None) -> Iterator[UserSession]:
    """Yield a session with an empty profile, for the checks that are possible without one."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="p2p-")
    except OSError as error:
        raise StorageError(f"cannot create a temporary folder: {error.strerror}") from error
    empty = replace(settings, data_home=Path(folder.name) / "profile")
    with folder, open_session(empty, registry) as us:
        yield us


class _Checkup:
    """The checks of one registry and their findings so far."""

    def __init__(
        self, settings: Settings, us: UserSession, me: str | None, peer_port: int, timeout: float
    ) -> None:
        self._settings = settings
        self._us = us
        self._me = us.named(me) if me else us.profile.last_account(str(us.url))
        self._peer_port = peer_port
        self._timeout = timeout
        self._probes = Probes(us.loop, us.network, timeout)
        us.registry_commands.patience = timeout
        self._reach = ReachChecks(us, self._probes, configured(settings).reach)
        self._url: RegistryUrl | None = None
        """The first machine of the registry that could be reached."""
        self._is_trusted = False
        self._credentials: Credentials | None = None
        """The credentials that the registry accepted."""
        self._local_host = ""
        """Our own address on the route to the registry."""
        self._offered: Address | None = None
        """The address that contacts are given; port 0 if no node is running."""
        self._node_is_online = False
        self._is_hidden = configured(settings).reach.is_hidden

    @property
    def looks(self) -> dict[str, Check]:
        """The checks, in the order of their dependencies."""
        looks: dict[str, Check] = {
            "registry": self._registry,
            "certificate": self._certificate,
            "clock": partial(clock, self._settings),
            "login": self._login,
            "heartbeat": self._heartbeat,
            "machines": lambda: self._reach.machines(self._url),
            "nat": lambda: self._reach.nat(self._credentials),
            "ipv6": lambda: self._reach.ipv6(self._local_host),
            "router": lambda: self._reach.router(self._local_host),
            "lan": self._reach.local_network,
            "node": self._node,
            "circuit": self._circuit,
            "mailbox": lambda: mailbox_findings(self._us, self._credentials),
            "address": self._address,
            "door": self._listener,
        }
        return {name: partial(_in_time, name, look) for name, look in looks.items()}

    def _registry(self) -> Iterator[Finding]:
        for url in (self._us.url, *self._us.url.others):
            try:
                reached = self._probes.reach(url.address)
            except Unreachable as error:
                yield Finding(
                    "wrong",
                    f"registry: {error.what}",
                    "no registry is running there, or a firewall blocks it",
                    "start one with p2p serve, or name another one with --registry",
                )
                continue
            yield Finding("ok", f"registry: {url.address} by TCP in {reached.seconds * 1e3:.1f} ms")
            if self._url is None:
                self._url, self._local_host = url, reached.local_host

    def _certificate(self) -> Iterator[Finding]:
        url = self._url
        if url is None:
            yield Finding("skip", "certificate: no registry was reached")
            return
        if not url.secure:
            yield Finding(
                "warn", "certificate: an original:// registry has none; nothing is encrypted"
            )
            self._is_trusted = True
            return
        certificate = self._probes.certificate(url.address, checked=False)
        finding = self._key(url, fingerprint(certificate))
        self._is_trusted = finding.mark != "wrong"
        yield finding
        since, until = lifetime(certificate)
        now = dt.datetime.now(dt.UTC)
        if not since <= now < until:
            yield Finding(
                "warn",
                f"certificate: it is valid from {since:%Y-%m-%d} until {until:%Y-%m-%d}, and today"
                f" is {now:%Y-%m-%d}",
                "your clock is wrong, or it has expired; a pinned key stays trusted",
                "check your clock with date, or tell the registry's operator",
            )

    def _key(self, url: RegistryUrl, shown: str) -> Finding:
        """Report whether the registry showed the expected key."""
        due = due_key(url, self._us.profile)
        if due == shown:
            by = "the URL" if url.fingerprint else "the profile"
            return Finding("ok", f"certificate: its key is the one in {by}, #{shown}")
        if due not in {None, BY_AUTHORITY}:
            return Finding(
                "wrong",
                f"certificate: its key is #{shown}, but the known key is #{due}",
                "the registry was set up again; or another machine is intercepting the connection",
                "ask its operator for the join link, and pass it with --registry",
            )
        if self._probes.is_vouched_for(url.address):
            return Finding("ok", "certificate: signed by an authority that this machine trusts")
        if due == BY_AUTHORITY:
            return Finding(
                "wrong",
                "certificate: no longer signed by an authority that this machine trusts",
                "it has expired, your clock is wrong, or another machine is intercepting",
                "tell its operator",
            )
        return Finding(
            "warn",
            f"certificate: its key #{shown} will be trusted at first use",
            "neither the URL nor your profile names a key",
            "compare it with the join link that p2p serve printed",
        )

    def _login(self) -> Iterator[Finding]:
        us, me = self._us, self._me
        if not self._is_trusted:
            yield Finding("skip", "login: not tried, see above")
        elif not us.url.secure:
            yield Finding(
                "skip", "login: not tried; at an original:// registry it would end other logins"
            )
        elif me is None:
            what = f"login: you have no account at {us.url} yet"
            yield Finding("skip", what, advice="p2p register NAME")
        else:
            credentials = us.credentials(me, None)
            if not credentials.token:
                what = f"login: not tried; {me} would need the password"
                yield Finding("skip", what, advice=f"p2p login {me}")
                return
            with us.registry_commands.transient_login(credentials) as transient_login:
                self._credentials, self._local_host = credentials, transient_login.local_host
            yield Finding("ok", f"login: as {me}, with the stored token")

    def _heartbeat(self) -> Iterator[Finding]:
        if self._credentials is None:
            yield Finding("skip", "heartbeat: not tried without a login")
            return
        with self._us.registry_commands.transient_login(self._credentials) as transient_login:
            try:
                seen = self._probes.hello(transient_login)
            except TimedOut as error:
                if CAN_MEET in transient_login.grant.can:
                    yield Finding(
                        "warn",
                        f"heartbeat: by TCP; by UDP to {transient_login.heartbeats} {error.what}",
                        "a firewall blocks UDP",
                        "nothing need be done; a lost connection is noticed later without UDP",
                    )
                    return
                yield Finding(
                    "wrong",
                    f"heartbeat: by UDP to {transient_login.heartbeats} {error.what}",
                    "a firewall blocks UDP, or UDP leaves by another address than TCP",
                    f"allow UDP to port {transient_login.heartbeats.port}; without it logins end",
                )
                return
        self._offered = Address(with_zone_of(seen.host, self._local_host), 0)
        yield Finding("ok", f"heartbeat: answered; the registry sees it come from {seen}")

    def _node(self) -> Iterator[Finding]:
        if self._me is None:
            yield Finding("skip", "node: you have no account that could run one")
            return
        with running_node(self._us.loop, self._settings, self._us, self._me) as running:
            if running is None:
                yield Finding("ok", "node: none is running")
                return
            status = running.ask(GetStatus(), self._timeout)
            if status.standing != SessionState.ONLINE.value:
                what = f"node: running, but not online: {status.standing}"
                yield Finding(
                    "warn",
                    what,
                    "the connection to the registry was lost; it reconnects automatically",
                )
                return
            yield Finding("ok", f"node: online as {status.username}")
            self._node_is_online = True
            try:
                found = running.ask(Search(self._me, quietly=True), self._timeout)
            except LinkLost:
                return  # the address given to contacts is unknown then
            self._is_hidden = found.presence is Presence.ONLINE and not found.port
            if found.port:
                host = with_zone_of(found.host, self._local_host)
                self._offered = Address(host, found.port)

    def _circuit(self) -> Iterator[Finding]:
        """Report whether the registry joins a connection of ours with our own node."""
        if self._credentials is None or self._me is None or not self._node_is_online:
            yield Finding("skip", "circuit: not tried; it needs your running node at the other end")
            return
        met = self._us.registry_commands.meet(self._me, self._credentials)
        if met is not None and met.reason is Reason.OFFLINE:
            yield Finding(
                "warn",
                "circuit: your node cannot be met through the registry",
                "it runs with --no-relay, or is older",
                "contacts can call you only if they can dial you; to change it, run p2p login"
                " without --no-relay",
            )
            return
        if met is None or met.outcome is not Outcome.OK:
            why = "it is older" if met is None or met.reason is None else met.reason.value
            yield Finding(
                "warn",
                f"circuit: the registry joins nobody ({why})",
                "contacts can call you only if they can dial you",
                "forward a port, and choose it: p2p login --peer-port PORT",
            )
            return
        took, is_short = self._probes.circuit(self._us.dialer(ignore), self._me, met)
        if is_short:
            yield Finding(
                "warn",
                "circuit: the registry joins you with others for a minute, to find a direct link",
                "it runs with --no-relay, or you have used up the day's bytes",
                "be reachable for those behind difficult routers: forward a port, and choose it by"
                " p2p login --peer-port PORT",
            )
            return
        yield Finding(
            "ok",
            f"circuit: the registry joins you with whom you cannot dial, in {took * 1e3:.0f} ms",
        )

    def _address(self) -> Iterator[Finding]:
        offered = self._offered
        if offered is None and self._reach.seen_host:
            offered = self._offered = Address(self._reach.seen_host, 0)
        if self._is_hidden:
            yield Finding("ok", "address: hidden; contacts reach you through the registry alone")
            return
        if offered is None:
            yield Finding("skip", "address: the registry has not reported ours")
            return
        what = f"address: contacts are told {offered if offered.port else offered.host}"
        if is_loopback(offered.host):
            yield Finding(
                "warn",
                f"{what}: only those on this machine can dial it, others are joined with you by the"
                " registry",
                "you reach the registry by loopback",
                "use the name that others use: --registry p2p://NAME",
            )
            return
        yield Finding("ok", what)

    def _listener(self) -> Iterator[Finding]:
        if self._is_hidden:
            yield Finding("skip", "listener: there is none, as your address is hidden")
            return
        if not self._local_host:
            yield Finding("skip", "listener: not tried, no registry was reached")
            return
        # Behind a NAT, this machine can try nothing but its own address.
        offered = None if self._reach.is_behind_nat else self._offered
        try:
            address = self._knock(offered)
        except (Unreachable, TimedOut) as error:
            yield from self._no_way_in(offered.host if offered else self._local_host, error)
            return
        yield Finding(
            "ok", f"listener: {address} accepts connections from this machine; {_OUTSIDE}"
        )

    def _knock(self, offered: Address | None) -> Address:
        """Connect to our node's listener, or to a test listener on its future port; return its
        address.
        """
        if offered is not None and offered.port:
            self._probes.reach(offered)
            return offered
        port = 0 if self._node_is_online else self._peer_port
        host = offered.host if offered else self._local_host
        return self._probes.check_inbound(Address(reachable_by(self._local_host), port), host)

    def _no_way_in(self, host: str, error: P2PError) -> Iterator[Finding]:
        if host == self._local_host:
            yield Finding(
                "wrong",
                f"listener: {error.what}",
                "a firewall on this machine blocks incoming connections",
                "allow TCP at a port, and choose that port: p2p login --peer-port PORT",
            )
            return
        yield Finding(
            "warn",
            f"listener: {error.what}, called from this machine",
            f"you are behind a NAT. {_OUTSIDE}",
            "nothing need be done; for more direct links, forward a port on the router, and choose"
            " it: p2p login --peer-port PORT",
        )


def _in_time(name: str, look: Check) -> Iterator[Finding]:
    """Report a check that timed out."""
    try:
        yield from look()
    except TimedOut as error:
        yield Finding(
            "wrong",
            f"{name}: {error.what}",
            "the other side hangs, or is overloaded",
            "try again in a minute, or with a longer --timeout",
        )
