"""What `p2p doctor` sees of this machine: versions, files, the clock. Touches no network."""

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
    """Report which versions run."""
    yield Finding(
        "ok",
        f"versions: p2pchat {__version__}, Python {platform.python_version()},"
        f" {openssl_to_the_registry()} to the registry, {openssl_to_contacts()} to contacts",
    )


def files(settings: Settings) -> Iterator[Finding]:
    """See whether what we keep is for its owner's eyes; makes nothing."""
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
        yield Finding("ok", f"files: {settings.data_home}, for you alone")


def profile(settings: Settings) -> Iterator[Finding]:
    """See whether what we keep can be read, and written; changes nothing."""
    file = settings.profile_file
    if not file.exists():
        return
    if is_read_only(file):
        with read_only_copy(file):
            yield Finding(
                "warn",
                f"profile: {file} can be read and not written",
                "its folder or file system is read-only, or another user's",
                f"chmod u+w {file.parent} {file}; until then history and contacts can be read",
            )
        return
    try_profile(file)
    if settings.identity_file.exists():
        load_identity(settings.identity_file)
    yield Finding("ok", "profile: its database and its key are whole")


def _mode(path: Path, mark: str) -> Finding | None:
    found = path.stat()
    if found.st_uid != os.getuid():
        advice = f"sudo chown -R {os.getuid()} {path}"
        return Finding(mark, f"{path} is another user's", "p2p was run with sudo once", advice)
    if stat.S_IMODE(found.st_mode) & 0o077:
        advice = f"chmod {'700' if path.is_dir() else '600'} {path}"
        return Finding(mark, f"others can read {path}", "its mode was changed", advice)
    return None


def clock(settings: Settings) -> Iterator[Finding]:
    """See whether the clock is behind what was written by it; no registry tells the time."""
    files = [Path(__file__), settings.identity_file, settings.profile_file]
    latest = max((file for file in files if file.exists()), key=lambda file: file.stat().st_mtime)
    written = dt.datetime.fromtimestamp(latest.stat().st_mtime, dt.UTC)
    now = dt.datetime.now(dt.UTC)
    if now < written:
        yield Finding(
            "warn",
            f"clock: it says {now:%Y-%m-%d %H:%M} UTC, before {latest} was written",
            f"it is behind: that was at {written:%Y-%m-%d %H:%M} UTC",
            "date, and let the system set it: timedatectl set-ntp true",
        )
        return
    yield Finding(
        "ok",
        f"clock: {now:%Y-%m-%d %H:%M} UTC, which nothing here contradicts (no registry tells"
        " the time)",
    )
