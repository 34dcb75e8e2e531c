"""Measure the CPU of sending large frames through a transport, beside a plain socket's `sendall`.

    python -m tests.bench.frames [--size 262144] [--total 268435456]

CPU seconds of the sending process for a gigabyte, in turns; the reader is another process.
"""

import argparse
import os
import socket
import statistics
import time
from collections.abc import Callable

from p2pchat.net.loop import Loop
from p2pchat.net.transport import TcpTransport
from p2pchat.protocol.address import Address

TURNS = 5
_HERE = Address("127.0.0.1", 1)


def main() -> None:
    """Send in turns, so that noise affects both alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256 * 1024)
    parser.add_argument("--total", type=int, default=256 * 1024 * 1024)
    options = parser.parse_args()
    frame, count = bytes(options.size), options.total // options.size
    print(f"load {os.getloadavg()[0]:.1f}")
    ours, plain = [], []
    for _ in range(TURNS):
        ours.append(_cost_s(_through_transport, frame, count))
        plain.append(_cost_s(_through_socket, frame, count))
    ratio = statistics.median(a / b for a, b in zip(ours, plain, strict=True))
    print(
        f"transport {statistics.median(ours):.2f} CPU s/GB, sendall"
        f" {statistics.median(plain):.2f}, ratio {ratio:.1f}"
    )


def _cost_s(send: Callable[[socket.socket, bytes, int], None], frame: bytes, count: int) -> float:
    left, right = socket.socketpair()
    child = os.fork()
    if child == 0:
        left.close()
        while right.recv(1 << 20):
            pass
        os._exit(0)
    right.close()
    began = time.process_time()
    send(left, frame, count)
    cost = time.process_time() - began
    left.close()
    os.waitpid(child, 0)
    return cost * 1e9 / (len(frame) * count)


def _through_socket(sock: socket.socket, frame: bytes, count: int) -> None:
    for _ in range(count):
        sock.sendall(frame)


def _through_transport(sock: socket.socket, frame: bytes, count: int) -> None:
    sock.setblocking(False)
    loop = Loop()
    transport = TcpTransport(loop, sock, _HERE, _HERE)
    left = count

    def go_on() -> None:
        nonlocal left
        if left:
            left -= 1
            transport.write(frame)

    transport.on_drained = go_on
    go_on()
    loop.run_until(lambda: not left and not transport.queued)
    transport.close()
    loop.run_until(lambda: loop.idle)
    loop.close()


if __name__ == "__main__":
    main()
