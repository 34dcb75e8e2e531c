"""Settings of a user: options, then the environment, then the file; several profiles."""

import json
import stat
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from p2pchat.app.config_file import KEYS, keep_registry, read_configuration, template
from p2pchat.app.settings import from_environment
from p2pchat.cli.main import cli
from p2pchat.cli.person import chat, join
from p2pchat.errors import UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of the configuration file in an existing folder."""
    (tmp_path / "config").mkdir()
    return tmp_path / "config" / "config.toml"


def run(home: Path, *words: str, **environment: str) -> Result:
    return CliRunner(env={"P2P_HOME": str(home), **environment}).invoke(cli, list(words))


def test_option_overrides_environment_overrides_file(tmp_path: Path, file: Path) -> None:
    """The nearest source of a setting wins, and `config list` shows it."""
    file.write_text('registry = "p2p://file"\npeer-port = 5\n[prompt]\nedit-mode = "vi"\n')
    listed = run(tmp_path, "config", "list", "--json", P2P_REGISTRY="p2p://variable")
    settings = {found["name"]: found for found in map(json.loads, listed.output.splitlines())}
    assert set(settings) == {key.name for key in KEYS}
    assert settings["registry"] == {
        "name": "registry",
        "value": "p2p://variable",
        "origin": "P2P_REGISTRY",
    }
    assert (settings["peer-port"]["value"], settings["peer-port"]["origin"]) == (5, str(file))
    assert settings["prompt.theme"]["origin"] == "default"
    given: list[object] = []

    @click.command()
    @click.option("--peer-port", default=0)
    def probe(peer_port: int) -> None:
        given.append(peer_port)

    cli.add_command(probe)
    try:
        run(tmp_path, "probe")
        run(tmp_path, "probe", "--peer-port", "6")
    finally:
        del cli.commands["probe"]
    assert given == [5, 6]


def test_registry_does_not_take_the_users_settings(tmp_path: Path, file: Path) -> None:
    """Both have a setting `no-relay`, and `p2p serve` has a file of its own."""
    file.write_text("no-relay = true\n")
    given: list[object] = []

    @click.command()
    @click.option("--no-relay", is_flag=True)
    def probe(no_relay: bool) -> None:
        given.append(no_relay)

    for name in ("login", "serve"):
        kept = cli.commands.get(name)
        cli.add_command(probe, name)
        try:
            run(tmp_path, name)
        finally:
            del cli.commands[name]
            if kept is not None:
                cli.add_command(kept, name)
    assert given == [True, False]


@pytest.mark.parametrize("invited", [False, True])
def test_node_started_by_another_command_follows_the_file(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, invited: bool
) -> None:
    """`p2p join` and a bare `p2p` go on to `login` or `chat`, whose settings apply."""
    file.write_text("no-history = true\npeer-port = 5\n")
    monkeypatch.setenv("P2P_HOME", str(tmp_path))
    given: list[tuple[bool, int]] = []

    @click.command("chat" if invited else "login")
    @click.option("--no-history", is_flag=True)
    @click.option("--peer-port", default=0)
    @click.option("--user")
    @click.option("--me")
    @click.option("--registry")
    def probe(no_history: bool, peer_port: int, **_: object) -> None:
        given.append((no_history, peer_port))

    monkeypatch.setattr(chat, "chat" if invited else "login", probe)
    settings = from_environment()
    invitation: Any = SimpleNamespace(contact="bob") if invited else None
    with click.Context(cli, obj=settings) as ctx:
        join.go_on(ctx, settings, "alice", None, invitation)
    assert given == [(True, 5)]


def test_first_file_lists_all_settings_as_comments(tmp_path: Path, file: Path) -> None:
    """The file created first changes nothing, and each commented setting is valid."""
    before = from_environment({"P2P_HOME": str(tmp_path)}).resolved
    run(tmp_path, "contacts")
    assert file.read_text() == template()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert from_environment({"P2P_HOME": str(tmp_path)}).resolved == before
    lines = [line.removeprefix("# ") for line in template().splitlines()]
    settings = [line for line in lines if " = " in line and " = ..." not in line]
    tables = [line.partition("#")[0] for line in lines if line.startswith("[")]
    assert len(settings) + len(tables) > len(KEYS)
    uncommented = "\n".join(
        line for line in lines if line.startswith("[") or (" = " in line and " = ..." not in line)
    )
    file.write_text(uncommented)
    found = read_configuration(file, "work")
    assert found.hooks
    assert found.quiet == {"bob"}
    assert tomllib.loads(uncommented)["profiles"]["work"]
    run(tmp_path, "contacts")
    assert file.read_text() == uncommented


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("registri = 'x'", "there is no setting 'registri'"),
        ("[prompt]\ntheem = 'x'", "there is no setting 'prompt.theem'"),
        ("peer-port = 'x'", "peer-port = 'x' is not a whole number"),
        ("no-history = 1", "no-history = 1 is not true or false"),
        ("[prompt]\ntheme = 'pink'", "is not one of auto, dark, light"),
        ("[hooks]\nmessage = 5", "a hook is a command in quotes"),
        ("[contacts.bob]\nloud = true", "the only setting of a contact is `quiet`"),
        ("= =", "is malformed"),
    ],
)
def test_invalid_setting_in_the_file_is_named(
    file: Path, tmp_path: Path, text: str, what: str
) -> None:
    """The error names the file and the setting, with a suggestion where possible."""
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_configuration(file, None)
    assert what in caught.value.what
    assert str(file) in caught.value.what
    result = run(tmp_path, "config", "list")
    assert result.exit_code == 2


def test_invalid_variable_is_named(tmp_path: Path) -> None:
    """An invalid variable is named in the error."""
    with pytest.raises(UsageError, match="P2P_PEER_PORT: 'x' is not a whole number"):
        from_environment({"P2P_HOME": str(tmp_path), "P2P_PEER_PORT": "x"})


def test_profiles_share_only_the_file(tmp_path: Path, file: Path) -> None:
    """Each profile has its own keys, history and settings."""
    file.write_text('registry = "p2p://a"\n[profiles.work]\nregistry = "p2p://b"\n')
    plain = from_environment({"P2P_HOME": str(tmp_path)})
    work = from_environment({"P2P_HOME": str(tmp_path)}, "work")
    assert (plain.registry, work.registry) == ("p2p://a", "p2p://b")
    for name in ("profile_file", "identity_file", "input_history_file", "run_folder"):
        assert getattr(plain, name) != getattr(work, name)
    assert from_environment({"P2P_HOME": str(tmp_path), "P2P_PROFILE": "work"}) == work
    with pytest.raises(UsageError, match="not a valid profile name"):
        from_environment({"P2P_HOME": str(tmp_path)}, "../x")
    assert run(tmp_path, "--profile", "work", "contacts").exit_code == 0
    assert (tmp_path / "data" / "profiles" / "work" / "profile.sqlite3").exists()


@pytest.mark.parametrize("profile", [None, "work", "a.b"])
@pytest.mark.parametrize(
    "old",
    [
        None,
        "",
        "peer-port = 7",
        "# mine\n[prompt]\nedit-mode = \"vi\"\n# registry = 'p2p://not-here'\n",
        '[profiles.work]\npeer-port = 7\n[profiles."a.b"]\n[hooks]\n',
    ],
)
def test_registry_is_stored_for_its_profile(
    file: Path, old: str | None, profile: str | None
) -> None:
    """The registry is added to the profile's table, and everything else is kept."""
    if old is not None:
        file.write_text(old)
    link = 'p2p://é.example:7/"\\x'
    keep_registry(file, link, profile)
    assert read_configuration(file, profile).values["registry"] == link
    others = {None, "work", "a.b", "other"} - {profile} if profile else ()
    assert all("registry" not in read_configuration(file, p).values for p in others)
    kept = set(file.read_text().splitlines())
    assert set((old or "").splitlines()) <= kept
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_file_that_cannot_be_extended_is_unchanged(file: Path) -> None:
    """If the file is malformed or has something else in place of the table, it is unchanged."""
    for text in ("profiles = 3\n", "[profiles]\nwork = 3\n", "= nonsense\n"):
        file.write_text(text)
        with pytest.raises(UsageError, match="cannot be added to"):
            keep_registry(file, "p2p://a", "work")
        assert file.read_text() == text
        assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_registry_is_stored_in_the_existing_notation(file: Path) -> None:
    """Inline tables and comments are kept."""
    for before, profile, after in (
        ("[profiles]\nwork = {peer-port = 7} # w\n", "work", 'registry = "p2p://a"} # w'),
        ("# first\n[prompt]\nbell = true # b\n", None, '# first\nregistry = "p2p://a"\n'),
        ('registry = "p2p://b" # old\n', None, 'registry = "p2p://a" # old\n'),
    ):
        file.write_text(before)
        keep_registry(file, "p2p://a", profile)
        assert after in file.read_text()
        assert [c for c in "#" if before.count(c) != file.read_text().count(c)] == []
        assert read_configuration(file, profile).values["registry"] == "p2p://a"


def test_edited_file_is_checked_before_it_is_stored(tmp_path: Path, file: Path) -> None:
    """An edited file with an error is not stored."""
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho 'peer-port = 7' > \"$1\"\n")
    editor.chmod(0o755)
    assert run(tmp_path, "config", "edit", EDITOR=str(editor)).exit_code == 0
    assert file.read_text() == "peer-port = 7\n"
    editor.write_text('#!/bin/sh\necho nonsense > "$1"\n')
    result = CliRunner(env={"P2P_HOME": str(tmp_path), "EDITOR": str(editor)}).invoke(
        cli, ["config", "edit"], input="n\n"
    )
    assert result.exit_code != 0
    assert file.read_text() == "peer-port = 7\n"
    assert [p.name for p in file.parent.iterdir()] == ["config.toml"]
