"""Homes on a small internet of network namespaces: a registry, and people behind routers.

Each home is one of HOMES. Needs Linux, root, `ip` and `nft`. Nothing outside the namespaces is
touched, and their names contain the process's number.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.programs import P2P

HOMES = {
    "open": "",
    "firewall": "",
    "nat": "masquerade",
    "symmetric": "masquerade random,fully-random",
}
"""The rule by which a home's router translates addresses; empty if there is none to translate."""

REGISTRY = "5.5.5.1"

_FIREWALL = """
table inet home {{
  chain input {{ type filter hook input priority 0; policy drop;
    iifname "lo" accept; iifname "lan" accept; icmpv6 type {{ nd-neighbor-solicit,
    nd-neighbor-advert }} accept; ct state established,related accept; }}
  chain forward {{ type filter hook forward priority 0; policy drop;
    iifname "lan" accept; ct state established,related accept; }}
  chain out {{ type nat hook postrouting priority 100; {translate} }}
}}
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
        self._hosts = 0
        self._add("net")
        self._in("net", "ip link add hub type bridge", "ip link set hub up")
        self._connect("registry", REGISTRY)

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

    def inside(self, who: str) -> tuple[str, ...]:
        """Return the command that p2p is started with there."""
        return ("ip", "netns", "exec", self._space(who), sys.executable, P2P)

    def close(self) -> None:
        """Remove all namespaces, and with them what connects them."""
        for space in self._spaces:
            subprocess.run(["ip", "netns", "delete", space], check=False)

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
            _run("ip", "netns", "exec", self._space(who), *command.split())

    def _nft(self, who: str, rules: str) -> None:
        _run("ip", "netns", "exec", self._space(who), "nft", "-f", "-", text=rules)

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
