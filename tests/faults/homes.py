"""Homes on a small internet of network namespaces: a registry, and people behind routers.

Each home is one of HOMES. Needs Linux, root, `ip` and `nft`. Nothing outside the namespaces is
touched, and their names contain the process's number.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs import P2P

HOMES = {
    "open": "",
    "firewall": "",
    "nat": "masquerade",
    "symmetric": "masquerade random,fully-random",
    "mapping": "masquerade",
}
"""The rule by which a home's router translates addresses; empty if there is none to translate."""

NEEDS = {"mapping": "miniupnpd"}
"""A program that only homes of that kind need: a router's PCP server."""

REGISTRY, SECOND_REGISTRY = "5.5.5.1", "5.5.5.2"
"""The addresses of the registry's machine: to clients, those of two machines."""

_FIREWALL = """
table inet home {{
  chain input {{ type filter hook input priority 0; policy drop;
    iifname "lo" accept; iifname "lan" accept; icmpv6 type {{ nd-neighbor-solicit,
    nd-neighbor-advert }} accept; ct state established,related accept; }}
  chain forward {{ type filter hook forward priority 0; policy drop;
    iifname "lan" accept; ct state established,related accept; ct status dnat accept; }}
  chain out {{ type nat hook postrouting priority 100; {translate} }}
}}
"""


_MAPPING = """
table inet filter {
  chain forward { type filter hook forward priority -1; jump miniupnpd; }
  chain miniupnpd { }
  chain in { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
  chain prerouting_miniupnpd { }
  chain out { type nat hook postrouting priority 99; jump postrouting_miniupnpd; }
  chain postrouting_miniupnpd { }
}
"""
"""The chains that miniupnpd fills."""

_MINIUPNPD = """ext_ifname=wan
listening_ip=lan
enable_natpmp=yes
enable_upnp=no
secure_mode=yes
uuid=00000000-0000-0000-0000-000000000000
allow 1024-65535 192.168.1.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""


def missing() -> str:
    """Return why there can be no homes here; empty if there can."""
    if not sys.platform.startswith("linux") or os.geteuid():
        return "needs Linux, and root"
    tools = [tool for tool in ("ip", "nft", "sysctl") if shutil.which(tool) is None]
    return f"needs {', '.join(tools)}" if tools else ""


class Internet:
    """The namespaces; `inside(who)` is the beginning of a command for one of them."""

    def __init__(self) -> None:
        self._name = f"p2p{os.getpid()}"
        self._spaces: list[str] = []
        self._folder = tempfile.TemporaryDirectory()
        self._servers: list[subprocess.Popen[bytes]] = []
        self._hosts = 0
        self._add("net")
        self._in("net", "ip link add hub type bridge", "ip link set hub up")
        self._connect("registry", REGISTRY)
        self._in("registry", f"ip address add {SECOND_REGISTRY}/24 dev wan")

    def add(self, who: str, home: str) -> None:
        """Add a person whose home is of that kind."""
        self._hosts += 1
        address = f"5.5.5.{10 + self._hosts}"
        translate = HOMES[home]
        if not translate:
            self._connect(who, address)
        else:
            router = f"{who}-router"
            self._connect(router, address)
            self._add(who)
            self._veth(who, "eth", router, "lan")
            self._in(
                who,
                "ip address add 192.168.1.2/24 dev eth",
                "ip link set eth up",
                "ip route add default via 192.168.1.1",
            )
            self._in(
                router,
                "ip address add 192.168.1.1/24 dev lan",
                "ip link set lan up",
                "sysctl -qw net.ipv4.ip_forward=1",
            )
        if home != "open":
            place = f"{who}-router" if translate else who
            rule = f'oifname "wan" {translate};' if translate else ""
            self._nft(place, _FIREWALL.format(translate=rule))
        if home == "mapping":
            self._map_ports(f"{who}-router")

    def add_together(self, *people: str) -> None:
        """Add people in one network from which there is no way to the internet."""
        self._add("home")
        self._in("home", "ip link add hub type bridge", "ip link set hub up")
        for number, who in enumerate(people):
            self._add(who)
            self._veth(who, "eth", "home", f"p{number}")
            self._in("home", f"ip link set p{number} master hub", f"ip link set p{number} up")
            self._in(who, f"ip address add 192.168.1.{number + 2}/24 dev eth", "ip link set eth up")

    def inside(self, who: str) -> tuple[str, ...]:
        """Return the command that p2p is started with there."""
        return (*self._enter(who), sys.executable, P2P)

    def close(self) -> None:
        """End the servers; remove all namespaces, and with them what connects them."""
        for server in self._servers:
            server.kill()
            server.wait()
        for space in self._spaces:
            subprocess.run(["ip", "netns", "delete", space], check=False)
        self._folder.cleanup()

    def _map_ports(self, router: str) -> None:
        """Start a server in the router that passes ports on if it is asked to."""
        self._nft(router, _MAPPING)
        file = Path(self._folder.name) / router
        file.write_text(_MINIUPNPD)
        command = ("miniupnpd", "-d", "-f", str(file), "-P", f"{file}.pid")
        self._servers.append(
            subprocess.Popen(
                (*self._enter(router), *command),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    def _connect(self, who: str, address: str) -> None:
        """Add a machine with a public address."""
        self._add(who)
        port = f"p{len(self._spaces)}"
        self._veth(who, "wan", "net", port)
        self._in("net", f"ip link set {port} master hub", f"ip link set {port} up")
        self._in(who, f"ip address add {address}/24 dev wan", "ip link set wan up")

    def _veth(self, one: str, end: str, other: str, other_end: str) -> None:
        _run(
            *f"ip link add {end} netns {self._space(one)} type veth peer name {other_end}"
            f" netns {self._space(other)}".split()
        )

    def _add(self, who: str) -> None:
        _run("ip", "netns", "add", self._space(who))
        self._spaces.append(self._space(who))
        self._in(who, "ip link set lo up")

    def _in(self, who: str, *commands: str) -> None:
        for command in commands:
            _run(*self._enter(who), *command.split())

    def _nft(self, who: str, rules: str) -> None:
        _run(*self._enter(who), "nft", "-f", "-", text=rules)

    def _enter(self, who: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self._space(who))

    def _space(self, who: str) -> str:
        return f"{self._name}-{who}"


@contextmanager
def internet() -> Iterator[Internet]:
    """Yield an internet with a registry's machine, and remove it at the end."""
    made = Internet()
    try:
        yield made
    finally:
        made.close()


def _run(*command: str, text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
