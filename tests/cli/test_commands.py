"""Every command and every error, in-process by CliRunner, with a real registry process."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from p2pchat.cli.docs.examples import subcommands
from p2pchat.cli.main import cli
from p2pchat.version import __version__
from tests.programs import Serve, running

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Yield a registry for this module."""
    serve = Serve(tmp_path_factory.mktemp("registry"), "--quiet")
    yield serve
    serve.kill()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs `p2p` with an empty home."""

    def invoke(*arguments: str, input: str | None = None, **env: str) -> Result:  # noqa: A002
        return CliRunner(env={"P2P_HOME": str(tmp_path)} | env).invoke(
            cli, arguments, input=input, prog_name="p2p"
        )

    return invoke


def test_help_shows_examples_first(run: Run) -> None:
    """Each command has -h and --help, with examples before the options."""
    for command in ([], *([name] for name in subcommands(cli))):
        for flag in ("-h", "--help"):
            result = run(*command, flag)
            assert result.exit_code == 0
            assert "Usage" in result.stdout
    text = run("login", "--help").stdout
    assert text.index("p2p login alice") < text.index("--registry")


@pytest.mark.parametrize(
    ("words", "likely", "advice"),
    [
        (["serch", "bob"], "  likely: did you mean search?\n", "p2p search --help"),
        (["users", "lst"], "  likely: did you mean list?\n", "p2p users list --help"),
        (
            ["outbox", "cancle", "bob"],
            "  likely: did you mean cancel?\n",
            "p2p outbox cancel --help",
        ),
        (["xyzzy"], "", "p2p --help"),
    ],
)
def test_misspelt_command_gets_a_suggestion(
    run: Run, words: list[str], likely: str, advice: str
) -> None:
    """Exit 2 with a suggestion, and nothing on stdout."""
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    named = " ".join(["p2p", *words[: -1 if words[-1] == "bob" else None]])
    assert result.stderr == f"p2p: there is no command {named}\n{likely}  try: {advice}\n"


def test_version(run: Run) -> None:
    """--version prints the version of the package."""
    assert __version__ in run("--version").stdout


def test_register_and_search_exit_codes(run: Run, registry: Serve) -> None:
    """The exit code is 0, or 1 (refused), 5 (no such user) or 6 (offline)."""
    where = {"P2P_REGISTRY": registry.url, "P2P_PASSWORD": "x"}
    result = run("register", "alice", **where)
    assert (result.exit_code, result.stdout) == (
        0,
        f"registered alice at original://{registry.tcp[0]}:{registry.tcp[1]}\n",
    )
    taken = run("register", "alice", **where)
    assert taken.exit_code == 1
    assert taken.stdout == ""
    assert taken.stderr.startswith("p2p: the registry at")
    assert "likely: the name is taken" in taken.stderr

    result = run("search", "alice", **where)
    assert (result.exit_code, result.stdout) == (6, "alice is offline\n")
    result = run("search", "eve", **where)
    assert (result.exit_code, result.stdout) == (5, "there is no user named eve\n")
    client = registry.dial()
    client.ask("LOG", "alice x")
    client.ask("PS_PORT", "41000")
    result = run("search", "alice", **where)
    assert (result.exit_code, result.stdout) == (0, "alice is online at 127.0.0.1:41000\n")
    result = run("search", "alice", "--json", **where)
    assert json.loads(result.stdout) == {
        "user": "alice",
        "presence": "online",
        "host": "127.0.0.1",
        "port": 41000,
    }
    result = run("search", "eve", "--json", **where)
    assert json.loads(result.stdout) == {"user": "eve", "presence": "not_found"}


def test_registry_option_overrides_the_environment(run: Run, registry: Serve) -> None:
    """--registry overrides P2P_REGISTRY."""
    result = run(
        "search", "nobody", "--registry", registry.url, P2P_REGISTRY="original://127.0.0.1:1"
    )
    assert result.exit_code == 5


def test_password_from_a_file_or_the_environment(run: Run, registry: Serve, tmp_path: Path) -> None:
    """The first line of the file is the password, spaces included, and overrides the variable."""
    file = tmp_path / "password"
    file.write_text(" a b \nsecond line\n")
    where = {"P2P_REGISTRY": registry.url, "P2P_PASSWORD": "other"}
    assert run("register", "pia", "--password-file", str(file), **where).exit_code == 0
    client = registry.dial()
    assert client.ask("LOG", "pia  a b ") == ("LOG_RESP", "OK")
    file.write_text("")
    empty = run("register", "pius", "--password-file", str(file), **where)
    assert empty.exit_code == 2
    assert "password is empty" in empty.stderr


@pytest.mark.parametrize("command", ["register", "login"])
def test_password_is_not_asked_for_without_a_terminal(run: Run, command: str) -> None:
    """Exit 4 with the ways to give a password."""
    result = run(command, "alice", input="secret\n")
    assert result.exit_code == 4
    assert "--password-file" in result.stderr


@pytest.mark.parametrize("command", [["login"], ["chat", "bob"]])
def test_missing_account_is_reported(run: Run, command: list[str]) -> None:
    """Exit 4 with the registry and the command to register."""
    result = run(*command, P2P_PASSWORD="x")
    assert result.exit_code == 4
    assert "you have no account at p2p://localhost:7117 yet" in result.stderr
    assert "p2p register NAME" in result.stderr


def test_last_used_account_is_the_default(run: Run, registry: Serve) -> None:
    """Without a name the account last used at that registry logs in."""
    where = {"P2P_REGISTRY": registry.url, "P2P_PASSWORD": "x"}
    run("register", "first", **where)
    run("register", "second", **where)
    said = run("login", input="", **where)
    assert said.exit_code == 0
    assert "* logged in as second at" in said.stdout
    run("login", "first", input="", **where)
    assert "* logged in as first at" in run("login", input="", **where).stdout


def test_refused_login_is_reported(run: Run, registry: Serve) -> None:
    """Exit 4 with a message on stderr, and nothing on stdout."""
    result = run("login", "nobody-here", P2P_REGISTRY=registry.url, P2P_PASSWORD="x", input="")
    assert result.exit_code == 4
    assert result.stdout == ""
    assert "refused the login of nobody-here" in result.stderr


@pytest.mark.parametrize(
    "command",
    [["register", "a"], ["login", "a"], ["search", "a"], ["chat", "b", "--as", "a"]],
)
def test_unreachable_registry_is_reported(run: Run, command: list[str]) -> None:
    """Exit 3 with the address and the command to start a registry."""
    result = run(*command, P2P_REGISTRY="original://127.0.0.1:1", P2P_PASSWORD="x", input="")
    assert result.exit_code == 3
    assert "cannot reach the registry at 127.0.0.1:1: connection refused" in result.stderr
    assert "p2p serve" in result.stderr


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (["search", "a b"], "'a b' is not a valid username"),
        (["register", ""], "'' is not a valid username"),
        (["chat", "\x1b[2J", "--as", "a"], "is not a valid username"),
        (["login", "a\u202eb"], "is not a valid username"),
        (["search", "a", "--registry", "http://x"], "is not a registry's URL"),
        (["search"], "missing argument"),
        (["serve", "--original-port", "70000"], "70000"),
        (["serve", "--hello-patience", "0"], "0"),
        (["launch"], "there is no command p2p launch"),
        (["login", "a", "--password", "x"], "no such option"),
    ],
)
def test_wrong_usage_is_reported_safely(run: Run, command: list[str], what: str) -> None:
    """Exit 2, and control characters of an argument are not repeated."""
    result = run(*command, P2P_PASSWORD="x")
    assert result.exit_code == 2
    assert what in result.stderr
    assert "\x1b" not in result.stderr


def test_failed_calls_have_exit_codes(run: Run, registry: Serve) -> None:
    """A failed call prints a line on stdout and exits with its code."""
    where = {"P2P_REGISTRY": registry.url, "P2P_PASSWORD": "x"}
    run("register", "caller", **where)
    run("register", "sleeper", **where)
    result = run("chat", "sleeper", "--as", "caller", input="", **where)
    assert result.exit_code == 6
    assert result.stdout.splitlines()[-1] == "* sleeper is offline"
    result = run("chat", "nobody-here", "--as", "caller", input="", **where)
    assert result.exit_code == 5
    result = run("chat", "caller", "--as", "caller", input="", **where)
    assert result.exit_code == 2
    assert "yourself in clear" in result.stderr


def test_debug_adds_the_traceback(run: Run) -> None:
    """--debug adds the traceback of an error."""
    where = {"P2P_REGISTRY": "original://127.0.0.1:1"}
    assert "Traceback" not in run("search", "a", **where).stderr
    result = run("--debug", "search", "a", **where)
    assert "Traceback" in result.stderr
    assert result.exit_code == 3


def test_unusable_home_is_named(run: Run, tmp_path: Path) -> None:
    """A home that cannot be created is named, without a traceback."""
    (tmp_path / "file").write_text("")
    result = run("login", "a", P2P_HOME=str(tmp_path / "file"), P2P_PASSWORD="x")
    assert result.exit_code == 1
    assert "cannot create the folder" in result.stderr
    assert "P2P_HOME" in result.stderr


def test_stored_files_are_private(run: Run, registry: Serve, tmp_path: Path) -> None:
    """All files are below P2P_HOME and accessible to their owner only."""
    run(
        "register",
        "keeper",
        P2P_REGISTRY=registry.url,
        P2P_PASSWORD="x",
        P2P_HOME=str(tmp_path / "h"),
    )
    kept = list((tmp_path / "h").rglob("*"))
    assert any(path.name == "profile.sqlite3" for path in kept)
    for path in kept:
        assert not path.stat().st_mode & 0o077 or path.parent.stat().st_mode & 0o077 == 0


def test_completion_scripts_are_current(run: Run) -> None:
    """The committed scripts are those that the program generates."""
    for shell in ("bash", "zsh", "fish"):
        committed = Path(__file__).parents[2] / "completions" / f"p2p.{shell}"
        assert run("completion", shell).stdout == committed.read_text()


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", "bash-completion/completions/p2p"),
        ("zsh", "zsh/site-functions/_p2p"),
        ("fish", "fish/vendor_completions.d/p2p.fish"),
    ],
)
def test_completion_is_installed(run: Run, tmp_path: Path, shell: str, file: str) -> None:
    """--install writes the script where the shell looks for it."""
    result = run("completion", shell, "--install", XDG_DATA_HOME=str(tmp_path / "share"))
    assert result.exit_code == 0
    assert (tmp_path / "share" / file).read_text() == run("completion", shell).stdout
    assert str(tmp_path / "share" / file) in result.stdout


def test_names_are_completed_from_the_profile(run: Run, registry: Serve) -> None:
    """Completion never uses the network."""
    where = {"P2P_REGISTRY": registry.url, "P2P_PASSWORD": "x"}
    run("register", "zoe", **where)
    run("search", "zoe", **where)
    for words in ("p2p search z", "p2p chat zo"):
        result = run(_P2P_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD="2", **where)
        assert result.stdout == "plain,zoe\n"


def test_completion_creates_no_profile(run: Run, tmp_path: Path) -> None:
    """Completion without a profile does not create one."""
    result = run(_P2P_COMPLETE="bash_complete", COMP_WORDS="p2p search z", COMP_CWORD="2")
    assert result.stdout.strip() == ""
    assert list(tmp_path.iterdir()) == []


def test_demo_without_a_terminal(run: Run) -> None:
    """The demo holds a short conversation over real sockets and exits with 0."""
    result = run("demo")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[2] == "* chat with robot started"
    assert "you: hello" in lines
    assert re.match("robot: Hello, you!", lines[lines.index("you: hello") + 1])
    assert lines[-1] == "* chat with robot ended"


def test_names_special_to_a_shell_are_not_completed(run: Run, registry: Serve) -> None:
    """Names of the original dialect may contain shell syntax and are left out."""
    where = {"P2P_REGISTRY": registry.url, "P2P_PASSWORD": "x"}
    for name in ("y$(touch${IFS}pwned)", "y`id`", "y;id", "yolanda"):
        client = registry.dial()
        client.ask("REG", f"{name} x")
        assert run("search", name, **where).exit_code == 6
    result = run(_P2P_COMPLETE="bash_complete", COMP_WORDS="p2p chat y", COMP_CWORD="2", **where)
    assert result.stdout == "plain,yolanda\n"


@pytest.mark.parametrize("url", ["http://x", "original://"])
def test_completion_with_an_invalid_registry_is_silent(run: Run, tmp_path: Path, url: str) -> None:
    """Errors are not printed during a completion."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "profile.sqlite3").write_bytes(b"no database" * 100)
    result = run(
        _P2P_COMPLETE="bash_complete", COMP_WORDS="p2p chat y", COMP_CWORD="2", P2P_REGISTRY=url
    )
    assert result.stdout.strip() == ""
    assert "Traceback" not in result.stderr


def test_other_program_at_the_address_is_reported(run: Run) -> None:
    """A server that does not speak the protocol is reported with its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n<html></html>")
                connection.recv(100)

        thread = threading.Thread(target=answer)
        thread.start()
        result = run("search", "bob", P2P_REGISTRY=f"original://127.0.0.1:{port}")
        thread.join()
    assert result.exit_code == 3
    assert f"127.0.0.1:{port} does not speak our protocol" in result.stderr
    assert "likely: another program" in result.stderr


def test_overlong_password_is_refused(run: Run, registry: Serve) -> None:
    """A password above the limit exits with 2."""
    result = run("register", "longy", P2P_REGISTRY=registry.url, P2P_PASSWORD="x" * 3000)
    assert result.exit_code == 2
    assert "3000 bytes" in result.stderr


def test_invalid_seconds_are_refused(run: Run) -> None:
    """Infinite, zero and negative times are refused."""
    for seconds in ("inf", "nan", "0", "-1", "soon"):
        result = run("serve", "--hello-patience", seconds)
        assert result.exit_code == 2
        assert "not a number of seconds" in result.stderr


def test_limits_are_validated(run: Run) -> None:
    """An unknown limit lists all of them, and an invalid value is named, for node and registry."""
    for command, name in ((["serve"], "handshakes=512"), (["login", "a"], "pending-calls=8")):
        result = run(*command, "--limit", "nonsense=5")
        assert result.exit_code == 2
        assert name in result.stderr
    for value in ("-1", "x", "", "inf", "nan"):
        result = run("serve", "--limit", f"login-timeout={value}")
        assert (result.exit_code, "is not a valid limit" in result.stderr) == (2, True)


def test_registration_by_invite_code(run: Run, tmp_path: Path) -> None:
    """A registration needs a valid code, which works once."""
    serve = Serve(tmp_path / "invite", "--quiet", "--registration", "invite")
    with running(serve):
        where = {"P2P_REGISTRY": serve.join, "P2P_PASSWORD": "password"}
        refused = run("register", "carol", **where)
        assert (refused.exit_code, "--invite CODE" in refused.stderr) == (1, True)
        assert run("register", "carol", "--invite", "wrong", **where).exit_code == 1
        issued = run("users", "invite", "--data-dir", str(tmp_path / "invite"))
        code = issued.stdout.strip()
        assert run("register", "carol", "--invite", code, **where).exit_code == 0
        assert run("register", "dave", "--invite", code, **where).exit_code == 1


def test_closed_registration_is_reported(run: Run, tmp_path: Path) -> None:
    """The error says to ask the operator."""
    serve = Serve(tmp_path / "closed", "--quiet", "--registration", "closed")
    with running(serve):
        result = run("register", "carol", P2P_REGISTRY=serve.join, P2P_PASSWORD="password")
    assert result.exit_code == 1
    assert "ask its operator" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("users", "invite", "--days"),
        ("listen", "--keep-days"),
        ("send", "bob", "hello", "--wait"),
        ("doctor", "--timeout"),
    ],
)
@pytest.mark.parametrize("number", ["nan", "inf", "-1", "1e300"])
def test_invalid_numbers_are_refused(tmp_path: Path, words: tuple[str, ...], number: str) -> None:
    """NaN, infinite and huge numbers are refused without a traceback."""
    result = CliRunner(env={"P2P_HOME": str(tmp_path)}).invoke(cli, [*words, number])
    assert result.exit_code == 2
    assert words[-1] in result.output


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize(
    "typed",
    ["0001-01-01", "9999-12-31T23:59:59", "25:00", "soon", "", "999999w", "2026-13-01", "1e9"],
)
def test_invalid_moments_are_usage_errors(run: Run, option: str, typed: str) -> None:
    """A malformed or out-of-range moment is a usage error without a traceback."""
    result = run("history", "bob", option, typed)
    assert result.exit_code in {2, 5}, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
