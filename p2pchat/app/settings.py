"""What the environment and the configuration file say, read once: the only reader of `os.environ`.

Lower rooms get plain values. Options of the command line outrank what is here.
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
    "P2P_HOME": "a folder for everything that we keep, instead of your platform's usual ones",
    "P2P_PROFILE": "which self to be, where --profile does not say it",
    "P2P_PASSWORD": "the password, as the last resort: other programs of yours can read it",
    "TERM": "with dumb or unknown, plain lines instead of the prompt",
    "NO_COLOR": "if set, no colours at the prompt",
    "PAGER": "what shows long help",
    "XDG_RUNTIME_DIR": "where the running node's control socket is",
    "XDG_DATA_HOME": "where keys, accounts and history are, and where completions are installed",
    "XDG_CONFIG_HOME": "where config.toml is",
    "XDG_STATE_HOME": "where what was typed is remembered",
    "NOTIFY_SOCKET": "where systemd hears that p2p serve is ready",
    "WATCHDOG_USEC": "how often systemd wants a sign of life",
    "WATCHDOG_PID": "from which process",
}
"""What is read here, or by libraries of ours, beside the settings that have a key in the file."""


JOIN_LINK: Final = "join-link"
"""The file in a registry's folder in which it leaves the link by which others join."""

DEFAULT: Final = "default"
"""Where a setting comes from that nothing names."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where we keep things, which registry is meant, and the password of last resort."""

    data_home: Path
    state_home: Path
    run_folder: Path
    """Where the running node's control socket is."""
    run_folder_doubt: str
    """Why that is not where XDG_RUNTIME_DIR says; empty if it is."""
    config_file: Path
    profile: str | None
    """Which of several; None: the one without a name."""
    resolved: Mapping[str, tuple[Value | None, str]]
    """Each setting of the configuration file as it counts, and where it comes from."""
    look: Appearance
    hooks: Mapping[str, str]
    """What to run when something happens, by event."""
    password: str | None = field(repr=False)
    dumb_terminal: bool
    """Whether the terminal cannot move its cursor, so that only plain lines can be shown."""
    complete_home: Path
    """Where shells look for a user's own completions: XDG_DATA_HOME and the like."""
    notify_socket: str | None = None
    """Where a service manager wants to hear how we are, see sd_notify(3)."""
    watchdog_s: float | None = None
    """Within how many seconds it wants a sign of life each time."""
    trouble: UsageError | None = None
    """Why the configuration file does not count; commands that repair things go on without it."""

    @property
    def registry(self) -> str:
        """Which registry is meant."""
        return str(self.registry_and_origin[0])

    @property
    def registry_and_origin(self) -> tuple[Value | None, str]:
        """The registry that is meant, and where that comes from.

        Where nothing names one, it is the one at which an account was used last. A profile that
        cannot be read is ignored here: what needs it reports that.
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
        """Return what counts for options that are not given, by parameter."""
        return {
            name.replace("-", "_"): value
            for name, (value, _) in self.resolved.items()
            if value is not None and name != "registry"
        }

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

    @property
    def log_file(self) -> Path:
        """The file that holds the log of the profile's node."""
        return self.state_home / "p2p.log"


def make_folder(folder: Path) -> None:
    """Make the folder, and those above that are missing, for their owner alone.

    Raise StorageError.
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


def private_folder(folder: Path) -> None:
    """Make the folder if it is not there. Raise StorageError if others may enter it."""
    make_folder(folder)
    refuse_if_others_can_read(folder)


def from_environment(
    environment: Mapping[str, str] = os.environ,
    profile: str | None = None,
    read: Callable[[Path, str | None], UserConfiguration] = read_configuration,
) -> Settings:
    """Return the settings of a profile (else of the one that P2P_PROFILE names, else of none).

    `P2P_HOME` moves everything that we keep. Raise UsageError if the file or a variable makes
    no sense.
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
    """Return the settings as if there were no configuration file, which has that `trouble`.

    Raise UsageError if the trouble is elsewhere.
    """
    settings = from_environment(environment, profile, read=lambda *_: NOTHING)
    return replace(settings, trouble=trouble)


def _below(profile: str | None) -> Path:
    """Return where a profile's files are, below where those of no profile are."""
    if profile is None:
        return Path()
    if not PROFILE_NAME.fullmatch(profile):
        raise UsageError(
            f"{profile!r} is no name of a profile",
            advice="lower-case letters, digits, '.', '_', '-'",
        )
    return Path("profiles") / profile


def _resolve(
    environment: Mapping[str, str], configuration: UserConfiguration, file: Path
) -> dict[str, tuple[Value | None, str]]:
    """Return each setting's value, and where it comes from."""
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
    """Return the look of the prompt."""
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
            f"quiet-hours: {hours!r} is no span of time", advice="two times of day: 22:00-07:00"
        ) from None
    return Appearance(quiet=quiet, quiet_hours=quiet_hours, **prompt)


def variables(prefix: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that begin with the prefix and are not empty."""
    return {name: value for name, value in environment.items() if name.startswith(prefix) and value}


def _watchdog(environment: Mapping[str, str]) -> float | None:
    """Return the watchdog's seconds, unless it was set for another process that passed it on."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID") or str(os.getpid())
    if not microseconds.isdecimal() or not int(microseconds) or pid != str(os.getpid()):
        return None
    return int(microseconds) / 1e6


def _run_folder(
    environment: Mapping[str, str], home: str | None, directories: platformdirs.PlatformDirs
) -> tuple[Path, str]:
    """Return the folder in XDG_RUNTIME_DIR, or one of ours if the system has none for us.

    After `su` the variable may still name another user's: the second value tells what is wrong.
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
