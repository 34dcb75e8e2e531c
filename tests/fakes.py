"""Fakes of the clock, the network and the worker thread."""

import selectors
import socket
from collections.abc import Callable, Container
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from p2pchat.errors import BindError, LinkLost, P2PError, Unreachable
from p2pchat.net.bulk import Detached
from p2pchat.net.loop import Loop
from p2pchat.net.transport import SEND_CEILING, Circuit
from p2pchat.protocol.address import Address

T = TypeVar("T")

HERE, THERE = Address("10.0.0.1", 1), Address("10.0.0.2", 2)


class FakeClock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def settle(loop: Loop) -> None:
    """Run turns until nothing is due at the current time."""
    for _ in range(10_000):
        deadline = loop.next_deadline()
        if deadline is None or deadline > loop.now():
            return
        loop.run_once(0)
    raise AssertionError("the loop never becomes idle")


def advance(loop: Loop, seconds: float) -> None:
    """Advance a FakeClock, stopping at each deadline on the way."""
    clock = loop.now
    assert isinstance(clock, FakeClock)
    settle(loop)
    until = clock.time + seconds
    while (deadline := loop.next_deadline()) is not None and deadline <= until:
        clock.time = max(clock.time, deadline)
        settle(loop)
    clock.time = until


class InlineWorker:
    """Runs jobs in the next turn of the loop; after `hold`, it keeps them until `release`."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.held: list[Callable[[], None]] | None = None
        self.full = False

    def submit(
        self,
        job: Callable[[], Any],
        then: Callable[[Any], None],
        failed: Callable[[P2PError], None],
        *,
        rank: int = 0,
        patient: bool = False,
    ) -> bool:
        def work() -> None:
            try:
                result = job()
            except P2PError as error:
                failed(error)
            else:
                then(result)

        if self.full:
            return False
        if self.held is None:
            self._loop.call_soon(work)
        else:
            self.held.append(work)
        return True

    def hold(self) -> None:
        self.held = []

    def release(self) -> None:
        held, self.held = self.held or [], None
        for work in held:
            self._loop.call_soon(work)


class MemoryTransport:
    """One end of an in-memory wire, with the contract of every transport."""

    def __init__(self, loop: Loop, local: Address, remote: Address) -> None:
        self._loop = loop
        self.local = local
        self.remote = remote
        self.origin = remote.host
        self.circuit: Circuit | None = None
        self.other: MemoryTransport
        self.on_data: Callable[[bytes], None] = lambda _: None
        self.on_drained: Callable[[], None] = lambda: None
        self.on_end: Callable[[], None] = self.close
        self.on_closed: Callable[[P2PError | None], None] = lambda _: None
        self.queued = 0
        self.lingers = False
        self.send_ceiling = SEND_CEILING
        self.inbox: list[bytes] = []
        self.out: list[bytes] = []
        self._reading = True
        self._closing = False
        self.ended = False
        self.remote_closed = False
        self._due = False
        self.sock: socket.socket | None = None  # once one of the two ends is detached
        self.is_detached = False
        self._is_unwatched = False
        self.is_stopped: Callable[[str], bool] = lambda _: False

    def write(self, data: bytes) -> None:
        if self._closing:
            return
        self.out.append(data)
        self.queued += len(data)
        if self.queued > self.send_ceiling and not self.is_stopped(self.local.host):
            self._send()
        if self.queued > self.send_ceiling:
            self.end(LinkLost(f"{self.remote} does not read its data"))
        else:
            self.soon()

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = not self._closing
        self.soon()

    def close(self) -> None:
        if not self._closing:
            self._closing, self._reading = True, False
            self.soon()

    def abort(self) -> None:
        self.end(None)

    def detach(self) -> Detached:
        """Hand over one end of a pair of sockets; the loop uses the other until it is taken."""
        if self.sock is None:
            self.sock, self.other.sock = socket.socketpair()
            self.other.listen_to_sock()
        else:
            self._loop.unwatch(self.sock.fileno())
        sock = self.sock
        sock.setblocking(True)
        out, self.out, self.queued = self.out, [], 0
        if self.other.is_detached:
            sock.sendall(b"".join(out))
        elif out:
            self.other.inbox.append(b"".join(out))
            self.other.soon()
        data, self.inbox = b"".join(self.inbox), []
        self.is_detached = self.ended = self._closing = True
        self._reading = False
        self.on_data, self.on_closed = lambda _: None, lambda _: None
        self.on_drained = self.on_end = lambda: None
        return Detached(sock, (), str(self.remote), data)

    def listen_to_sock(self) -> None:
        """Read from the loop what the detached other end sends."""
        assert self.sock is not None
        self.sock.setblocking(False)
        self._loop.watch(self.sock.fileno(), selectors.EVENT_READ, self._sock_is_ready)

    def _sock_is_ready(self, _: int) -> None:
        assert self.sock is not None
        if not self._reading or sum(map(len, self.inbox)) > 1_000_000:
            self._loop.unwatch(self.sock.fileno())
            self._is_unwatched = True
            return
        try:
            data = self.sock.recv(65536)
        except OSError:
            data = b""
        if data:
            self.inbox.append(data)
        else:
            self.drop_sock()
            self.remote_closed = True
        self.soon()

    def drop_sock(self) -> None:
        if self.sock is not None and not self.is_detached:
            if not self._is_unwatched:
                self._loop.unwatch(self.sock.fileno())
            self.sock.close()
            self.sock = None

    def cut(self) -> None:
        """Break the wire: data in flight is lost, and both ends are notified."""
        for end in (self, self.other):
            if end.is_detached and end.sock is not None and end.sock.fileno() >= 0:
                with suppress(OSError):  # a thread may have closed it just now
                    end.sock.shutdown(socket.SHUT_RDWR)
        self.end(LinkLost("the wire was cut"))
        self.other.end(LinkLost("the wire was cut"))

    @property
    def _at_end(self) -> bool:
        return self.remote_closed and not self.inbox and not self.ended

    def end(self, error: LinkLost | None) -> None:
        if self.ended:
            return
        self.ended = self._closing = True
        self._reading = False
        self.out, self.queued = [], 0
        self.drop_sock()
        self.other.remote_closed = True
        self.other.soon()
        self._loop.call_soon(lambda: self.on_closed(error))

    def soon(self) -> None:
        if not self._due:
            self._due = True
            self._loop.call_soon(self._move)

    def _move(self) -> None:
        self._due = False
        if self.ended or self.is_stopped(self.local.host):
            return
        if self._is_unwatched and self._reading and not self.inbox and self.sock is not None:
            self._is_unwatched = False
            self.listen_to_sock()
        self._send()
        if self.inbox and self._reading:
            data = self.inbox.pop(0)
            self.other.soon()
            self.soon()
            self.on_data(data)
        if self._at_end and self._reading:
            self.on_end()
        if self._closing and (not self.queued or self.remote_closed):
            self.end(None)

    def _send(self) -> None:
        if not self.out:
            return
        if self.other.is_detached and self.sock is not None:
            self._send_on_sock()
        elif self.other.ended:
            self.out, self.queued = [], 0
        elif sum(map(len, self.other.inbox)) < 65536:
            self.other.inbox.append(b"".join(self.out))
            self.out, self.queued = [], 0
            self.other.soon()
            self._loop.call_soon(self._drained)

    def _send_on_sock(self) -> None:
        assert self.sock is not None
        data = b"".join(self.out)
        try:
            count = self.sock.send(data)
        except BlockingIOError:
            count = 0
        except OSError:
            count = len(data)
        self.out, self.queued = [data[count:]] if data[count:] else [], len(data) - count
        if self.out:
            self._loop.call_later(0, self.soon)
        else:
            self._loop.call_soon(self._drained)

    def _drained(self) -> None:
        if not self._closing:
            self.on_drained()


def wire(
    loop: Loop, a: Address = HERE, b: Address = THERE
) -> tuple[MemoryTransport, MemoryTransport]:
    """Return the two ends of a wire."""
    left, right = MemoryTransport(loop, a, b), MemoryTransport(loop, b, a)
    left.other, right.other = right, left
    return left, right


class _Closable:
    def __init__(self, address: Address, close: Callable[[], None]) -> None:
        self.address = address
        self.close = close


class _Datagrams(_Closable):
    def __init__(
        self,
        address: Address,
        close: Callable[[], None],
        send: Callable[[bytes, Address], None],
    ) -> None:
        super().__init__(address, close)
        self.send = send
        self.held: list[Callable[[], None]] = []

    def catch_up(self) -> None:
        held, self.held = self.held, []
        for deliver in held:
            deliver()


NO_ANSWER, REFUSED = "no answer", "connection refused"


class Route(NamedTuple):
    """How a connection runs: from where the other end sees it come, and where it leads."""

    seen: Address
    target: Address


class MemoryInternet:
    """Machines with addresses, and all wires between them."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.wires: list[tuple[MemoryTransport, MemoryTransport]] = []
        self.listeners: dict[Address, Callable[[Any], None]] = {}
        self.sockets: dict[Address, Callable[[bytes, Address], None]] = {}
        self.ports = iter(range(40_000, 60_000))
        self._stopped: dict[str, list[Callable[[], None]]] = {}
        self.walled: Container[str] = set()
        """Machines that nobody outside can connect to, as behind a router."""
        self.punchable = True
        """Whether a dial opens a firewall for the answer; not so with symmetric NATs."""
        self.routers: dict[str, str] = {}
        """The routers of machines that have one."""
        self.lans: list[set[str]] = []
        """The machines of each local network."""
        self.hearing: dict[str, list[Callable[[bytes, Address], None]]] = {}
        """What hears the local network, by machine."""
        self.opened: set[tuple[Address, Address]] = set()
        """Which local address has dialled which one: a firewall then lets that one in."""

    def route(self, local: Address, address: Address) -> Route | str:
        """Return how a connection from the local address to that one runs, or why it does not."""
        self.opened.add((local, address))
        is_open = self.punchable and (address, local) in self.opened
        if address.host in self.walled and address.host != local.host and not is_open:
            return NO_ANSWER
        return Route(local, address)

    def listener_at(
        self, address: Address, accepts: Callable[[str], bool] | None
    ) -> Callable[[Any], None] | None:
        """Return who listens there, if the dialler accepts the address."""
        if accepts is not None and not accepts(address.host):
            return None
        return self.listeners.get(address)

    def stop(self, host: str) -> None:
        """Stop a machine, as SIGSTOP stops a process: it receives nothing until `go_on`."""
        self._stopped.setdefault(host, [])

    def go_on(self, host: str) -> None:
        """Let a machine receive again, beginning with what is queued."""
        for accept in self._stopped.pop(host, []):
            accept()
        for pair in self.wires:
            for end in pair:
                end.soon()

    def is_stopped(self, host: str) -> bool:
        return host in self._stopped

    def arrive(self, host: str, accept: Callable[[], None]) -> None:
        """Pass a connection to the process, or queue it while the process is stopped."""
        if self.is_stopped(host):
            self._stopped[host].append(accept)
        else:
            accept()

    def machine(self, host: str) -> "MemoryNetwork":
        return MemoryNetwork(self, host)

    def cut_all(self, host: str) -> None:
        """Cut every connection of a machine."""
        for pair in self.wires:
            if host in {pair[0].local.host, pair[1].local.host}:
                pair[0].cut()


_SYN_AGAIN = 1.0
"""Seconds after which the system sends a SYN again that was not answered."""


class _Dial:
    """A dial under way."""

    def __init__(
        self,
        internet: MemoryInternet,
        local: Address,
        address: Address,
        on_transport: Callable[[Any], None],
        on_failed: Callable[[P2PError], None],
    ) -> None:
        self._internet = internet
        self._local = local
        self._address = address
        self._on_transport = on_transport
        self._on_failed = on_failed
        self._given_up = False

    def close(self) -> None:
        self._given_up = True

    def connect(self, timeout: float, accepts: Callable[[str], bool] | None) -> None:
        internet, address = self._internet, self._address
        if self._given_up:
            return
        route = internet.route(self._local, address)
        if route == NO_ANSWER and timeout > 0:
            again = min(_SYN_AGAIN, timeout)
            internet.loop.call_later(again, lambda: self.connect(timeout - again, accepts))
            return
        if isinstance(route, str):
            self._fail(route)
            return
        accept = internet.listener_at(route.target, accepts)
        if accept is None:
            self._fail(REFUSED)
            return
        pair = wire(internet.loop, self._local, address)
        pair[1].local, pair[1].remote = route.target, route.seen
        pair[1].origin = route.seen.host
        internet.wires.append(pair)
        for end in pair:
            end.is_stopped = internet.is_stopped
        internet.arrive(route.target.host, lambda: accept(pair[1]))
        self._on_transport(pair[0])

    def _fail(self, why: str) -> None:
        if not self._given_up:
            self._on_failed(Unreachable(f"cannot reach {self._address}: {why}", reason=why))


class _MemoryLan:
    """The local networks of one machine, in which everybody hears everything."""

    def __init__(
        self, network: "MemoryNetwork", on_datagram: Callable[[bytes, Address], None]
    ) -> None:
        self._internet = network._internet
        self._host = network.host
        self._on_datagram = on_datagram
        self._internet.hearing.setdefault(self._host, []).append(on_datagram)
        self._asking = network.open_udp(Address(self._host, 0), on_datagram)
        self.send = self._asking.send

    def ask_all(self, datagram: bytes) -> None:
        here = self._asking.address
        for lan in self._internet.lans:
            for host in sorted(lan) if self._host in lan else ():
                for hear in tuple(self._internet.hearing.get(host, ())):
                    self._internet.loop.call_soon(lambda hear=hear: hear(datagram, here))

    def close(self) -> None:
        self._internet.hearing[self._host].remove(self._on_datagram)
        self._asking.close()


class MemoryNetwork:
    """The network of one machine."""

    def __init__(self, internet: MemoryInternet, host: str) -> None:
        self._internet = internet
        self._loop = internet.loop
        self.host = host

    def own_hosts(self) -> list[str]:
        return [self.host]

    def gateway(self) -> tuple[str, str] | None:
        router = self._internet.routers.get(self.host)
        return None if router is None else (router, self.host)

    def open_lan(self, port: int, on_datagram: Callable[[bytes, Address], None]) -> _MemoryLan:
        return _MemoryLan(self, on_datagram)

    def run(
        self, job: Callable[[], T], then: Callable[[T], None], failed: Callable[[P2PError], None]
    ) -> bool:
        """Fail, as without UPnP."""
        self._loop.call_soon(lambda: failed(Unreachable("no UPnP in memory")))
        return True

    def listen(
        self, address: Address, on_transport: Callable[[Any], None], *, shared: bool = False
    ) -> _Closable:
        here = self._free(address)
        if here in self._internet.listeners:
            raise BindError(f"cannot listen on tcp {here}: address already in use")
        self._internet.listeners[here] = on_transport
        return _Closable(here, lambda: self._internet.listeners.pop(here, None) and None)

    def dial(
        self,
        address: Address,
        timeout: float,
        on_transport: Callable[[Any], None],
        on_failed: Callable[[P2PError], None],
        accepts: Callable[[str], bool] | None = None,
        *,
        from_port: int | None = None,
    ) -> _Dial:
        local = Address(self.host, from_port or next(self._internet.ports))
        dial = _Dial(self._internet, local, address, on_transport, on_failed)
        self._loop.call_soon(lambda: dial.connect(timeout, accepts))
        return dial

    def open_udp(
        self, address: Address, on_datagram: Callable[[bytes, Address], None]
    ) -> _Datagrams:
        here = self._free(address)
        self._internet.sockets[here] = on_datagram

        def send(datagram: bytes, to: Address) -> None:
            def arrive() -> None:
                receiver = self._internet.sockets.get(to)
                if receiver is not None and not self._internet.is_stopped(to.host):
                    receiver(datagram, here)

            self._loop.call_soon(arrive)

        return _Datagrams(here, lambda: self._internet.sockets.pop(here, None) and None, send)

    def _free(self, address: Address) -> Address:
        host = self.host if address.host in {"0.0.0.0", "::"} else address.host
        return Address(host, address.port or next(self._internet.ports))
