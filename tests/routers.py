"""A router in memory that passes ports on: PCP and NAT-PMP, written without our code."""

import ipaddress
import struct

from p2pchat.net.port_mapping import Method
from p2pchat.protocol.address import Address
from tests.fakes import MemoryInternet, MemoryNetwork


class FakeRouter:
    """Answers at `host` for the methods that it speaks; port 4000 becomes 44000, and so on.

    `deaf`: so many datagrams are lost first. `refusals`: result codes by method. `lifetime` is what
    it grants.
    """

    def __init__(self, internet: MemoryInternet, host: str, outside: str, *methods: Method) -> None:
        self.outside = outside
        self.methods = methods
        self.deaf = 0
        self.refusals: dict[Method, int] = {}
        self.lifetime = 3600
        self.ports: dict[int, int] = {}
        self.heard: list[bytes] = []
        self._socket = MemoryNetwork(internet, host).open_udp(Address(host, 5351), self._hear)
        self.send = self._socket.send

    def _hear(self, datagram: bytes, sender: Address) -> None:
        self.heard.append(datagram)
        if self.deaf:
            self.deaf -= 1
            return
        if datagram[0] == 2 and Method.PCP in self.methods:
            self.send(self.pcp_answer(datagram), sender)
        elif datagram[0] == 2 and Method.NAT_PMP in self.methods:
            self.send(struct.pack("!BBHI", 0, 0, 1, 9), sender)
        elif datagram[0] == 0 and Method.NAT_PMP in self.methods:
            self.send(self._nat_pmp_answer(datagram), sender)

    def pcp_answer(self, request: bytes) -> bytes:
        """Return the answer to a PCP request, and do what it asks."""
        result = self.refusals.get(Method.PCP, 0)
        (lifetime,) = struct.unpack_from("!I", request, 4)
        inside, _ = struct.unpack_from("!HH", request, 40)
        if not result:
            self._change(inside, lifetime)
        head = struct.pack("!BBBBII", 2, 0x81, 0, result, self.lifetime, 9) + bytes(12)
        outside = bytes(10) + b"\xff\xff" + ipaddress.IPv4Address(self.outside).packed
        return head + request[24:40] + struct.pack("!HH", inside, _outside(inside)) + outside

    def _nat_pmp_answer(self, request: bytes) -> bytes:
        result = self.refusals.get(Method.NAT_PMP, 0)
        head = struct.pack("!BBHI", 0, request[1] | 128, result, 9)
        if request[1] == 0:
            return head + ipaddress.IPv4Address(self.outside).packed
        inside, _, lifetime = struct.unpack_from("!HHI", request, 4)
        if not result:
            self._change(inside, lifetime)
        return head + struct.pack("!HHI", inside, _outside(inside), self.lifetime)

    def _change(self, inside: int, lifetime: int) -> None:
        if lifetime:
            self.ports[inside] = _outside(inside)
        else:
            self.ports.pop(inside, None)


def _outside(inside: int) -> int:
    return 40000 + inside % 10000
