"""Commands in locales other than UTF-8: no character ends one, and JSON is always UTF-8."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.people import People, Registry
from tests.programs import P2P, Program, running, wait_until

CHARMAPS = {"en_US": "ISO-8859-1", "ru_RU": "KOI8-R", "C": "ANSI_X3.4-1968", "ja_JP": "EUC-JP"}
LOCALES = ("en_US", "ru_RU", "C")
UNLIKE = ("en_US", "C")
"""Those in which Python decodes bytes unlike the other: all of them, or ASCII only."""

TEXT = "price 5 \u20ac, \u0434\u0430, caf\u00e9, \u4f1a\u8b70 \U0001f600"
FILE, FOLDER = "caf\u00e9 \u4f1a\u8b70.txt", "\u0434\u0430"


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with these locales, which the machine may not have."""
    if shutil.which("localedef") is None:
        pytest.skip("there is no localedef, which makes locales")
    folder = tmp_path_factory.mktemp("locales")
    for name, charmap in CHARMAPS.items():
        if name != "C":
            where = folder / f"{name}.{charmap}"
            command = ["localedef", "-c", "-i", name, "-f", charmap, str(where)]
            done = subprocess.run(command, capture_output=True, check=False)
            if not where.exists():
                pytest.skip(f"localedef makes no {name}.{charmap}: {done.stderr.decode()}")
    return folder


@pytest.fixture(scope="module")
def unread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """Yield alice and bob; bob has an unread line with many kinds of characters."""
    folder = tmp_path_factory.mktemp("people")
    with running(registry := Registry(folder / "r")):
        people = People(registry, folder)
        with running(people.start("bob", "--headless")):
            assert people.run("alice", "send", "bob", TEXT) == (0, [], "")
        yield people


def in_locale(people: People, who: str, locales: Path, name: str) -> dict[str, str]:
    """Return the environment of a user in that locale, without Python's own way out of it."""
    return people.env[who] | {
        "LC_ALL": name if name == "C" else f"{name}.{CHARMAPS[name]}",
        "LOCPATH": str(locales),
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }


@pytest.mark.parametrize("name", LOCALES)
def test_unencodable_characters_end_no_command(unread: People, locales: Path, name: str) -> None:
    """Characters that the locale cannot encode end no command, node or listener."""
    env = in_locale(unread, "bob", locales, name)
    for words in (("history", "alice"), ("history", "alice", "--json"), ("outbox",), ("contacts",)):
        done = subprocess.run([*Program.command, *words], env=env, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b""), words
        if "--json" in words:
            last = json.loads(done.stdout.decode("utf-8").splitlines()[-1])
            assert last["text"] == TEXT
        elif words[0] == "history":
            assert b"price 5" in done.stdout
    chat = subprocess.run(
        [*Program.command, "login", "--plain"],
        env=env,
        input=b"/history alice\n/quit\n",
        capture_output=True,
        check=False,
    )
    assert chat.returncode == 0, chat.stderr
    assert b"price 5" in chat.stdout


@pytest.mark.parametrize("name", LOCALES)
def test_stdin_is_utf8_in_any_locale(unread: People, locales: Path, name: str) -> None:
    """Stdin is read as UTF-8, and invalid bytes are replaced."""
    env = in_locale(unread, "alice", locales, name)
    said = f"{name}: ".encode() + TEXT.encode() + b" caf\xe9"
    command = [*Program.command, "send", "bob", "--queue"]
    done = subprocess.run(command, env=env, input=said, capture_output=True, check=False)
    assert done.returncode == 6, done.stderr
    assert unread.texts("alice", "bob")[-1][1] == said.decode("utf-8", "replace")


@pytest.mark.parametrize("name", LOCALES)
def test_argument_is_text_of_the_locale(people: People, locales: Path, name: str) -> None:
    """What the locale cannot decode is UTF-8, so that nothing is lost."""
    env = in_locale(people, "alice", locales, name)
    text = TEXT if name == "C" else "caf\u00e9" if name == "en_US" else "\u0434\u0430"
    encoding = "utf-8" if name == "C" else CHARMAPS[name]
    words = [part.encode(encoding) for part in ("send", "bob", "--queue", f"{name} {text}")]
    done = subprocess.run([*Program.command, *words], env=env, capture_output=True, check=False)
    assert done.returncode == 6, done.stderr
    assert f"{name} {text}" in [said for _, said, _ in people.texts("alice", "bob")]
    words = [part.encode(encoding) for part in ("history", "bob", "--search", text)]
    done = subprocess.run([*Program.command, *words], env=env, capture_output=True, check=False)
    assert f"{name} ".encode() in done.stdout


@contextmanager
def real(*words: str, env: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `p2p` as a process of its own, since a forked one would keep the tests' locale."""
    command = [sys.executable, P2P, *words]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # unless it has ended


def test_name_that_python_cannot_encode_again(
    people: People, locales: Path, tmp_path: Path
) -> None:
    """In some locales it cannot encode what it has decoded from an argument."""
    env = in_locale(people, "alice", locales, "ja_JP")
    file = tmp_path / "\u043d\u0435\u0442"
    file.touch()
    with real("send-file", "bob", str(file), env=env) as sending:
        _, err = sending.communicate()
    assert err.startswith(b"p2p: a name is not possible in this locale")
    assert sending.returncode == 2


@pytest.mark.parametrize("name", UNLIKE)
def test_paths_of_settings_are_utf8_in_any_locale(
    people: People, locales: Path, tmp_path: Path, name: str
) -> None:
    """Of a variable, a hook in the configuration file, and a backup."""
    env = in_locale(people, "bob", locales, name)
    folder, hook, hooked = tmp_path / FOLDER, tmp_path / f"{FOLDER} hook", tmp_path / "hooked"
    hook.write_text(f'#!/bin/sh\necho "$P2P_PATH" > {hooked}\n')
    hook.chmod(0o755)
    configuration = Path(env["P2P_HOME"]) / "config" / "config.toml"
    configuration.parent.mkdir(exist_ok=True)
    configuration.write_text(f"[hooks]\nfile_received = \"'{hook}'\"\n", "utf-8")
    (tmp_path / FILE).write_text("file")
    command = (sys.executable, P2P)
    env |= {"P2P_FOLDER": str(folder), "P2P_ACCEPT": "1MB"}
    with running(Program("login", "--json", env=env, command=command)) as bob:
        bob.wait_for("logged_in")
        assert people.run("alice", "send-file", "bob", str(tmp_path / FILE))[0] == 0
        wait_until(lambda: hooked.exists() and hooked.read_bytes().endswith(b"\n"), bob)
    configuration.unlink()
    assert hooked.read_text("utf-8") == f"{folder / 'alice' / FILE}\n"
    assert (folder / "alice" / FILE).read_text() == "file"
    with real("profile", "backup", str(tmp_path / FOLDER / FILE), env=env) as backup:
        _, err = backup.communicate()
        assert backup.returncode == 0, err
    assert (tmp_path / FOLDER / FILE).stat().st_size > 10_000


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("name", UNLIKE)
def test_names_of_files_are_utf8_in_any_locale(
    people: People, locales: Path, tmp_path: Path, name: str, who: str
) -> None:
    """On both disks, in a folder that was asked for, in what is printed, and in hooks."""
    folder, to, hooked = tmp_path / FOLDER, tmp_path / f"to {FOLDER}", tmp_path / "hooked"
    (folder / FOLDER).mkdir(parents=True)
    (tmp_path / FILE).write_text("alone")
    (folder / FOLDER / FILE).write_text("inside")
    env = {name: people.env[name] for name in ("alice", "bob")}
    env[who] = in_locale(people, who, locales, name)
    hook = f"""sh -c 'printf "%s\\n" "$P2P_PATH" >> "{hooked}"'"""
    words = ("login", "--json", "--hook", f"file_received={hook}")
    with running(Program(*words, env=env["bob"], command=(sys.executable, P2P))) as bob:
        bob.wait_for("logged_in")
        offered = ("send-file", "bob", str(tmp_path / FILE), str(folder))
        with real(*offered, env=env["alice"]) as sending:
            for kept in (FILE, FOLDER):
                number = bob.wait_for(r'"event": "file_offered".*"transfer": (\d+)')[1]
                with real("files", "get", number, "--to", str(to), env=env["bob"]) as getting:
                    out, err = getting.communicate()
                assert (getting.returncode, out) == (0, f"{to / kept}\n".encode()), err
            assert sending.communicate()[0] == b""
            assert sending.returncode == 0
        wait_until(lambda: hooked.exists() and hooked.read_bytes().count(b"\n") == 2, bob)
    assert hooked.read_text("utf-8") == f"{to / FILE}\n{to / FOLDER}\n"
    stored = {str(path.relative_to(to)): path for path in to.rglob("*") if path.is_file()}
    assert {name: path.read_text() for name, path in stored.items()} == {
        FILE: "alone",
        f"{FOLDER}/{FOLDER}/{FILE}": "inside",
    }
