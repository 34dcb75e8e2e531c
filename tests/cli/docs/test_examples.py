"""Every command line shown in a help text is run by a shell, as a reader would paste it."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from p2pchat.cli.docs.examples import matching
from p2pchat.cli.main import cli
from tests.people import People, Registry
from tests.programs import P2P

EXAMPLES = [line.partition("    ")[0].rstrip() for line in matching(cli, "p2p", "")]

CODES = {
    "p2p register alice": {1},  # the user exists already
    "p2p register alice --registry 'p2p://chat.example.org#FINGERPRINT'": {2},  # no such key
    "p2p login --registry 'p2p://chat.example.org#FINGERPRINT'": {2},
    "p2p join 'p2p://chat.example.org/alice#...'": {2},
    "p2p join 'p2p://chat.example.org/alice#...' --name bob": {2},
    "p2p passwd": {4},  # no terminal for a prompt
    "p2p register alice --invite CODE": {1},
    "p2p trust bob": {2},  # there is no other key
    "p2p files get 3": {2},  # nothing was offered
    "p2p files get 3 --to ~/Desktop": {2},
    "p2p files decline 3": {2},
    "p2p files cancel 3": {2},
    "p2p send-file bob report.pdf": {6},
    "p2p send-file bob photos/ notes.txt": {6},
    "p2p outbox retry bob": {2},  # nothing has failed
    "p2p users disable mallory": {1, 5},
    "p2p search bob": {0, 6},
    "p2p search bob --json": {0, 6},
    'p2p send bob "dinner is ready"': {6},
    'echo "dinner is ready" | p2p chat bob': {6},
    "make 2>&1 | p2p send bob": {6},
    'p2p send bob "good morning" --at 9:00 --expires 2h': {6},
    "p2p profile restore alice.tar": {2},  # it would replace the profile
    "p2p doctor": {0, 1},
    "p2p doctor --json": {0, 1},
    "p2p status": {0, 6},
    "p2p status --json": {0, 6},
    "p2p serve --check": {0, 1},
}
"""Where it is not 0 for alice, who has a home, and bob as a contact, who is offline."""

ENDLESS = {
    "p2p serve": "serve",
    "p2p serve --registration invite": "serve",
    "p2p serve --original-host 0.0.0.0": "serve",
}
"""What runs until it is stopped."""


def test_tables_name_existing_examples() -> None:
    """Every example named in the tables exists."""
    assert {*CODES, *ENDLESS} <= set(EXAMPLES)


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e not in ENDLESS])
def test_example_runs(
    acquainted: tuple[Registry, People], people: People, tmp_path: Path, example: str
) -> None:
    """Each example has the expected exit code and prints no traceback."""
    folder = tmp_path / "here"
    (folder / "FOLDER").mkdir(parents=True)
    (folder / "photos").mkdir()
    for name in ("report.pdf", "notes.txt", "photos/1.jpg"):
        (folder / name).write_text("x")
    (folder / "orders").write_text('{"command": "quit"}\n')
    (folder / "accounts.txt").write_text("olga her password\n")
    (folder / "Makefile").write_text("all:\n\t@echo made\n")
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "p2p").symlink_to(P2P)
    for name, does in (("notify-send", "exit 0"), ("jq", "cat"), ("editor", "exit 0")):
        (bin_folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (bin_folder / name).chmod(0o755)
    env = people.env["alice"] | {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",  # noqa: TID251  # a child's
        "EDITOR": "editor",
        "P2P_SERVE_DATA_DIR": str(acquainted[0].folder),
    }
    home = Path(env["HOME"])
    home.joinpath(".zfunc").mkdir(exist_ok=True)
    if "tar" in example or "restore" in example:
        for before in ("p2p backup registry.tar", "p2p profile backup alice.tar"):
            if not example.startswith(before):
                subprocess.run(before, shell=True, cwd=folder, env=env, check=False, timeout=60)
    if " listen" in example or "--watch" in example:
        env |= {"P2P_PASSWORD": "password"}
        example = f"timeout --signal=INT 3 {example}"
    done = subprocess.run(
        example,
        shell=True,
        executable="/bin/bash",
        cwd=folder,
        env=env,
        text=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    expected = CODES.get(example, {0})
    if " listen" in example or "--watch" in example:
        expected = {0, 124, 130}
    assert done.returncode in expected, (done.returncode, done.stderr)


@pytest.mark.parametrize("example", ENDLESS)
def test_endless_example_runs_until_stopped(tmp_path: Path, example: str) -> None:
    """An example that does not end by itself is stopped cleanly by SIGTERM."""
    env = {"HOME": str(tmp_path), "P2P_HOME": str(tmp_path), "PATH": str(Path(P2P).parent)}
    ports = [f"P2P_SERVE_{name}=0" for name in ("PORT", "ORIGINAL_PORT", "ORIGINAL_UDP_PORT")]
    env |= dict(port.split("=") for port in ports)
    with subprocess.Popen(
        example.split(), executable=P2P, env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("join "):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
