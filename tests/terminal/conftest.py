"""A registry, and users at terminals."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.programs import Program, Serve, environment
from tests.terminal.screen import Screen

Person = Callable[..., Screen]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Serve]:
    """Yield a registry of the test's own."""
    serve = Serve(tmp_path / "registry", "--quiet", "--password-cost", "64:1")
    yield serve
    serve.kill()


@pytest.fixture
def env(registry: Serve, tmp_path: Path) -> dict[str, str]:
    """Return the environment of all users."""
    return environment(tmp_path / "home", P2P_REGISTRY=registry.url, P2P_PASSWORD="secret")


@pytest.fixture
def at_terminal(env: dict[str, str]) -> Iterator[Person]:
    """Yield a function that starts a program on its own terminal."""
    screens: list[Screen] = []

    def start(*arguments: str, without: str = "", **size: Any) -> Screen:
        mine = {k: v for k, v in env.items() if k != without}
        return Screen(*arguments, env=mine, screens=screens, **size)

    yield start
    for screen in screens:
        screen.kill()


@pytest.fixture
def person(env: dict[str, str], at_terminal: Person) -> Person:
    """Return a function that registers a user and logs them in at a terminal."""

    def log_in(name: str, **size: Any) -> Screen:
        assert Program("register", name, env=env).end()[0] == 0
        screen = at_terminal("login", name, **size)
        screen.wait_for(f"logged in as {name}")
        screen.wait_until(lambda: "connected" in screen.toolbar)
        return screen

    return log_in
