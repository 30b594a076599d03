"""A run killed at 50 random moments loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TIMES = 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which Windows lacks")
def test_a_run_killed_at_fifty_random_moments_loses_nothing(tmp_path: Path) -> None:
    script = Path(__file__).with_name("kill_runs.py")
    result = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(TIMES), "20250101"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    # Of 50 moments in a run of six tasks, a good part must fall where some tasks have new tables and others still the old ones.
    assert told["killed"] == TIMES
    assert told["between"] >= 0.1 * TIMES
