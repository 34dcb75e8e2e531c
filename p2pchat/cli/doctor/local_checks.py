"""The local checks of `p2p doctor`: versions, files, the clock. No network access."""

import datetime as dt
import os
import platform
import stat
from collections.abc import Iterator
from pathlib import Path

from p2pchat.app.settings import Settings
from p2pchat.cli.report import Finding
from p2pchat.net.tls.certificates import openssl_to_the_registry
from p2pchat.net.tls.peer_tls import openssl_to_contacts
from p2pchat.peer.store.identity import load_identity
from p2pchat.peer.store.profile import read_only_copy, try_profile
from p2pchat.private_files import is_read_only
from p2pchat.version import __version__


def versions() -> Iterator[Finding]:
    """Report the versions of p2pchat, Python and OpenSSL."""
    yield Finding(
        "ok",
        f"versions: p2pchat {__version__}, Python {platform.python_version()},"
        f" {openssl_to_the_registry()} to the registry, {openssl_to_contacts()} to contacts",
    )


def files(settings: Settings) -> Iterator[Finding]:
    """Check that only the owner can read the profile's files; creates nothing."""
    folders = (settings.data_home, settings.state_home, settings.run_folder)
    secrets = (settings.data_home, settings.profile_file, settings.identity_file)
    others = (settings.state_home, settings.run_folder, settings.input_history_file)
    doubts = [
        doubt
        for path in (*secrets, *others)
        if path.exists()
        and (path.is_dir() == (path in folders))
        and (doubt := _mode(path, "wrong" if path in secrets else "warn"))
    ]
    yield from doubts
    if not settings.profile_file.exists():
        yield Finding("ok", f"files: none in {settings.data_home} yet")
    elif not doubts:
        yield Finding("ok", f"files: {settings.data_home}, readable only by you")


def profile(settings: Settings) -> Iterator[Finding]:
    """Check that the profile can be read and written; changes nothing."""
    file = settings.profile_file
    if not file.exists():
        return
    if is_read_only(file):
        with read_only_copy(file):
            yield Finding(
                "warn",
                f"profile: {file} can be read but not written",
                "it, its folder or its file system is read-only, or belongs to another user",
                f"chmod u+w {file.parent} {file} (history and contacts can be read meanwhile)",
            )
        return
    try_profile(file)
    if settings.identity_file.exists():
        load_identity(settings.identity_file)
    yield Finding("ok", "profile: its database and its key are intact")


def _mode(path: Path, mark: str) -> Finding | None:
    found = path.stat()
    if found.st_uid != os.getuid():
        advice = f"sudo chown -R {os.getuid()} {path}"
        return Finding(
            mark, f"{path} belongs to another user", "p2p was once run with sudo", advice
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        advice = f"chmod {'700' if path.is_dir() else '600'} {path}"
        return Finding(mark, f"others can read {path}", "its mode was changed", advice)
    return None


def clock(settings: Settings) -> Iterator[Finding]:
    """Check that the clock is not behind the profile's own files; the registry reports no time."""
    files = [Path(__file__), settings.identity_file, settings.profile_file]
    latest = max((file for file in files if file.exists()), key=lambda file: file.stat().st_mtime)
    written = dt.datetime.fromtimestamp(latest.stat().st_mtime, dt.UTC)
    now = dt.datetime.now(dt.UTC)
    if now < written:
        yield Finding(
            "warn",
            f"clock: it shows {now:%Y-%m-%d %H:%M} UTC, before {latest} was written",
            f"it is slow: that was at {written:%Y-%m-%d %H:%M} UTC",
            "check it with date, and let the system set it: timedatectl set-ntp true",
        )
        return
    yield Finding(
        "ok",
        f"clock: {now:%Y-%m-%d %H:%M} UTC, not behind your files (the registry does not report"
        " its time)",
    )
