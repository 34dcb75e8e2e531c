"""A link whose packets vanish is noticed, and lines written meanwhile arrive later."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.timeout(150)
def test_half_open_link_is_noticed(tmp_path: Path) -> None:
    """It is noticed within 30 s, and each line arrives once, in order."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"  # noqa: TID251  # where ip is
    probe = subprocess.run(
        ["unshare", "-rn", "ip", "link"], env={"PATH": path}, capture_output=True, check=False
    )
    if probe.returncode:
        pytest.skip("no network namespace can be made here")
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-m", "tests.faults.half_open", str(tmp_path)],
        env={"PATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    print(f"noticed after {seen['noticed']:.1f} s, lines came {seen['came']:.1f} s after the cure")
    assert seen["noticed"] < 30
    assert seen["heard"] == ["alice: one", "alice: two", "alice: three"]
