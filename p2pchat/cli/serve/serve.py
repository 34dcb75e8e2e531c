"""`p2p serve`: run the registry until it is stopped."""

import logging
import platform
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource as Place

from p2pchat.app.settings import Settings
from p2pchat.cli.echo import echo
from p2pchat.cli.serve.options import serve_options
from p2pchat.cli.serve.settings import ServeCommand
from p2pchat.errors import P2PError

if TYPE_CHECKING:
    from p2pchat.app.registry_process import RunningRegistry
    from p2pchat.cli.serve.configuration import Configuration, OriginalListener, SecureListener
    from p2pchat.net.loop import Loop
    from p2pchat.net.sd_notify import ServiceNotifier
    from p2pchat.protocol.address import Address


@click.command(
    cls=ServeCommand,
    help="""Run a registry: it manages accounts and logins, and knows who is online where.

    \b
    p2p serve                            for anyone with the join link
    p2p serve --registration invite      for users with a code: p2p users invite
    p2p serve --original-host 0.0.0.0    also for the original system, in clear
    p2p serve --check                    check whether it could run

    Prints a line for each listener when it is ready, and logs to stderr. Ctrl-C or SIGTERM shuts
    it down cleanly.

    Each option can also be set in the environment and in a TOML file; an option takes precedence
    over the variable, and that over the file. --hello-interval 30 is P2P_SERVE_HELLO_INTERVAL=30
    and hello-interval = 30. --limit handshakes=64 is P2P_SERVE_LIMIT_HANDSHAKES=64, and handshakes
    = 64 below [limits].
    """,
)
@serve_options
@click.pass_context
def serve(
    ctx: click.Context,
    /,
    config: Path | None,
    check: bool,
    log_format: str,
    verbose: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Run `p2p serve`."""
    from p2pchat.cli.serve.configuration import Configuration, configure
    from p2pchat.cli.serve.descriptors import have_descriptors
    from p2pchat.cli.serve.log_format import start_log

    configuration = configure(ctx.obj, **options)
    if check:
        from p2pchat.cli.serve.check import report

        ctx.exit(report(configuration, config))
    have_descriptors()
    start_log(_level(ctx, verbose=verbose, quiet=quiet), as_json=log_format == "json")

    def read_again() -> Configuration:
        assert isinstance(ctx.command, ServeCommand)
        params = ctx.command.read_again(ctx)
        return configure(ctx.obj, **{name: params[name] for name in options})

    _run(configuration, ctx.obj, read_again)


def _level(ctx: click.Context, *, verbose: bool, quiet: bool) -> int:
    """Return the log level; of contradicting settings, the source with precedence wins."""
    of = ctx.get_parameter_source
    for place in (Place.COMMANDLINE, Place.ENVIRONMENT, Place.DEFAULT_MAP):
        if verbose and of("verbose") is place:
            return logging.DEBUG
        if quiet and of("quiet") is place:
            return logging.WARNING
    return logging.INFO


def _run(
    configuration: "Configuration", settings: Settings, read_again: Callable[[], "Configuration"]
) -> None:
    from p2pchat.app.registry_process import RunningRegistry
    from p2pchat.net.loop import Loop
    from p2pchat.net.sd_notify import ServiceNotifier

    with ExitStack() as stack:
        loop = Loop()
        stack.callback(loop.close)
        manager = ServiceNotifier(loop, settings.notify_socket, settings.watchdog_s)
        stack.callback(manager.close)
        registry = RunningRegistry(
            loop,
            configuration.folder,
            hello_interval=configuration.hello_interval,
            patience=configuration.hello_patience,
            cost=configuration.cost,
            limits=configuration.limits,
            registration=configuration.registration,
            database=configuration.database,
            lease=configuration.lease,
            relays=configuration.relays,
            mailbox=configuration.mailbox,
        )
        stack.callback(registry.close)
        lines = _open(registry, configuration)
        _at_signals(loop, manager, registry, configuration, read_again)
        for doubt in configuration.doubts():
            logging.getLogger(__name__).warning("%s", doubt)
        echo("\n".join(lines))
        manager.ready("; ".join(lines))
        with loop.containing():
            loop.run_until(lambda: registry.stopped)


def _open(registry: "RunningRegistry", configuration: "Configuration") -> list[str]:
    """Open all listeners and begin; return the lines to print."""
    lines: list[str] = []
    join = ""
    if configuration.original:
        lines += _open_original(registry, configuration.original, configuration.hello_interval)
    if configuration.secure:
        line, join = _open_secure(registry, configuration.secure, configuration.certificate)
        lines += [line, f"join {join}"]
    if configuration.metrics is not None:
        lines.append(f"metrics http://{registry.open_metrics(configuration.metrics)}/metrics")
    registry.begin(join)
    return lines


def _at_signals(
    loop: "Loop",
    manager: "ServiceNotifier",
    registry: "RunningRegistry",
    configuration: "Configuration",
    read_again: Callable[[], "Configuration"],
) -> None:
    """Stop the registry on SIGTERM and SIGINT, and reload the settings on SIGHUP."""

    def end() -> None:
        manager.stopping()
        registry.stop()

    for number, then in (
        (signal.SIGTERM, end),
        (signal.SIGINT, end),
        (signal.SIGHUP, partial(_reload, registry, manager, configuration, read_again)),
    ):
        signal.signal(number, lambda *_, then=then: loop.call_from_thread(then))


def _reload(
    registry: "RunningRegistry",
    manager: "ServiceNotifier",
    before: "Configuration",
    read_again: Callable[[], "Configuration"],
) -> None:
    """Reload the settings, apply those that can change while running, and log the result.

    If a setting is invalid, nothing changes.
    """
    log = logging.getLogger(__name__)
    manager.reloading()
    try:
        now = read_again()
        registry.reload(now.limits, now.registration)
    except P2PError as error:
        log.error("not reloaded: %s", error.what)
    except click.ClickException as error:
        log.error("not reloaded: %s", error.format_message())
    else:
        log.info("reloaded: certificate, limits, registration")
        if replace(now, limits=before.limits, registration=before.registration) != before:
            log.warning("other settings have changed too; restart to apply them")
    manager.reloaded()


def _open_original(
    registry: "RunningRegistry", wanted: "OriginalListener", hello_interval: float
) -> list[str]:
    """Open the original listener; return its ready line. Logs the URL for clients."""
    listener = registry.server.open_original(wanted.tcp, wanted.tcp.at_port(wanted.udp_port))
    tcp, udp = listener.tcp.address, listener.udp.address
    url = f"original://{_as_others_reach(tcp)}?udp={udp.port}&hello={hello_interval:g}"
    logging.getLogger(__name__).debug("the original listener is --registry '%s'", url)
    return [f"listening {listener.dialect} tcp {tcp} udp {udp}"]


def _open_secure(
    registry: "RunningRegistry", wanted: "SecureListener", certificate: tuple[Path, Path] | None
) -> tuple[str, str]:
    """Open the secure listener; return its ready line and the join link."""
    listener, fingerprint = registry.open_secure(wanted.tcp, wanted.udp_port, certificate)
    join = _as_others_reach(listener.tcp.address)
    if wanted.join_host:
        join = join._replace(host=wanted.join_host)
    return (
        f"listening {listener.dialect} tcp {listener.tcp.address} udp {listener.udp.address}",
        f"p2p://{join}#{fingerprint}",
    )


def _as_others_reach(listening: "Address") -> "Address":
    """Return the address by which others reach a listener: this machine's name if it is on all
    interfaces.
    """
    if listening.host in {"0.0.0.0", "::"}:  # noqa: S104  # only compared
        return listening._replace(host=platform.node() or "localhost")
    return listening
