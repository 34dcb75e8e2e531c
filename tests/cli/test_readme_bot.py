"""The bot of the README, run at a real registry."""

import sys
import textwrap
from pathlib import Path

from tests.people import People
from tests.programs import P2P, Program, running

README = Path(__file__).parents[2] / "README.md"


class Bot(Program):
    """The README's program."""

    command = (sys.executable,)


def the_bot() -> str:
    """Return the code block that begins with the bot's imports."""
    start = README.read_text().index("    import json, subprocess\n")
    lines = README.read_text()[start:].split("\n")
    end = next(n for n, line in enumerate(lines) if line and not line.startswith("    "))
    return textwrap.dedent("\n".join(lines[:end]))


def test_readme_bot_answers(people: People, tmp_path: Path) -> None:
    """The bot answers contacts and strangers, marks messages as seen and is short."""
    code = the_bot()
    assert len([line for line in code.split("\n") if line]) <= 12
    file = tmp_path / "bot.py"
    file.write_text(code)
    env = people.env["bob"]
    env["PATH"] = f"{Path(P2P).parent}:{env['PATH']}"
    assert people.run("alice", "send", "bob", "before", "--queue")[0] == 6
    with running(Program("login", "--json", env=people.env["alice"])) as alice:
        alice.wait_for('"logged_in"')
        bot = Bot(str(file), env=env)
        with running(bot):
            alice.wait_for('"message".*"erofeb"')
            alice.type('{"command":"send","to":"bob","text":"hello"}')
            alice.wait_for('"message".*"olleh"')
            assert people.run("alice", "register", "carol")[0] == 0
            people.env["carol"] = people.env["alice"] | {"P2P_HOME": str(tmp_path / "carol")}
            with running(Program("chat", "bob", "--as", "carol", env=people.env["carol"])) as carol:
                carol.wait_for("chat with bob started")
                carol.type("stranger")
                carol.wait_for("^bob: regnarts$")
    unread = people.run("bob", "status", "--json")[1][0]
    assert '"unread": {}' in unread
