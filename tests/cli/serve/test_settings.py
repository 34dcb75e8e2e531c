"""Settings of `p2p serve`: the order of their sources, and the errors of each."""

import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from p2pchat.app.settings import from_environment
from p2pchat.cli.limit_option import limit_of
from p2pchat.cli.main import cli
from p2pchat.cli.options import data_dir
from p2pchat.cli.serve.serve import serve
from p2pchat.cli.serve.settings import ServeCommand
from tests.programs import Program, Serve, environment, running


@dataclass(frozen=True)
class _Limits:
    a_b: int = 0
    c: float = 0.0


Say = Callable[..., str]
Check = Callable[..., Result]


@pytest.fixture
def say(tmp_path: Path) -> Say:
    """Return a function that tells the value of an option of a sample command."""

    @click.command(cls=ServeCommand)
    @click.option("--config", type=click.Path(exists=True))
    @click.option("--size", default=1, type=int)
    @click.option("--ratio", type=float)
    @click.option("--big-word", default="x")
    @click.option("--yes", is_flag=True)
    @click.option("--loud", "voice", flag_value=2)
    @click.option("--soft", "voice", flag_value=1)
    @click.option("--many", multiple=True)
    @click.option("--key", type=click.Path(exists=True))
    @limit_of(_Limits)
    @data_dir
    def command(**options: object) -> None:
        for name, value in options.items():
            click.echo(f"{name}={value}")  # noqa: TID251  # nothing remote is in it

    def invoke(name: str, *flags: str, file: str = "", **env: str) -> str:
        (tmp_path / "serve.toml").write_text(file)
        settings = from_environment({"P2P_HOME": str(tmp_path / "home")})
        result = CliRunner(env=env).invoke(
            command, ["--data-dir", str(tmp_path), *flags], obj=settings
        )
        assert result.exit_code == 0, result.output or result.exception
        found = re.search(rf"^{name}=(.*)$", result.output, re.MULTILINE)
        assert found
        return found[1]

    return invoke


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Return a function that checks the real command with a text as its file."""

    def invoke(file: str | bytes, *flags: str, **env: str) -> Result:
        data = file if isinstance(file, bytes) else file.encode()
        (tmp_path / "settings.toml").write_bytes(data)
        config = str(tmp_path / "settings.toml")
        return CliRunner(env={"P2P_HOME": str(tmp_path)} | env).invoke(
            cli, ["serve", "--check", "--config", config, *flags]
        )

    return invoke


def test_option_overrides_environment_overrides_file(say: Say) -> None:
    """Every option has this order of sources."""
    env = {"P2P_SERVE_SIZE": "3"}
    assert say("size") == "1"
    assert say("size", file="size = 2") == "2"
    assert say("size", file="size = 2", **env) == "3"
    assert say("size", "--size", "4", file="size = 2", **env) == "4"
    assert say("ratio", file="ratio = 2") == "2.0"
    assert say("big_word", file='big-word = "y"') == "y"
    assert say("big_word", P2P_SERVE_BIG_WORD="z") == "z"
    assert say("many", file='many = ["a", "b c"]') == "('a', 'b c')"
    assert say("size", P2P_SERVE_SIZE="") == "1"


@pytest.mark.parametrize(("value", "is_on"), [("1", "True"), ("true", "True"), ("0", "False")])
def test_flags_are_true_or_false(say: Say, value: str, is_on: str) -> None:
    """A flag is true or false in the file and the environment."""
    assert say("yes", P2P_SERVE_YES=value) == is_on
    assert say("yes", file="yes = true", P2P_SERVE_YES=value) == is_on
    assert say("yes", "--yes", P2P_SERVE_YES="0") == "True"


def test_nearest_of_exclusive_flags_wins(say: Say) -> None:
    """Of flags that exclude each other, the one from the nearest source wins."""
    assert say("voice") == "None"
    assert say("voice", file="soft = true") == "1"
    assert say("voice", file="soft = false") == "None"
    assert say("voice", file="soft = true", P2P_SERVE_LOUD="1") == "2"
    assert say("voice", "--soft", P2P_SERVE_LOUD="1") == "1"


def test_limits_of_all_sources_are_combined(say: Say) -> None:
    """Limits are combined; for one name the nearest source wins."""
    file = "[limits]\na-b = 1\nc = 1.5"
    said = say("settings_of_limits", "--limit", "a-b=3", file=file, P2P_SERVE_LIMIT_A_B="2")
    assert re.findall(r"name='(.*?)', value='(.*?)'", said) == [
        ("a-b", "1"),
        ("c", "1.5"),
        ("a-b", "2"),
        ("a-b", "3"),
    ]


def test_relative_paths_are_relative_to_the_file(say: Say, tmp_path: Path) -> None:
    """A path in a file is relative to that file."""
    (tmp_path / "key.pem").write_text("")
    assert say("key", file='key = "key.pem"') == str(tmp_path / "key.pem")
    assert say("key", file=f'key = "{tmp_path}/key.pem"') == str(tmp_path / "key.pem")


def test_file_is_in_the_data_folder_by_default(say: Say, tmp_path: Path) -> None:
    """An option or a variable may name another file."""
    other = tmp_path / "other.toml"
    other.write_text("size = 9")
    assert say("size", "--config", str(other), file="size = 2") == "9"
    assert say("size", file="size = 2", P2P_SERVE_CONFIG=str(other)) == "9"
    assert say("config", file="size = 2") == str(tmp_path / "serve.toml")


@pytest.mark.parametrize(
    ("file", "what", "likely"),
    [
        ("prot = 1", "there is no setting 'prot'", "you mean 'port'"),
        ('config = "x"', "there is no setting 'config'", ""),
        ('port = "7117"', 'port = "7117" has the wrong type', "a whole number"),
        ("port = true", "port = true has the wrong type", "a whole number"),
        ("port = 7.5", "port = 7.5 has the wrong type", "a whole number"),
        ("port = [1]", "port = [1] has the wrong type", "a whole number"),
        ("port = 70000", "port = 70000: 70000 is not in the range", ""),
        ("host = 5", "host = 5 has the wrong type", "text in quotes"),
        ("no-original = 1", "no-original = 1 has the wrong type", "true or false"),
        ('quiet = "yes"', 'quiet = "yes" has the wrong type', "true or false"),
        ("hello-interval = true", "hello-interval = true has the wrong type", "a number"),
        ("hello-interval = 0", "hello-interval = 0: 0 is not a number of seconds", ""),
        ('registration = "all"', "registration = \"all\": 'all' is not one of", ""),
        ('tls-cert = "no.pem"', "no.pem' does not exist", ""),
        ("[limits]\nhandshaks = 1", "[limits]: there is no limit 'handshaks'", "'handshakes'"),
        ("[limits]\nhandshakes = true", "is not a valid limit handshakes", ""),
        ("[limit]\nhandshakes = 1", "there is no setting 'limit'", "you mean 'limits'"),
        ('host = "\\u001b[2J\\n"\nport = 1.5', "port = 1.5", ""),
        ("host = x\n", "is malformed", "at line 1"),
        (b"host = '\xff'", "is malformed", ""),
    ],
)
def test_error_in_the_file_names_file_and_key(
    check: Check, tmp_path: Path, file: str | bytes, what: str, likely: str
) -> None:
    """Exit 2 with the file, the key and a suggestion where possible."""
    result = check(file)
    assert result.exit_code == 2
    assert f"{tmp_path}/settings.toml" in result.stderr
    assert what in result.stderr
    assert likely in result.stderr
    assert result.stdout == ""


def test_missing_file_is_an_error_if_named(check: Check, tmp_path: Path) -> None:
    """A named file must exist; without a name none is needed."""
    free = ("--port", "0", "--original-port", "0", "--original-udp-port", "0")
    missing = check("", *free, P2P_SERVE_CONFIG=str(tmp_path / "none.toml")).exit_code
    assert missing == 0  # the option overrides the variable
    result = check("", "--config", str(tmp_path / "none.toml"))
    assert result.exit_code == 2
    assert f"{tmp_path}/none.toml: no such file" in result.stderr


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("P2P_SERVE_PROT", "1", "you mean P2P_SERVE_PORT"),
        ("P2P_SERVE_PORT", "x", "'P2P_SERVE_PORT'): 'x' is not a valid integer"),
        ("P2P_SERVE_NO_ORIGINAL", "perhaps", "'P2P_SERVE_NO_ORIGINAL'): 'perhaps'"),
        ("P2P_SERVE_LIMIT_HANDSHAKS", "1", "P2P_SERVE_LIMIT_HANDSHAKS: there is no limit"),
        ("P2P_SERVE_LIMIT_HANDSHAKES", "x", "P2P_SERVE_LIMIT_HANDSHAKES: 'x' is not a valid limit"),
    ],
)
def test_error_in_the_environment_names_the_variable(
    check: Check, variable: str, value: str, what: str
) -> None:
    """Exit 2, since an ignored variable might leave a listener open."""
    result = check("", **{variable: value})
    assert result.exit_code == 2
    assert what in result.stderr


def test_help_names_every_variable_and_needs_no_file(check: Check, tmp_path: Path) -> None:
    """The help is shown even if the file is malformed."""
    result = check("port = ", "--help")
    assert result.exit_code == 0
    text = re.sub(r"\s+", " ", result.stdout)
    for option in serve.params:
        if option.name != "settings_of_limits":
            assert option.envvar
            assert f"[env var: {option.envvar}" in text


def test_registry_runs_by_its_file(tmp_path: Path) -> None:
    """A registry needs no option beside its file; `p2p users` finds the same folder."""
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    (folder / "serve.toml").write_text(
        'port = 0\nno-original = true\nquiet = true\nregistration = "invite"\njoin-host = "box"\n'
        "[limits]\nhandshakes = 5\n"
    )
    env = environment(tmp_path, P2P_SERVE_DATA_DIR=str(folder))
    program = Program("serve", env=env)
    with running(program):
        program.wait_for("^join p2p://box:")
        assert program.said[0].startswith("listening secure")
        invite = Program("users", "invite", env=env)
        assert invite.end() == (0, "")
    assert (folder / "accounts.sqlite3").exists()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("file", "variable", "flag", "level"),
    [
        ("", {}, (), "INFO"),
        ("verbose = true", {}, (), "DEBUG"),
        ("quiet = true", {"P2P_SERVE_VERBOSE": "1"}, (), "DEBUG"),
        ("verbose = true", {"P2P_SERVE_QUIET": "1"}, (), "WARNING"),
        ("verbose = true", {"P2P_SERVE_VERBOSE": "0"}, (), "INFO"),
        ("", {"P2P_SERVE_VERBOSE": "1", "P2P_SERVE_QUIET": "0"}, (), "DEBUG"),
        ("", {"P2P_SERVE_VERBOSE": "1"}, ("--quiet",), "WARNING"),
    ],
)
def test_nearest_source_sets_the_log_level(
    tmp_path: Path, file: str, variable: dict[str, str], flag: tuple[str, ...], level: str
) -> None:
    """Of --quiet and --verbose, the one from the nearest source wins."""
    (tmp_path / "serve.toml").write_text(file)
    serve = Serve(tmp_path, "--hello-patience", "5", *flag, env=variable)
    with running(serve):
        serve.dial().ask("SEARCH", "x")
        serve.signal(signal.SIGTERM)
        _, err = serve.end()
    seen = {line.split()[2] for line in err.splitlines()}
    loud = {"DEBUG": {"DEBUG", "INFO", "WARNING"}, "INFO": {"INFO", "WARNING"}}
    assert seen == loud.get(level, {"WARNING"})
