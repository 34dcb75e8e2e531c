"""Measure TLS handshakes of the registry, beside OpenSSL alone with the same messages.

    python -m tests.bench.handshake [--links 1000] [--rounds 5]

First the registry's transports in this process: clients have said hello, and the time until all
are answered is measured, on the loop and with the worker threads of `p2p serve`, beside OpenSSL on
one thread and on two, which is what the machine allows. No client takes part of the processor
meanwhile. Then a real registry, whose CPU for a connection with its handshake is compared with that
of OpenSSL in the first part.
"""

import argparse
import os
import ssl
import statistics
import tempfile
import time
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from p2pchat.net.loop import Loop
from p2pchat.net.tls.certificates import client_context, make_certificate, server_context
from p2pchat.net.tls.engine import StandardEngine
from p2pchat.net.tls.transport import TlsTransport
from p2pchat.net.worker import ThreadWorker, Worker
from tests.bench.load import cpu_s
from tests.conformance.secure_client import Secure
from tests.fakes import wire
from tests.programs import Serve


class _Round(NamedTuple):
    """Seconds for the first flight of a handshake."""

    alone: float
    two_threads: float
    on_loop: float
    on_worker: float


def main() -> None:
    """Measure round by round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "cert.pem", Path(folder) / "key.pem"
        make_certificate(*files, "p2pchat registry")
        context = server_context(*files)
        rounds = [_round(context, options.links) for _ in range(options.rounds)]
        alone = statistics.median(each.alone for each in rounds)
        on_loop = statistics.median(each.on_loop / each.alone for each in rounds)
        print(f"first flight: OpenSSL {alone * 1e6:.0f} us, on the loop {on_loop:.2f} x")
        _tell("OpenSSL on two threads", [each.alone / each.two_threads for each in rounds])
        _tell("the worker beside the loop", [each.on_loop / each.on_worker for each in rounds])
        costs = _registry(Path(folder), options.links, options.rounds)
        print(f"connections of a registry: {statistics.median(costs) / alone:.2f} x OpenSSL in CPU")


def _tell(what: str, speeds: list[float]) -> None:
    low, middle, high = statistics.quantiles(speeds, n=4)
    print(f"{what}: {middle:.2f} times as fast (quartiles {low:.2f} to {high:.2f})")


def _round(context: ssl.SSLContext, links: int) -> _Round:
    return _Round(
        _openssl(context, _hellos(links), threads=1) / links,
        _openssl(context, _hellos(links), threads=2) / links,
        _transports(context, _hellos(links), threads=False) / links,
        _transports(context, _hellos(links), threads=True) / links,
    )


def _hellos(links: int) -> list[bytes]:
    context = client_context(checked=False)
    hellos = []
    for _ in range(links):
        engine = StandardEngine(context, server_name="registry")
        engine.handshake()
        hellos.append(engine.give())
    return hellos


def _openssl(context: ssl.SSLContext, hellos: list[bytes], *, threads: int) -> float:
    engines = [StandardEngine(context) for _ in hellos]
    for engine, hello in zip(engines, hellos, strict=True):
        engine.take(hello)

    def shake(mine: list[StandardEngine]) -> None:
        for engine in mine:
            engine.handshake()

    runs = [Thread(target=shake, args=(engines[n::threads],)) for n in range(threads)]
    began = time.perf_counter()
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    return time.perf_counter() - began


def _transports(context: ssl.SSLContext, hellos: list[bytes], *, threads: bool) -> float:
    loop = Loop()
    worker = ThreadWorker(loop, waiting=0) if threads else None
    used: Worker | None = worker
    unanswered = len(hellos)

    def answered(_: bytes) -> None:
        nonlocal unanswered
        unanswered -= 1

    transports = []  # kept until the end
    for hello in hellos:
        left, right = wire(loop)
        transports.append(TlsTransport(loop, right, StandardEngine(context), worker=used))
        left.on_data = answered
        left.write(hello)
    began = time.perf_counter()
    loop.run_until(lambda: not unanswered)
    took = time.perf_counter() - began
    if worker is not None:
        worker.close()
    loop.close()
    return took


def _registry(folder: Path, links: int, rounds: int) -> list[float]:
    """Return the CPU seconds of a registry for a connection, in each round."""
    serve = Serve(folder / "r", "--quiet", "--limits", "none")
    costs = []
    try:
        for _ in range(rounds):
            before = cpu_s(serve)
            for _ in range(links):
                Secure(serve).close()
            costs.append((cpu_s(serve) - before) / links)
    finally:
        serve.kill()
    return costs


if __name__ == "__main__":
    main()
