"""What is run by hand or by `.ci/run` beyond the README's test command: nox -f .ci/noxfile.py -l.

Sessions without an environment of their own use the one that nox itself is installed in, which is
the project's `.venv`; the others make theirs under `.nox`.
"""

import subprocess
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parents[1]
FAST = ["protocol", "net", "peer", "registry", "ui", "hostile"]
PURE = {"protocol": 95, "registry/service": 95, "ui/text": 95}
"""Percent of lines and branches that the rooms without a socket must have covered."""
OTHERS = {"net": 90, "peer": 90, "registry": 80, "ui": 88}

nox.options.default_venv_backend = "venv"
nox.options.envdir = str(ROOT / ".nox")
nox.options.sessions = ["lint", "types", "fuzz", "lowest", "wheel"]


def _python(session: nox.Session, *command: str) -> None:
    session.run(sys.executable, "-m", *command, external=True)


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Run the whole suite on one version of Python, where that is installed."""
    session.chdir(ROOT)
    session.install("--editable", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session(python=False)
def lint(session: nox.Session) -> None:
    """Check style, format, and that imports go down only."""
    session.chdir(ROOT)
    _python(session, "ruff", "check")
    _python(session, "ruff", "format", "--check")


@nox.session(python=False)
def types(session: nox.Session) -> None:
    """Check the types of the package and its tests strictly."""
    session.chdir(ROOT)
    _python(session, "mypy", "--strict", "p2pchat", "tests")


@nox.session(python=False)
def fuzz(session: nox.Session) -> None:
    """Give every decoder random payloads, each time others; the printed seed replays them."""
    session.chdir(ROOT)
    seconds = session.posargs[0] if session.posargs else "60"
    _python(session, "tests.hostile.fuzz", "--seconds", seconds)


@nox.session(python=False)
def schedules(session: nox.Session) -> None:
    """Live through many more schedules and commands than each test run does."""
    session.chdir(ROOT)
    more = {"P2PCHAT_SCHEDULES": "5000", "P2PCHAT_APART": "2000", "P2PCHAT_COMMANDS": "200"}
    scenarios = ("tests/scenarios/test_simulation.py", "tests/scenarios/test_apart.py")
    tests = (*scenarios, "tests/faults/test_processes_of_one_profile.py")
    selected = ("-k", "every_line or any_order")
    session.run(sys.executable, "-m", "pytest", "-q", *selected, *tests, external=True, env=more)


@nox.session(python=False)
def benches(session: nox.Session) -> None:
    """Run the benchmarks briefly: no test runs them, and some had stopped working unnoticed."""
    session.chdir(ROOT)
    _python(session, "tests.bench.line", "--lines", "0,1000", "--times", "20")
    _python(session, "tests.bench.burst", "--lines", "300", "--rounds", "2")
    _python(session, "tests.bench.frames", "--total", "16777216")
    _python(session, "tests.bench.history", "--lines", "10000")
    _python(session, "tests.bench.start_up")
    _python(session, "tests.bench.listeners")
    _python(session, "tests.bench.registry", "--quick")


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests of the packages with the lowest releases that pyproject.toml admits."""
    session.chdir(ROOT)
    wanted = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, str(ROOT / ".ci" / "lowest")], capture_output=True, text=True, check=True
    )
    session.install("--editable", ".[dev]", *wanted.stdout.split())
    session.run("pytest", "-q", *(f"tests/{room}" for room in FAST), "tests/cli/test_commands.py")


@nox.session
def wheel(session: nox.Session) -> None:
    """Install the built wheel into an empty environment, and ask it for its help."""
    session.chdir(ROOT)
    folder = session.create_tmp()
    session.run(
        sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ".", external=True
    )
    (built,) = Path(folder).glob("p2pchat-*.whl")
    session.install(str(built))
    session.chdir(folder)
    session.run("p2p", "--version")
    session.run("p2p", "help", "security", silent=True)


@nox.session(python=False)
def coverage(session: nox.Session) -> None:
    """Measure lines and branches, in this process only, and hold each package to its floor."""
    session.chdir(ROOT)
    _python(
        session,
        "pytest",
        "-q",
        "--cov=p2pchat",
        "--cov-branch",
        "--cov-report=",
        *(f"tests/{room}" for room in (*FAST, "scenarios")),
    )
    for room, floor in {**PURE, **OTHERS}.items():
        _python(
            session, "coverage", "report", f"--include=p2pchat/{room}/*", f"--fail-under={floor}"
        )
