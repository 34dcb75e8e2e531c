"""The user's configuration file: its settings, how it is read, and its first version.

A setting comes from an option, else from the environment, else from this file, else from its
default. Knows no options; `settings` and `main` combine the sources.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from p2pchat.app.streams import read_text
from p2pchat.errors import StorageError, UsageError, nearest
from p2pchat.paths import name_of, text_of
from p2pchat.private_files import replace_private
from p2pchat.surrogates import without_surrogates

Value = str | int | float | bool


class Key(NamedTuple):
    """A setting: its name (`table.name` or `name`), default, meaning, and allowed values.

    If `default` is None, `kind` is the type of a value. The environment variable is P2P_ and the
    last part of the name. `is_path`: whether the value is a path.
    """

    name: str
    default: Value | None
    meaning: str
    choices: tuple[str, ...] = ()
    kind: type = str
    is_path: bool = False

    @property
    def type(self) -> type:
        """Return the type of a value."""
        return self.kind if self.default is None else type(self.default)

    @property
    def variable(self) -> str:
        """Return the environment variable that takes precedence over the file."""
        return "P2P_" + self.name.rpartition(".")[2].upper().replace("-", "_")


KEYS: Final = (
    Key(
        "registry",
        "p2p://localhost",
        "join links, with commas between; if unset: the registry used last",
    ),
    Key("peer-host", None, "where to accept calls; see p2p login --help for the default"),
    Key("peer-port", 0, "the port for calls; 0: any free one"),
    Key("allow-original", False, "also accept calls from users of the original system, in clear"),
    Key("keep-days", None, "delete finished lines after so many days", kind=float),
    Key("no-history", False, "keep lines only until they are delivered or seen"),
    Key("no-relay", False, "never connect through the registry: directly or not at all"),
    Key("hide-address", False, "always connect through the registry: no contact sees your address"),
    Key("no-portmap", False, "do not ask the router to open a port for callers"),
    Key("no-lan", False, "do not look for contacts in the local network, nor be found there"),
    Key("plain", False, "plain lines instead of the prompt, also for screen readers"),
    Key("files.accept", "ask", "what to do with files: ask, never, or accept them up to a size"),
    Key(
        "files.folder",
        "~/Downloads/p2pchat",
        "the folder for received files, with a subfolder per contact",
        is_path=True,
    ),
    Key("files.keep-free", "1GB", "disk space that received files leave free"),
    Key("files.rate", "0", "limit for sending a file, in bytes per second, such as 500kB; 0: none"),
    Key("files.at-once", 3, "concurrent transfers in each direction; with one contact, one fewer"),
    Key("prompt.edit-mode", "emacs", "editing keys", ("emacs", "vi")),
    Key("prompt.theme", "auto", "colours", ("auto", "dark", "light")),
    Key("prompt.timestamps", True, "show the time of each line"),
    Key("prompt.bell", True, "ring when a message arrives outside the open chat"),
    Key(
        "prompt.notifications",
        "off",
        "notifications by the terminal: OSC 9 (iTerm2, kitty) or 777 (rxvt, foot)",
        ("off", "osc9", "osc777"),
    ),
    Key(
        "prompt.notification-text",
        "name",
        "what a notification shows: the message, only the name, or neither",
        ("full", "name", "none"),
    ),
    Key("prompt.quiet-hours", None, "hours without bell and notifications, such as 22:00-07:00"),
)

_BY_NAME: Final = {key.name: key for key in KEYS}
_TABLES: Final = {"prompt", "files"}
PROFILE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


class UserConfiguration(NamedTuple):
    """The contents of a configuration file: settings by name, commands by event, and muted
    contacts.
    """

    values: Mapping[str, Value]
    hooks: Mapping[str, str]
    quiet: frozenset[str]


NOTHING: Final = UserConfiguration({}, {}, frozenset())


def read_configuration(file: Path, profile: str | None) -> UserConfiguration:
    """Return the profile's configuration; NOTHING if there is no file.

    Raise UsageError, naming the file and the key, if it is invalid.
    """
    text = _text(file)
    return NOTHING if text is None else configuration_of(text, file, profile)


def configuration_of(text: str, file: Path, profile: str | None) -> UserConfiguration:
    """Return the profile's configuration from a text, which may not be saved in the file yet.

    Raise UsageError like `read_configuration`.
    """
    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{file} is malformed: {error}",
            likely="a text lacks quotes, or a line is not of the form `name = value`",
            advice="p2p config edit",
        ) from error
    profiles = table.pop("profiles", {})
    found = _Reader(file)
    found.read(table)
    if profile is not None and isinstance(profiles, dict):
        found.read(profiles.get(profile, {}))
    return UserConfiguration(found.values, found.hooks, frozenset(found.quiet))


def profiles_of(text: str) -> list[str]:
    """Return the names of the profiles in a file's text; none if it is malformed."""
    import tomllib

    try:
        profiles = tomllib.loads(text).get("profiles", {})
    except tomllib.TOMLDecodeError:
        return []
    return list(profiles) if isinstance(profiles, dict) else []


def value_of(key: Key, text: str, where: str) -> Value:
    """Return the value of an environment variable. Raise UsageError if it is invalid."""
    if key.type is bool:
        if text.lower() in {"1", "true", "yes", "on"}:
            return True
        if text.lower() in {"0", "false", "no", "off"}:
            return False
    elif key.type is str:
        return _checked(key, text_of(text) if key.is_path else text, where)
    else:
        try:
            return key.type(text)  # type: ignore[no-any-return]
        except ValueError:
            pass
    raise UsageError(f"{where}: {text!r} is not {_wanted(key)}")


def write_first(file: Path) -> None:
    """Write a file with every setting commented out, unless it exists. Raise StorageError."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as new:
        new.write(template())


def keep_registry(file: Path, registry: str, profile: str | None) -> None:
    """Add the profile's registry to the file, unless it has one; the rest of the file is kept.

    Raise StorageError; UsageError if it must be added by hand.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    write_first(file)
    try:
        document = tomlkit.parse(_text(file) or "")
        table: Any = document
        for name in ("profiles", profile) if profile is not None else ():
            table = table.setdefault(name, tomlkit.table(is_super_table=name == "profiles"))
        table["registry"] = registry
    except (TOMLKitError, AttributeError, TypeError) as error:
        raise UsageError(
            f"{file} cannot be added to", advice=f"p2p config edit: registry = {shown(registry)}"
        ) from error
    replace_configuration(file, tomlkit.dumps(document))


def replace_configuration(file: Path, text: str) -> None:
    """Replace the file atomically. Raise StorageError."""
    try:
        replace_private(
            file.resolve(), without_surrogates(text).encode()
        )  # it may be a symbolic link
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}") from error


def template() -> str:
    """Return a configuration file in which every setting is commented out."""
    lines = [
        "# The settings of p2pchat. Commented lines show the defaults: remove the # to change one.",
        "# An option takes precedence over an environment variable, and that over this file.",
        "# `p2p config list --origin` shows the values in effect, and their sources.",
    ]
    table = ""
    for key in KEYS:
        here, _, name = key.name.rpartition(".")
        if here != table:
            table = here
            lines += ["", f"[{table}]"]
        choices = f" ({', '.join(key.choices)})" if key.choices else ""
        lines += ["", f"# {key.meaning}{choices}; or {key.variable}"]
        lines.append(f"# {name} = {'...' if key.default is None else shown(key.default)}")
    lines += [
        "",
        "# [contacts.bob]",
        "# quiet = true            # neither ring nor notify",
        "",
        "# [hooks]                 # commands, run without a shell; see P2P_EVENT, P2P_TEXT, ...",
        '# message = "notify-send p2pchat"',
        "",
        "# [profiles.work]         # overrides the above, with p2p --profile work",
        '# registry = "p2p://chat.example.org"',
    ]
    return "\n".join(lines) + "\n"


def shown(value: Value) -> str:
    """Return a value in TOML syntax."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, str) else f"{value:g}"


def _text(file: Path) -> str | None:
    """Return the content of the file; None if there is no file. Raise UsageError."""
    try:
        return read_text(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} cannot be read: {error}", advice="check its permissions"
        ) from error


class _Reader:
    """Reads a file's tables; later tables override earlier ones."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.values: dict[str, Value] = {}
        self.hooks: dict[str, str] = {}
        self.quiet: set[str] = set()

    def read(self, table: Mapping[str, Any], inside: str = "") -> None:
        """Read the table; `inside` is the prefix of its names. Raise UsageError."""
        for name, value in table.items():
            if not inside and name == "hooks":
                self._hooks(value)
            elif not inside and name == "contacts":
                self._contacts(value)
            elif not inside and name in _TABLES and isinstance(value, dict):
                self.read(value, f"{name}.")
            else:
                self._take(inside + name, value)

    def _take(self, name: str, value: Any) -> None:
        key = _BY_NAME.get(name)
        if key is None:
            near = nearest(name, [*_BY_NAME, "hooks", "contacts", "profiles"])
            raise UsageError(
                f"{self._file}: there is no setting {name!r}",
                likely=near and f"did you mean {near!r}?",
                advice="p2p config list",
            )
        if key.type is float and type(value) is int:
            value = float(value)
        if type(value) is not key.type:
            raise UsageError(f"{self._file}: {name} = {value!r} is not {_wanted(key)}")
        if isinstance(value, str):
            value = _checked(key, value, str(self._file))
        self.values[name] = value

    def _hooks(self, table: Any) -> None:
        if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
            raise UsageError(
                f"{self._file}: a hook is a command in quotes",
                advice='message = "notify-send hello"',
            )
        self.hooks.update((event, name_of(command)) for event, command in table.items())

    def _contacts(self, table: Any) -> None:
        for name, settings in table.items() if isinstance(table, dict) else [("", None)]:
            if not isinstance(settings, dict) or set(settings) - {"quiet"}:
                raise UsageError(
                    f"{self._file}: the only setting of a contact is `quiet`",
                    advice="[contacts.bob]",
                )
            (self.quiet.add if settings.get("quiet") else self.quiet.discard)(name)


def _checked(key: Key, value: str, where: str) -> str:
    if key.choices and value not in key.choices:
        raise UsageError(f"{where}: {key.name} = {value!r} is not {_wanted(key)}")
    return value


def _wanted(key: Key) -> str:
    if key.choices:
        return f"one of {', '.join(key.choices)}"
    return {bool: "true or false", int: "a whole number", float: "a number"}.get(
        key.type, "text in quotes"
    )
