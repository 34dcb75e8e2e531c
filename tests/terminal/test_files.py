"""Files between two users at their terminals: offered, accepted, shown as they move, and there."""

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.people import People
from tests.programs import wait_until
from tests.terminal.screen import Screen

Come = Callable[..., Screen]


@pytest.fixture
def come(people: People) -> Iterator[Come]:
    """Yield a function that returns the terminal of a user who is online."""
    screens: list[Screen] = []

    def log_in(name: str, columns: int = 80, **env: str) -> Screen:
        screen = Screen("login", name, env=people.env[name] | env, screens=screens, columns=columns)
        screen.wait_for(f"logged in as {name}")
        screen.wait_until(lambda: "connected" in screen.toolbar or columns < 80)
        return screen

    yield log_in
    for screen in screens:
        screen.kill()


def chat(come: Come, columns: int = 80, **env: str) -> tuple[Screen, Screen]:
    """Return the terminals of bob and of alice, who chats with him."""
    bob = come("bob", columns, **env)
    alice = come("alice", columns, **env)
    bob.enter("/chat alice")
    alice.enter("/chat bob")
    alice.wait_for("chat with bob started")
    bob.wait_for("chat with alice started")
    return bob, alice


def make(folder: Path, name: str, size: int) -> Path:
    path = folder / name
    path.write_bytes(random.Random(size).randbytes(size))
    return path


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is never wrapped at the prompt."""
    with tempfile.TemporaryDirectory(prefix="p2p") as folder:
        yield Path(folder)


def test_sent_at_the_prompt(people: People, come: Come, short_folder: Path) -> None:
    """Tab completes the path; what bob must type is said; both see that it is there."""
    bob, alice = chat(come)
    path = make(short_folder, "my report.pdf", 300_000)
    alice.type(f"/send {short_folder}/my")
    alice.wait_for(r"^ +my report.pdf$")
    alice.type("\t")
    alice.wait_until(lambda: r"my\ report.pdf" in "".join(alice.lines))
    alice.enter("")
    bob.wait_for(r"^alice: offers my report.pdf \(300.0 kB\)$")
    bob.wait_for(r"^\* my report.pdf from alice: /get 1 or /decline 1$")
    bob.enter("/get")
    bob.wait_for(r"^\* my report.pdf from alice is in")
    alice.wait_for(r"^\* bob has my report.pdf, verified$")
    alice.enter("/files")
    alice.wait_for(r"^\* 1: my report.pdf \(300.0 kB\) to bob: delivered$")
    there = Path(people.env["bob"]["HOME"]) / "Downloads" / "p2pchat" / "alice" / "my report.pdf"
    assert there.read_bytes() == path.read_bytes()


def test_declined_and_wrong(come: Come, tmp_path: Path) -> None:
    """Errors say what to do; a hidden file is asked about once."""
    bob, alice = chat(come)
    hidden = make(tmp_path, ".env", 100)
    alice.enter("/send nothing.txt")
    alice.wait_for("there is no file /.*nothing.txt")
    alice.enter(f"/send {hidden}")
    alice.wait_for(r"\.env is hidden: type the same again to send it")
    alice.enter(f"/send {hidden}")
    bob.wait_for("offers _env")
    bob.enter("/decline")
    bob.wait_for(r"^\* declined$")
    alice.wait_for(r"^\* bob declines _env$")
    bob.enter("/get 9")
    bob.wait_for("there is no transfer 9")
    bob.enter("/get x")
    bob.wait_for("'x' is not a number of /files")
    bob.enter("/cancel")
    bob.wait_for("no transfer is active")


def test_offers_are_listed_at_the_next_login(come: Come, tmp_path: Path) -> None:
    """What was not answered is not forgotten."""
    bob, alice = chat(come)
    alice.enter(f"/send {make(tmp_path, 'a.bin', 100_000)}")
    bob.wait_for("/get 1 or")
    bob.enter("/quit")
    assert bob.end() == 0
    come("bob").wait_for(r"^\* a.bin from alice is offered: /get 1$")


def test_quit_in_the_middle(people: People, come: Come, tmp_path: Path) -> None:
    """No gauge stays on the screen; the file goes on at the next login, without being asked."""
    bob, alice = chat(come, P2P_RATE="500kB")
    path = make(tmp_path, "big.bin", 3_000_000)
    alice.enter(f"/send {path}")
    bob.wait_for("/get 1 or")
    bob.enter("/get")
    alice.wait_until(lambda: "kB/s" in alice.text)
    alice.enter("/quit")
    assert alice.end() == 0
    assert "kB/s" not in alice.text
    bob.wait_for(r"^\* big.bin waits: alice is not connected$")
    come("alice")
    bob.wait_for(r"^\* big.bin from alice is in")
    there = Path(people.env["bob"]["HOME"]) / "Downloads" / "p2pchat" / "alice" / "big.bin"
    assert there.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_gauge(people: People, come: Come, tmp_path: Path, columns: int) -> None:
    """It stands above the prompt, in one line, and goes when the file is there or cancelled."""
    bob, alice = chat(come, columns, P2P_RATE="200kB", NO_COLOR="1")
    path = make(tmp_path, "a-rather-long-name-of-a-report-with-many-words.pdf", 60_000_000)
    alice.enter(f"/send {path}")
    bob.wait_for("/get 1 or")
    bob.enter("/get 1")
    for screen in (bob, alice):
        screen.wait_until(lambda: " %" in screen.text)  # noqa: B023
        [gauge] = [line for line in screen.lines if " %" in line]
        assert gauge.startswith("* a-")
        assert len(gauge) <= columns
    alice.resize(60, 20)
    alice.wait_until(lambda: any(" %" in line for line in alice.lines))
    alice.enter("still here")
    bob.wait_for("^alice: still here$")
    alice.enter("/cancel")
    alice.wait_for("cancelled")
    bob.wait_for("its sender has cancelled it|cancelled it")
    bob.wait_until(lambda: " %" not in bob.text)
    alice.wait_until(lambda: " %" not in alice.lines[-3])  # what was above before the resize stays
    folder = Path(people.env["bob"]["HOME"]) / "Downloads" / "p2pchat" / "alice"
    wait_until(lambda: not list(folder.iterdir()))  # deleted once no thread uses it
