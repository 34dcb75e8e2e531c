"""Settings from the environment and the configuration file: the only reader of `os.environ`.

Lower layers receive plain values. Command-line options take precedence over these settings.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import platformdirs

from p2pchat.app.config_file import (
    KEYS,
    NOTHING,
    PROFILE_NAME,
    UserConfiguration,
    Value,
    read_configuration,
    value_of,
)
from p2pchat.errors import StorageError, UsageError
from p2pchat.private_files import refuse_if_others_can_read
from p2pchat.ui.text.appearance import Appearance
from p2pchat.ui.text.quiet_hours import QuietHours

VARIABLES: Final = {
    "P2P_HOME": "folder for all files of p2pchat, instead of your platform's usual ones",
    "P2P_PROFILE": "the profile to use, without --profile",
    "P2P_PASSWORD": "the password, as a last resort: your other programs can read it",
    "TERM": "with dumb or unknown, plain lines instead of the prompt",
    "NO_COLOR": "if set, no colours at the prompt",
    "PAGER": "the program that shows long help",
    "XDG_RUNTIME_DIR": "folder of the running node's control socket",
    "XDG_DATA_HOME": "folder of keys, accounts, history and shell completions",
    "XDG_CONFIG_HOME": "folder of config.toml",
    "XDG_STATE_HOME": "folder of the input history and logs",
    "NOTIFY_SOCKET": "systemd's socket for readiness notifications of p2p serve",
    "WATCHDOG_USEC": "systemd's watchdog interval",
    "WATCHDOG_PID": "the process that systemd watches",
}
"""Variables read here or by libraries, besides those of settings in the file."""


JOIN_LINK: Final = "join-link"
"""The file in a registry's folder that contains its join link."""

DEFAULT: Final = "default"
"""The origin of a setting that is not set anywhere."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Paths, the registry, and the password of last resort."""

    data_home: Path
    state_home: Path
    run_folder: Path
    """The folder of the running node's control socket."""
    run_folder_doubt: str
    """Why the folder in XDG_RUNTIME_DIR is not used; empty if it is."""
    config_file: Path
    profile: str | None
    """The profile's name; None for the default profile."""
    resolved: Mapping[str, tuple[Value | None, str]]
    """The value in effect of each setting in the configuration file, and its origin."""
    look: Appearance
    hooks: Mapping[str, str]
    """The commands to run, by event."""
    password: str | None = field(repr=False)
    dumb_terminal: bool
    """Whether the terminal cannot move its cursor, so that only plain lines are possible."""
    complete_home: Path
    """Where shells look for a user's completions: XDG_DATA_HOME and the like."""
    notify_socket: str | None = None
    """The service manager's notification socket, see sd_notify(3)."""
    watchdog_s: float | None = None
    """The seconds within which the service manager expects each sign of life."""
    trouble: UsageError | None = None
    """The error in the configuration file; repair commands run without the file."""

    @property
    def registry(self) -> str:
        """The registry's URL."""
        return str(self.registry_and_origin[0])

    @property
    def registry_and_origin(self) -> tuple[Value | None, str]:
        """The registry's URL, and its origin.

        If none is set, it is the registry at which an account was last used. An unreadable profile
        is ignored here; the code that needs it reports the error.
        """
        value, origin = self.resolved["registry"]
        if origin == DEFAULT and self.profile_file.exists():
            from p2pchat.peer.store.profile import open_to_read

            with suppress(StorageError), open_to_read(self.profile_file) as profile:
                last = profile.last_registry()
                if last is not None:
                    return last, "last used"
        return value, origin

    @property
    def option_defaults(self) -> dict[str, Value]:
        """Return the defaults for options that are not given, by parameter."""
        return {
            name.replace("-", "_"): value
            for name, (value, _) in self.resolved.items()
            if value is not None and name != "registry"
        }

    @property
    def registry_folder(self) -> Path:
        """The folder in which `p2p serve` keeps its accounts."""
        return self.data_home / "registry"

    @property
    def profile_file(self) -> Path:
        """The client's database: accounts, contacts and history."""
        return self.data_home / "profile.sqlite3"

    @property
    def identity_file(self) -> Path:
        """The file of our identity key."""
        return self.data_home / "identity.pem"

    @property
    def input_history_file(self) -> Path:
        """The file of lines typed at the prompt."""
        return self.state_home / "input-history"

    @property
    def log_file(self) -> Path:
        """The file that holds the log of the profile's node."""
        return self.state_home / "p2p.log"


def make_folder(folder: Path) -> None:
    """Create the folder and its missing parents, accessible only to the owner.

    Raise StorageError.
    """
    try:
        for missing in (*reversed(folder.parents), folder):
            if not missing.exists():  # mkdir's `parents` would use the umask for them
                missing.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot create the folder {folder}: {error.strerror}",
            advice="set P2P_HOME to a folder of yours",
        ) from error


def private_folder(folder: Path) -> None:
    """Create the folder if it is missing. Raise StorageError if others may enter it."""
    make_folder(folder)
    refuse_if_others_can_read(folder)


def from_environment(
    environment: Mapping[str, str] = os.environ,
    profile: str | None = None,
    read: Callable[[Path, str | None], UserConfiguration] = read_configuration,
) -> Settings:
    """Return the settings of a profile: the given one, else the one in P2P_PROFILE, else the
    default.

    `P2P_HOME` moves all files. Raise UsageError if the file or a variable is invalid.
    """
    home = environment.get("P2P_HOME")
    directories = platformdirs.PlatformDirs("p2pchat", appauthor=False)
    profile = profile or environment.get("P2P_PROFILE") or None
    below = _below(profile)
    config_home = Path(home) / "config" if home else directories.user_config_path
    config_file = config_home / "config.toml"
    configuration = read(config_file, profile)
    resolved = _resolve(environment, configuration, config_file)
    values = {name: value for name, (value, _) in resolved.items()}
    run_folder, doubt = _run_folder(environment, home, directories)
    return Settings(
        data_home=(Path(home) / "data" if home else directories.user_data_path) / below,
        state_home=(Path(home) / "state" if home else directories.user_state_path) / below,
        run_folder=run_folder / below,
        run_folder_doubt=doubt,
        config_file=config_file,
        profile=profile,
        resolved=resolved,
        look=_look(values, configuration.quiet),
        hooks=configuration.hooks,
        password=environment.get("P2P_PASSWORD") or None,
        dumb_terminal=environment.get("TERM", "") in {"dumb", "unknown"},
        complete_home=Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"),
        notify_socket=environment.get("NOTIFY_SOCKET") or None,
        watchdog_s=_watchdog(environment),
    )


def without_file(
    trouble: UsageError, environment: Mapping[str, str] = os.environ, profile: str | None = None
) -> Settings:
    """Return the settings without the configuration file, which has the given `trouble`.

    Raise UsageError if the trouble is elsewhere.
    """
    settings = from_environment(environment, profile, read=lambda *_: NOTHING)
    return replace(settings, trouble=trouble)


def _below(profile: str | None) -> Path:
    """Return a profile's folder, relative to that of the default profile."""
    if profile is None:
        return Path()
    if not PROFILE_NAME.fullmatch(profile):
        raise UsageError(
            f"{profile!r} is not a valid profile name",
            advice="lower-case letters, digits, '.', '_', '-'",
        )
    return Path("profiles") / profile


def _resolve(
    environment: Mapping[str, str], configuration: UserConfiguration, file: Path
) -> dict[str, tuple[Value | None, str]]:
    """Return each setting's value and origin."""
    resolved: dict[str, tuple[Value | None, str]] = {}
    for key in KEYS:
        text = environment.get(key.variable)
        if text:
            value = value_of(key, text, key.variable)
            resolved[key.name] = value, key.variable
        elif key.name in configuration.values:
            resolved[key.name] = configuration.values[key.name], str(file)
        else:
            resolved[key.name] = key.default, DEFAULT
    return resolved


def _look(values: Mapping[str, Any], quiet: frozenset[str]) -> Appearance:
    """Return the prompt's appearance."""
    prompt = {
        name.removeprefix("prompt.").replace("-", "_"): value
        for name, value in values.items()
        if name.startswith("prompt.")
    }
    hours = prompt.pop("quiet_hours", None)
    try:
        quiet_hours = QuietHours.parse(hours) if hours else None
    except ValueError:
        raise UsageError(
            f"quiet-hours: {hours!r} is not a time span", advice="two times of day: 22:00-07:00"
        ) from None
    return Appearance(quiet=quiet, quiet_hours=quiet_hours, **prompt)


def variables(prefix: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the non-empty variables with that prefix."""
    return {name: value for name, value in environment.items() if name.startswith(prefix) and value}


def _watchdog(environment: Mapping[str, str]) -> float | None:
    """Return the watchdog's seconds, unless it watches another process, which passed it on."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID") or str(os.getpid())
    if not microseconds.isdecimal() or not int(microseconds) or pid != str(os.getpid()):
        return None
    return int(microseconds) / 1e6


def _run_folder(
    environment: Mapping[str, str], home: str | None, directories: platformdirs.PlatformDirs
) -> tuple[Path, str]:
    """Return the folder in XDG_RUNTIME_DIR, or our own if the system provides none.

    After `su` the variable may name another user's folder; the second value says what is wrong.
    """
    if home:
        return Path(home) / "run", ""
    ours = directories.user_state_path / "run"
    runtime = environment.get("XDG_RUNTIME_DIR")
    if not runtime:
        return ours, ""
    try:
        owner = Path(runtime).stat().st_uid
    except OSError as error:
        return ours, f"XDG_RUNTIME_DIR ({runtime}) cannot be used: {error.strerror}"
    if owner != os.geteuid():
        return ours, f"XDG_RUNTIME_DIR ({runtime}) belongs to another user"
    return Path(runtime) / "p2pchat", ""
