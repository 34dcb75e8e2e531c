"""The settings of `p2p serve`: from flags, else the environment, else a file, else defaults.

Works with any option of the command: `--some-name` is P2P_SERVE_SOME_NAME in the environment and
`some-name` in the file. Knows two options by name: `--config`, which names the file, and
`--data-dir`, which contains that file by default.
"""

import os.path
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from p2pchat.app.settings import Settings, variables
from p2pchat.app.streams import read_text
from p2pchat.cli.limit_option import Given, NamedValues
from p2pchat.errors import UsageError, nearest
from p2pchat.paths import name_of

FILE_NAME: Final = "serve.toml"

_PREFIX: Final = "P2P_SERVE_"
_ARGUMENTS: Final = "p2pchat.cli.serve.settings.arguments"
_Kinds = tuple[type, ...]
_KINDS: Final[tuple[tuple[_Kinds, _Kinds, str], ...]] = (
    ((click.types.IntParamType,), (int,), "a whole number"),
    ((click.types.FloatParamType,), (int, float), "a number"),
    ((click.types.StringParamType, click.Path, click.Choice), (str,), "text in quotes"),
    ((click.ParamType,), (str, int, float), "a number or text in quotes"),  # our own types
)
"""The TOML types of an option type, and how errors describe them; the first match applies."""


class ServeCommand(click.Command):
    """A command whose every option can also be set by a variable or in a file."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._options: dict[str, click.Option] = {}
        self._families: dict[str, NamedValues] = {}
        for option in self.params:
            name = max(option.opts, key=len).removeprefix("--")
            if isinstance(option, NamedValues):
                self._families[name] = option
            elif isinstance(option, click.Option):
                self._options[name] = option
                option.envvar = _variable(name)
                option.show_envvar = True

    def environment(self) -> dict[str, str]:
        """Return every variable with its help."""
        each = {_variable(name): option.help or "" for name, option in self._options.items()}
        families = {
            f"{_variable(name)}_NAME": f"Like --{name} NAME=VALUE; NAME in capitals, _ for -."
            for name in self._families
        }
        return each | families

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the file and the variables that click does not read, then the flags.

        Raise UsageError.
        """
        ctx.meta[_ARGUMENTS] = tuple(args)
        if not ctx.resilient_parsing:
            flags, _, _ = self.make_parser(ctx).parse_args(args=list(args))
            if not any(each.is_eager and each.name in flags for each in self.get_params(ctx)):
                ctx.default_map = self._read(ctx, flags)
        return super().parse_args(ctx, args)

    def read_again(self, ctx: click.Context) -> dict[str, Any]:
        """Return the current values by parameter; the file may have changed.

        Raise UsageError, click.ClickException.
        """
        return self.make_context(ctx.info_name, list(ctx.meta[_ARGUMENTS]), ctx.parent).params

    def _read(self, ctx: click.Context, flags: dict[str, Any]) -> dict[str, Any]:
        environment = variables(_PREFIX)
        named = flags.get("config") or environment.get(_variable("config"))
        folder = flags.get("data_dir") or environment.get(_variable("data-dir"))
        settings: Settings = ctx.obj
        file = Path(named or Path(folder or settings.registry_folder) / FILE_NAME)
        found: dict[str, Any] = {}
        # Not Path.exists, which raises without permission: serving reports that, with advice.
        if named or os.path.exists(file):
            found = _File(ctx, file, self._options, self._families).read()
            found["config"] = str(file)
        for option, given in self._limits_in(environment):
            found[option] = (*found.get(option, ()), given)
        return found

    def _limits_in(self, environment: dict[str, str]) -> Iterator[tuple[str, Given]]:
        """Yield the settings that click cannot know, such as P2P_SERVE_LIMIT_SOME_NAME=5, by
        parameter.

        Raise UsageError for an unknown variable: a typo might leave a listener open.
        """
        own = {_variable(name) for name in self._options}
        families = {f"{_variable(name)}_": each.name or "" for name, each in self._families.items()}
        for variable in sorted(environment.keys() - own):
            prefix = next((p for p in families if variable.startswith(p)), None)
            if prefix is None:
                near = nearest(variable, own)
                raise UsageError(
                    f"{variable} is not a setting of p2p serve",
                    likely=near and f"did you mean {near}?",
                    advice="rename or unset it; p2p serve --help lists all settings",
                )
            name = variable.removeprefix(prefix).lower().replace("_", "-")
            yield families[prefix], Given(name, environment[variable], variable)


class _File:
    """A TOML file of settings: `some-name = value`, and a table for each family of limits."""

    def __init__(
        self,
        ctx: click.Context,
        file: Path,
        options: dict[str, click.Option],
        families: dict[str, NamedValues],
    ) -> None:
        self._ctx = ctx
        self._file = file
        self._options = {name: option for name, option in options.items() if name != "config"}
        self._tables = {f"{name}s": family for name, family in families.items()}

    def read(self) -> dict[str, Any]:
        """Return the values by parameter, as click's default_map takes them. Raise UsageError."""
        import tomllib

        try:
            table = tomllib.loads(read_text(self._file))
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise UsageError(
                f"cannot read the settings in {self._file}: {why}",
                likely="the path is wrong, or the file belongs to another user",
                advice="check --config and P2P_SERVE_CONFIG",
            ) from error
        except ValueError as error:
            raise UsageError(
                f"{self._file} is malformed: {error}",
                likely="a text lacks quotes, or a line is not of the form `name = value`",
                advice='write port = 7117, host = "::1", no-original = true',
            ) from error
        found: dict[str, Any] = {}
        for key, value in table.items():
            if isinstance(value, dict) and key in self._tables:
                name = self._tables[key].name or ""
                where = f"{self._file}: [{key}]"
                found[name] = tuple(Given(n, str(v), where) for n, v in value.items())
                continue
            option = self._options.get(key)
            if option is None:
                self._refuse_key(key)
            self._add(found, option, key, value)
        return found

    def _add(self, found: dict[str, Any], option: click.Option, key: str, value: Any) -> None:
        kinds, words = _wanted(option)
        values = value if option.multiple else [value]
        if not isinstance(values, list) or not all(_is_one(each, kinds) for each in values):
            raise UsageError(
                f"{self._file}: {key} = {_shown(value)} has the wrong type",
                likely=f"it must be {'a list of ' if option.multiple else ''}{words}",
                advice=f"p2p serve --help says more of --{key}",
            )
        if option.is_flag and not option.is_bool_flag:
            if value:
                found[option.name or ""] = option.flag_value
            return
        if isinstance(option.type, click.Path):
            value = str(self._file.parent / name_of(value))
        try:
            option.type_cast_value(self._ctx, value)
        except click.BadParameter as error:
            raise UsageError(
                f"{self._file}: {key} = {_shown(value)}: {error.message.rstrip('.')}",
                advice=f"p2p serve --help says more of --{key}",
            ) from error
        found[option.name or ""] = value

    def _refuse_key(self, key: str) -> NoReturn:
        near = nearest(key, [*self._options, *self._tables])
        raise UsageError(
            f"{self._file}: there is no setting {key!r}",
            likely=near and f"did you mean {near!r}?",
            advice="p2p serve --help lists them: the options' names without the dashes in front",
        )


def _variable(name: str) -> str:
    return _PREFIX + name.upper().replace("-", "_")


def _shown(value: object) -> str:
    """Return the value roughly as in TOML, in one line."""
    import json

    return json.dumps(value, default=str)


def _wanted(option: click.Option) -> tuple[_Kinds, str]:
    if option.is_flag:
        return (bool,), "true or false"
    return next((kinds, words) for types, kinds, words in _KINDS if isinstance(option.type, types))


def _is_one(value: object, kinds: _Kinds) -> bool:
    """Return whether the value has one of the types; unlike in Python, a bool is not a number."""
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
