"""Alice and bob, who have chatted before: real profiles at a real registry."""

import json
import shutil
from pathlib import Path

from tests.programs import Program, Serve, environment, running

NAMES = ("alice", "bob")


class Registry(Serve):
    """A registry shared by the users of many tests."""

    def __init__(self, folder: Path, *more: str, secure_port: int = 0) -> None:
        self.folder = folder
        options = ("--quiet", "--password-cost", "64:1", "--limits", "none")
        super().__init__(folder, *options, *more, secure_port=secure_port)


class People:
    """Alice and bob, each with a home below the folder; `like`: copy the homes of these two."""

    def __init__(self, serve: Serve, folder: Path, like: "People | None" = None) -> None:
        self.env = {
            name: environment(folder / name, P2P_REGISTRY=serve.join, P2P_PASSWORD="password")
            for name in NAMES
        }
        if like is None:
            self._get_acquainted()
            return
        for name in NAMES:
            shutil.copytree(like.env[name]["P2P_HOME"], folder / name)

    def _get_acquainted(self) -> None:
        for name in NAMES:
            assert self.run(name, "register", name)[0] == 0
        with running(self.start("bob")) as bob:
            alice = Program("chat", "bob", env=self.env["alice"])
            bob.wait_for("alice wants to chat")
            bob.type("/accept")
            alice.wait_for("chat with bob started")
            alice.type("hello there")
            bob.wait_for("^alice: hello there$")
            assert alice.end()[0] == 0
            bob.type("/quit")
            assert bob.end()[0] == 0

    def start(self, name: str, *options: str, command: tuple[str, ...] | None = None) -> Program:
        program = Program("login", *options, env=self.env[name], command=command)
        program.wait_for(f"logged in as {name}")
        return program

    def run(self, name: str, *words: str, stdin: str = "") -> tuple[int, list[str], str]:
        program = Program(*words, env=self.env[name])
        if stdin:
            program.write_all(stdin)
        code, err = program.end()
        return code, program.said, err

    def texts(self, name: str, *words: str) -> list[tuple[str, str, str]]:
        code, said, _ = self.run(name, "history", *words, "--json")
        assert code == 0
        lines = [json.loads(line) for line in said]
        return [(line["from"], line["text"], line["state"]) for line in lines]
