"""What the environment says, read once: the only reader of `os.environ`.

Lower rooms get plain values. Flags outrank what is here; `options` sees to that.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from p2pchat.errors import StorageError

DEFAULT_REGISTRY = "p2p://localhost"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where we keep things, which registry is meant, and the password of last resort."""

    data_home: Path
    state_home: Path
    run_folder: Path
    """Where the running node's control socket is."""
    registry: str
    password: str | None = field(repr=False)
    dumb_terminal: bool
    """Whether the terminal cannot move its cursor, so that only plain lines can be shown."""
    complete_home: Path
    """Where shells look for a user's own completions: XDG_DATA_HOME and the like."""
    notify_socket: str | None = None
    """Where a service manager wants to hear how we are, see sd_notify(3)."""
    watchdog_s: float | None = None
    """Within how many seconds it wants a sign of life each time."""

    @property
    def registry_folder(self) -> Path:
        """Where `p2p serve` keeps its accounts."""
        return self.data_home / "registry"

    @property
    def profile_file(self) -> Path:
        """What our own end knows: accounts and names."""
        return self.data_home / "profile.sqlite3"

    @property
    def identity_file(self) -> Path:
        """The key by which others know us."""
        return self.data_home / "identity.pem"

    @property
    def input_history_file(self) -> Path:
        """What was typed at the prompt."""
        return self.state_home / "input-history"


def make_folder(folder: Path) -> None:
    """Make the folder, and those above that are missing, for their owner alone.

    Raises StorageError.
    """
    try:
        for missing in (*reversed(folder.parents), folder):
            if not missing.exists():  # mkdir's own `parents` would give them the umask's mode
                missing.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {folder}: {error.strerror}",
            advice="set P2P_HOME to a folder of yours",
        ) from error


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Give the settings; `P2P_HOME` moves everything that we keep."""
    home = environment.get("P2P_HOME")
    directories = platformdirs.PlatformDirs("p2pchat", appauthor=False)
    return Settings(
        data_home=Path(home) / "data" if home else directories.user_data_path,
        state_home=Path(home) / "state" if home else directories.user_state_path,
        run_folder=_run_folder(environment, home, directories),
        registry=environment.get("P2P_REGISTRY") or DEFAULT_REGISTRY,
        password=environment.get("P2P_PASSWORD") or None,
        dumb_terminal=environment.get("TERM", "") in {"dumb", "unknown"},
        complete_home=Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"),
        notify_socket=environment.get("NOTIFY_SOCKET") or None,
        watchdog_s=_watchdog(environment),
    )


def variables(prefix: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give the variables whose names begin so; an empty one is none."""
    return {name: value for name, value in environment.items() if name.startswith(prefix) and value}


def _watchdog(environment: Mapping[str, str]) -> float | None:
    """Give the watchdog's seconds, unless it was set for another process that passed it on."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID") or str(os.getpid())
    if not microseconds.isdecimal() or not int(microseconds) or pid != str(os.getpid()):
        return None
    return int(microseconds) / 1e6


def _run_folder(
    environment: Mapping[str, str], home: str | None, directories: platformdirs.PlatformDirs
) -> Path:
    """Give XDG_RUNTIME_DIR's, or a folder of ours where the system has none."""
    if home:
        return Path(home) / "run"
    runtime = environment.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "p2pchat" if runtime else directories.user_state_path / "run"
