"""`p2p serve --check`: check whether a registry could run with its configuration; change nothing.

Each check yields the findings on one subject.
"""

import datetime as dt
import importlib.util
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from p2pchat.app.registry_files import own_certificate, registry_database
from p2pchat.cli.report import Finding, Report, wrong
from p2pchat.cli.serve.configuration import Configuration
from p2pchat.errors import BindError, StorageError
from p2pchat.net.bound_socket import try_to_bind
from p2pchat.net.tls.certificates import fingerprint_of_file, lifetime_of_file, server_context
from p2pchat.private_files import refuse_unless_private_file
from p2pchat.registry.store.stores import try_file, try_shared
from p2pchat.storage import in_use

_SOON: Final = dt.timedelta(days=14)


def report(configuration: Configuration, file: Path | None) -> int:
    """Run all checks and print the findings; return 0, or 1 if anything is wrong.

    `file` is the settings file that was read, if any.
    """
    found = Report()
    found.tell("settings", Finding("ok", f"settings: {file or 'no file'}"))
    looks = {
        "settings": _settings,
        "folder": _folder,
        "database": _database,
        "certificate": _certificate,
        "doors": _listeners,
        "metrics": _metrics,
    }
    for name, look in looks.items():
        found.look(name, partial(look, configuration))
    return found.exit_code


def _settings(configuration: Configuration) -> Iterator[Finding]:
    for doubt in configuration.doubts():
        yield Finding("warn", doubt)


def _folder(configuration: Configuration) -> Iterator[Finding]:
    folder = configuration.folder
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"a full disk takes no byte")
    except OSError as error:
        raise StorageError(
            f"cannot write in the folder {there}: {error.strerror}",
            likely="it belongs to another user, its disk is full, or the service may only read it",
            advice="choose another --data-dir, or check its owner",
        ) from error
    yield Finding("ok", f"folder: {folder}{'' if there == folder else ', to be created'}")


def _database(configuration: Configuration) -> Iterator[Finding]:
    file = registry_database(configuration.folder)
    if configuration.database is not None:
        try_shared(configuration.database)
        yield Finding("ok", "database: shared, reachable")
    elif file.exists():
        try_file(file)
        yield Finding("ok", f"database: {file}")
    else:
        yield Finding("ok", f"database: {file}, to be created")


def _certificate(configuration: Configuration) -> Iterator[Finding]:
    if configuration.secure is None:
        return
    certificate, key = configuration.certificate or own_certificate(configuration.folder)
    missing = [file for file in (certificate, key) if not file.exists()]
    if len(missing) == 2:
        yield Finding("ok", f"certificate: {certificate}, to be created")
        return
    if missing:
        yield Finding(
            "wrong",
            f"certificate: {missing[0]} is missing",
            "a backup was restored only in part; with a new key no join link would work",
            f"restore {missing[0].name}, or remove the other file if you want a new key",
        )
        return
    server_context(certificate, key)
    if configuration.certificate is None:
        refuse_unless_private_file(key)
    since, until = lifetime_of_file(certificate)
    now = dt.datetime.now(dt.UTC)
    fingerprint = fingerprint_of_file(certificate)
    what = f"certificate: {certificate}, until {until:%Y-%m-%d}, key #{fingerprint}"
    if now >= until:
        yield Finding("wrong", f"{what}: it has expired", advice="renew it with the same key")
    elif now < since:
        yield Finding("wrong", f"{what}: it is not valid before {since:%Y-%m-%d %H:%M} UTC")
    elif until - now < _SOON:
        yield Finding("warn", f"{what}: it expires soon", advice="renew it with the same key")
    else:
        yield Finding("ok", what)


def _listeners(configuration: Configuration) -> Iterator[Finding]:
    if in_use(registry_database(configuration.folder)):
        yield Finding(
            "ok", f"listeners: not checked, a registry is running in {configuration.folder}"
        )
        return
    listeners = {"original": configuration.original, "secure": configuration.secure}
    for dialect, listener in listeners.items():
        if listener is None:
            continue
        try:
            try_to_bind(listener.tcp, listener.udp_port)
        except BindError as error:
            yield wrong(error)
        else:
            udp_port = listener.tcp.port if listener.udp_port is None else listener.udp_port
            yield Finding(
                "ok", f"listener: {dialect} tcp {listener.tcp} udp {listener.tcp.at_port(udp_port)}"
            )


def _metrics(configuration: Configuration) -> Iterator[Finding]:
    address = configuration.metrics
    if address is None:
        return
    if importlib.util.find_spec("prometheus_client") is None:
        yield Finding("wrong", "metrics: not available", advice="pip install 'p2pchat[metrics]'")
    elif in_use(registry_database(configuration.folder)):
        yield Finding("ok", "metrics: the address was not checked, a registry is running")
    else:
        try_to_bind(address, 0)
        yield Finding("ok", f"metrics: http://{address}/metrics")
