"""The library at a real registry, attached to a running node and as the node itself."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import p2pchat
from tests.people import People
from tests.programs import Program, running

README = Path(__file__).parents[1] / "README.md"

EXAMPLE = """
import sys
import p2pchat
from p2pchat.errors import ContactOffline, NoSuchUser, UsageError

contact, text, patience = sys.argv[1:]
with p2pchat.connect(seen=True) as me:
    print("account", me.account, me.registry.partition(":")[0], me.online)
    sent: p2pchat.Sent = me.send(contact.upper(), text)
    print("sent", sent.to, sent.number > 0)
    try:
        sent.wait(20)
        print("delivered")
    except ContactOffline as error:
        print("offline", error.what)
    sent_again = me.search(contact)
    print("presence", sent_again.presence)
    try:
        me.send("nobody-of-that-name", "x")
    except NoSuchUser as error:
        print("unknown", error.exit_code)
    print("history", [line.text for line in me.history(contact, words=text, limit=1)])
    print("found", len(me.history(words=text)) > 0)
    print("contacts", [row.username for row in me.contacts()])
    print("left", me.leave(contact))
    try:
        me.accept(contact)
    except UsageError as error:
        print("refused", error.what)
    for event in me.events(timeout=float(patience)):
        if isinstance(event, p2pchat.events.TextReceived):
            print("heard", event.contact, event.text)
            me.seen(event.contact, event.id)
            break
"""


class Script(Program):
    """A Python program that uses the library."""

    command = (sys.executable,)


@pytest.fixture
def example(tmp_path: Path) -> Path:
    file = tmp_path / "example.py"
    file.write_text(EXAMPLE)
    return file


@pytest.mark.parametrize("beside", [True, False], ids=["beside a node", "alone"])
def test_what_a_program_can_do(people: People, example: Path, beside: bool) -> None:
    """A program works alike at a running node and alone; received texts are marked as seen."""
    assert people.run("bob", "send", "alice", "before", "--queue")[0] == 6
    node = people.start("alice", "--headless") if beside else None
    try:
        with running(people.start("bob", "--headless")):
            script = Script(str(example), "bob", "a text of its own", "20", env=people.env["alice"])
            code, err = script.end()
            assert (code, err) == (0, "")
            assert script.said == [
                "account alice p2p True",
                "sent bob True",
                "delivered",
                "presence ONLINE",
                "unknown 5",
                "history ['a text of its own']",
                "found True",
                "contacts ['bob']",
                "left False",
                "refused bob is not calling you",
                "heard bob before",
            ]
        assert '"unread": {}' in people.run("alice", "status", "--json")[1][0]
    finally:
        if node is not None:
            node.kill()
    script = Script(str(example), "bob", "later", "0", env=people.env["alice"])
    assert script.end()[0] == 0
    assert script.said[2].startswith("offline bob is offline")


def test_bot_of_the_readme(people: People, tmp_path: Path) -> None:
    """The bot of the README has at most seven lines and answers contacts and strangers."""
    start = README.read_text().index("    import p2pchat\n")
    code = textwrap.dedent(README.read_text()[start:].partition("\n`help(")[0])
    assert len([line for line in code.split("\n") if line]) <= 7
    file = tmp_path / "bot.py"
    file.write_text(code)
    with running(people.start("alice")) as alice:
        bot = Script(str(file), env=people.env["bob"])
        with running(bot):
            alice.type("/chat bob")
            alice.type("hello")
            alice.wait_for("^bob: olleh$")
            assert people.run("alice", "register", "dave")[0] == 0
            env = people.env["alice"] | {"P2P_HOME": str(tmp_path / "dave")}
            with running(Program("chat", "bob", "--as", "dave", env=env)) as dave:
                dave.wait_for("chat with bob started")
                dave.type("stranger")
                dave.wait_for("^bob: regnarts$")


def test_first_login_needs_a_password(people: People, tmp_path: Path) -> None:
    """Without a stored login, `connect` fails before it uses the network; a password is enough."""
    file = tmp_path / "new.py"
    file.write_text(
        "import sys, p2pchat\n"
        "try:\n"
        "    with p2pchat.connect('frank', password=(sys.argv + [None])[1]) as me:\n"
        "        print('online', me.online)\n"
        "except p2pchat.errors.P2PError as error:\n"
        "    print(error.exit_code, error.what)\n"
    )
    assert people.run("alice", "register", "frank")[0] == 0
    env = people.env["alice"] | {"P2P_HOME": str(tmp_path / "elsewhere")}
    env.pop("P2P_PASSWORD")
    for words, said in (
        ((), "4 the password of frank is needed"),
        (("wrong",), "4 "),
        (("password",), "online True"),
    ):
        script = Script(str(file), *words, env=env)
        script.end()
        assert script.said[-1].startswith(said), words


def test_example_type_checks(example: Path) -> None:
    """mypy accepts the example, as a program outside the package."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", str(example)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("Success"), done.stdout


def test_public_names() -> None:
    """All public names are documented, unknown ones fail, and modules are loaded on demand."""
    for name in p2pchat.__all__:
        assert getattr(p2pchat, name).__doc__ or name == "__version__"
    with pytest.raises(AttributeError, match="nonsense"):
        p2pchat.nonsense  # noqa: B018
    script = "import sys, p2pchat; print('p2pchat.net.loop' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


FILES = """
import sys
import p2pchat
from p2pchat.protocol.client.file_events import FileDelivered

with p2pchat.connect() as me:
    one = me.send_file("bob", sys.argv[1])
    print("offered", one.name, one.size)
    for event in me.events(timeout=20):
        if isinstance(event, FileDelivered):
            print("delivered", event.name)
            break
    print("listed", [(file.name, file.state.value) for file in me.files()])
"""


def test_files(people: People, tmp_path: Path) -> None:
    """A program sends a file, and hears that it is there."""
    path, script = tmp_path / "a.bin", tmp_path / "files.py"
    path.write_bytes(bytes(100_000))
    script.write_text(FILES)
    assert people.run("bob", "contacts", "files", "alice", "1MB")[0] == 0
    with running(people.start("bob", "--headless")):
        program = Script(str(script), str(path), env=people.env["alice"])
        assert program.end() == (0, "")
    assert program.said == [
        "offered a.bin 100000",
        "delivered a.bin",
        "listed [('a.bin', 'done')]",
    ]
