"""A few rounds of the soak: whatever is killed or frozen, nothing is lost, doubled, stuck or left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to their ancestors"),
]


def test_nothing_is_lost_doubled_stuck_or_left_behind() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--rounds", "10", "--seed", "20"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[0])
    assert figures["accepted"] == 30
    assert {figures[name] for name in ("lost", "doubled", "stuck", "orphans")} == {0}
