"""The wheel, built from the repository or the sdist, has all that is needed and no more."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from p2pchat.version import __version__
from tests.archives import unpack
from tests.programs import environment

ROOT = Path(__file__).parents[1]
NAME = f"p2pchat-{__version__}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel in a temporary folder."""
    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("dist")))))


def test_wheel_has_what_an_installation_needs(wheel: Path) -> None:
    """It has the program, texts, types, licence, manual and completions, and no tests."""
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", __version__)
    assert wheel.name == f"{NAME}-py3-none-any.whl"
    shipped = set(zipfile.ZipFile(wheel).namelist())
    share = f"{NAME}.data/data/share"
    pages = {file.name for file in (ROOT / "p2pchat" / "man").iterdir()}
    assert shipped >= {
        "p2pchat/py.typed",
        "p2pchat/protocol/THREATS.md",
        "p2pchat/protocol/SECURITY.md",
        "p2pchat/protocol/WIRE.md",
        f"{NAME}.dist-info/licenses/LICENSE",
        f"{share}/bash-completion/completions/p2p",
        f"{share}/zsh/site-functions/_p2p",
        f"{share}/fish/vendor_completions.d/p2p.fish",
        *(f"{share}/man/man1/{page}" for page in pages),
    }
    sources = {str(file.relative_to(ROOT)) for file in (ROOT / "p2pchat").rglob("*.py")}
    assert {name for name in shipped if name.endswith(".py")} == sources
    assert {name.partition("/")[0] for name in shipped} == {
        "p2pchat",
        f"{NAME}.data",
        f"{NAME}.dist-info",
    }
    assert not any(name.startswith("p2pchat/man/") for name in shipped)


def test_the_sdist_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """The wheel built from the sdist is identical to the byte, so that builds can be compared."""
    sdist = next(SdistBuilder(str(ROOT)).build(directory=str(tmp_path)))
    unpack(Path(sdist), tmp_path)
    assert (tmp_path / NAME / "tests" / "test_packages.py").exists()
    again = next(WheelBuilder(str(tmp_path / NAME)).build(directory=str(tmp_path)))
    assert Path(again).read_bytes() == wheel.read_bytes()


def test_wheel_runs(wheel: Path, tmp_path: Path) -> None:
    """The package runs from the wheel alone, and finds its texts there."""
    code = (
        "import p2pchat; print(p2pchat.__file__)\n"
        "from p2pchat.cli.main import cli; cli(['help', 'security'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(tmp_path, PYTHONPATH=str(wheel)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"{wheel}/p2pchat/__init__.py\nWhat is protected")
