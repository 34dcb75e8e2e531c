"""Commands in locales other than UTF-8: no character ends one, and JSON is always UTF-8."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.people import People, Registry
from tests.programs import Program, running

LOCALES = {"en_US": "ISO-8859-1", "ru_RU": "KOI8-R", "C": "ANSI_X3.4-1968"}
TEXT = "price 5 \u20ac, \u0434\u0430, caf\u00e9, \u4f1a\u8b70 \U0001f600"


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with these locales, which the machine may not have."""
    if shutil.which("localedef") is None:
        pytest.skip("there is no localedef, which makes locales")
    folder = tmp_path_factory.mktemp("locales")
    for name, charmap in LOCALES.items():
        if name != "C":
            where = folder / f"{name}.{charmap}"
            command = ["localedef", "-c", "-i", name, "-f", charmap, str(where)]
            done = subprocess.run(command, capture_output=True, check=False)
            if not where.exists():
                pytest.skip(f"localedef makes no {name}.{charmap}: {done.stderr.decode()}")
    return folder


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """Yield alice and bob; bob has an unread line with many kinds of characters."""
    folder = tmp_path_factory.mktemp("people")
    with running(registry := Registry(folder / "r")):
        people = People(registry, folder)
        with running(people.start("bob", "--headless")):
            assert people.run("alice", "send", "bob", TEXT) == (0, [], "")
        yield people


@pytest.mark.parametrize("name", LOCALES)
def test_unencodable_characters_end_no_command(people: People, locales: Path, name: str) -> None:
    """Characters that the locale cannot encode end no command, node or listener."""
    locale = name if name == "C" else f"{name}.{LOCALES[name]}"
    env = people.env["bob"] | {
        "LC_ALL": locale,
        "LOCPATH": str(locales),
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
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
def test_stdin_is_utf8_in_any_locale(people: People, locales: Path, name: str) -> None:
    """Stdin is read as UTF-8, and invalid bytes are replaced."""
    locale = name if name == "C" else f"{name}.{LOCALES[name]}"
    env = people.env["alice"] | {"LC_ALL": locale, "LOCPATH": str(locales), "PYTHONUTF8": "0"}
    said = f"{name}: ".encode() + TEXT.encode() + b" caf\xe9"
    command = [*Program.command, "send", "bob", "--queue"]
    done = subprocess.run(command, env=env, input=said, capture_output=True, check=False)
    assert done.returncode == 6, done.stderr
    assert people.texts("alice", "bob")[-1][1] == said.decode("utf-8", "replace")
