"""`p2p serve --check`: see whether a registry could run as it is configured, and change nothing.

Each look gives findings; none of them stops the next one.
"""

import datetime as dt
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import click

from p2pchat.cli.options import own_certificate, registry_database
from p2pchat.cli.serve_configuration import Configuration
from p2pchat.errors import BindError, P2PError, StorageError
from p2pchat.net.certificates import fingerprint_of_file, lifetime_of_file, server_context
from p2pchat.net.endpoints import try_to_bind
from p2pchat.registry.stores import try_file, try_shared
from p2pchat.storage import in_use

_SOON: Final = dt.timedelta(days=14)


class _Finding(NamedTuple):
    """A line; `mark` is ok, warn or wrong, and only wrong keeps a registry from running."""

    mark: str
    what: str
    likely: str = ""
    advice: str = ""


def report(configuration: Configuration, file: Path | None) -> int:
    """Print what was found, a line each; give the exit code: 0, or 1 where something is wrong.

    `file` is where settings were read from, if from a file.
    """
    click.echo(f"ok settings: {file or 'no file'}")
    is_wrong = False
    for look in (_settings, _folder, _database, _certificate, _doors):
        for finding in _findings(look, configuration):
            is_wrong |= finding.mark == "wrong"
            click.echo(f"{finding.mark} {finding.what}")
            if finding.likely:
                click.echo(f"  likely: {finding.likely}")
            if finding.advice:
                click.echo(f"  try: {finding.advice}")
    return P2PError.exit_code if is_wrong else 0


def _findings(
    look: Callable[[Configuration], Iterator[_Finding]], configuration: Configuration
) -> Iterator[_Finding]:
    try:
        yield from look(configuration)
    except P2PError as error:
        yield _wrong(error)
    except OSError as error:
        yield _Finding(
            "wrong",
            f"cannot look at {error.filename}: {error.strerror}",
            "you are not who is to run the registry",
            "run it as that user",
        )


def _wrong(error: P2PError) -> _Finding:
    return _Finding("wrong", error.what, error.likely, error.advice)


def _settings(configuration: Configuration) -> Iterator[_Finding]:
    for doubt in configuration.doubts():
        yield _Finding("warn", doubt)


def _folder(configuration: Configuration) -> Iterator[_Finding]:
    folder = configuration.folder
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"a full disk takes no byte")
    except OSError as error:
        raise StorageError(
            f"cannot write in the folder {there}: {error.strerror}",
            likely="it is not yours, its disk is full, or the service may only read it",
            advice="choose another --data-dir, or look at its owner",
        ) from error
    yield _Finding("ok", f"folder: {folder}{'' if there == folder else ', to be made'}")


def _database(configuration: Configuration) -> Iterator[_Finding]:
    file = registry_database(configuration.folder)
    if configuration.database is not None:
        try_shared(configuration.database)
        yield _Finding("ok", "database: shared, and it answers")
    elif file.exists():
        try_file(file)
        yield _Finding("ok", f"database: {file}")
    else:
        yield _Finding("ok", f"database: {file}, to be made")


def _certificate(configuration: Configuration) -> Iterator[_Finding]:
    if configuration.secure is None:
        return
    certificate, key = configuration.certificate or own_certificate(configuration.folder)
    missing = [file for file in (certificate, key) if not file.exists()]
    if len(missing) == 2:
        yield _Finding("ok", f"certificate: {certificate}, to be made")
        return
    if missing:
        yield _Finding(
            "wrong",
            f"certificate: {missing[0]} is not there",
            "a copy was put back in part; another key would be made, and no join link hold",
            f"put {missing[0].name} back, or take the other one away if that is what you want",
        )
        return
    server_context(certificate, key)
    since, until = lifetime_of_file(certificate)
    now = dt.datetime.now(dt.UTC)
    fingerprint = fingerprint_of_file(certificate)
    what = f"certificate: {certificate}, until {until:%Y-%m-%d}, key #{fingerprint}"
    if now >= until:
        yield _Finding("wrong", f"{what}: it has expired", advice="renew it over the same key")
    elif now < since:
        yield _Finding("wrong", f"{what}: it is good from {since:%Y-%m-%d %H:%M} UTC only")
    elif until - now < _SOON:
        yield _Finding("warn", f"{what}: it expires soon", advice="renew it over the same key")
    else:
        yield _Finding("ok", what)


def _doors(configuration: Configuration) -> Iterator[_Finding]:
    if in_use(registry_database(configuration.folder)):
        yield _Finding("ok", f"doors: not tried, a registry runs on {configuration.folder}")
        return
    doors = {"original": configuration.original, "secure": configuration.secure}
    for dialect, door in doors.items():
        if door is None:
            continue
        try:
            try_to_bind(door.tcp, door.udp_port)
        except BindError as error:
            yield _wrong(error)
        else:
            udp_port = door.tcp.port if door.udp_port is None else door.udp_port
            yield _Finding("ok", f"door: {dialect} tcp {door.tcp} udp {door.tcp.at_port(udp_port)}")
