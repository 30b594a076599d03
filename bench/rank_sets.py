"""Rank sets for 33,000 areas: marginal, simultaneous and for the greatest-need tenth, with estimated critical values.

Prints one JSON object. ``seconds``, ``cpu_seconds`` and ``peak_mb`` are those of the three single-step sets together;
``stepwise`` holds the refined ones, ``sizes`` how many ranks a set holds on average. The peer is the R package csranks where R
has it, on 100 areas (its memory goes as areas² × draws); ours on the same 100 areas stands beside it, and the sets must agree.

Run it with ``--quick`` (2,500 areas), or with ``--save`` to write the result to ``bench/results/rank_sets.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy

from wardmote.methods.rank_sets import RankSets, greatest_need_set, marginal_sets, simultaneous_sets

ROOT = Path(__file__).resolve().parents[1]
SEED, COVERAGE, DRAWS = 20, 0.9, 1000
SECONDS, PEAK_MB, CORES = 5.0, 400, 2
"""What the issue on uncertainty asks for on two cores that do nothing else. Seconds on the clock grow with what else a machine does, so
they are told and not judged: what fails a run is more work than two free cores can do in that time."""

CSRANKS = """
suppressMessages(library(csranks)); d <- read.csv(commandArgs(TRUE)[1]); t <- system.time(
for (simul in c(FALSE, TRUE)) { r <- csranks(d$x, diag(d$s^2), coverage = 0.9, stepdown = FALSE, simul = simul, R = 1000, seed = 1)
cat(r$L, "\\n", r$U, "\\n", sep = " ") })
cat(t["elapsed"], t["user.self"] + t["sys.self"], as.character(packageVersion("csranks")), "\\n")
"""

Floats = npt.NDArray[np.float64]


def areas(n: int) -> tuple[Floats, Floats]:
    """Return invented scores, of standard deviation 1, and standard errors of 0.05 to 0.25."""
    rng = np.random.default_rng(SEED)
    errors = rng.uniform(0.05, 0.25, n)
    return rng.standard_normal(n) + errors * rng.standard_normal(n), errors


def timed(make: Callable[[], dict[str, RankSets]]) -> tuple[dict[str, RankSets], dict[str, float]]:
    """Return what was made, with seconds and the peak so far."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = make()
    used = {
        "seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    return made, used


def both(x: Floats, s: Floats, *, stepwise: bool) -> dict[str, RankSets]:
    """Return marginal and simultaneous sets."""
    return {
        "marginal": marginal_sets(x, s, coverage=COVERAGE, stepwise=stepwise),
        "simultaneous": simultaneous_sets(x, s, coverage=COVERAGE, stepwise=stepwise, draws=DRAWS, seed=SEED),
    }


def check_by_brute_force(n: int = 300) -> None:
    """Assert that the ends of the sets are counts over a table of all pairs."""
    x, s = areas(n)
    for sets in both(x, s, stepwise=True).values():
        apart = (x[None, :] - x[:, None]) / np.hypot(s[:, None], s[None, :])
        assert (sets.low == 1 + (apart > sets.critical[:, None]).sum(axis=1)).all()
        assert (sets.high == n - (apart < -sets.critical[:, None]).sum(axis=1)).all()


def run_csranks(n: int = 100) -> dict[str, object] | None:
    """Return the peer's use and ours on the same areas, or None where R lacks csranks; assert that the sets agree."""
    r = shutil.which("Rscript")
    if r is None:
        return None
    x, s = areas(n)
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "areas.csv", Path(folder) / "run.R"
        data.write_text(
            "x,s\n" + "\n".join(f"{a!r},{b!r}" for a, b in zip(x.tolist(), s.tolist(), strict=True))
        )
        script.write_text(CSRANKS)
        done = subprocess.run([r, str(script), str(data)], capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    *ends, used = [line.split() for line in done.stdout.strip().splitlines()]
    made, ours = timed(lambda: both(x, s, stepwise=False))
    for (low, high), sets in zip((ends[:2], ends[2:]), made.values(), strict=True):
        # Critical values from 1,000 draws differ by about 0.05, which moves few ends, and these by a rank or two.
        assert np.abs(sets.low - np.array(low, float)).max() <= 3
        assert np.abs(sets.high - np.array(high, float)).max() <= 3
    peer = {"name": "csranks", "version": used[2], "seconds": float(used[0]), "cpu_seconds": float(used[1])}
    return {**peer, "areas": n, "ours": ours}


def main() -> None:
    """Run, check and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,500 areas")
    parser.add_argument("--save", action="store_true", help="write bench/results/rank_sets.json")
    options = parser.parse_args()
    n = 2500 if options.quick else 33_000
    x, s = areas(n)
    single, used = timed(lambda: both(x, s, stepwise=False))
    members = greatest_need_set(single["simultaneous"], n // 10)
    refined, stepwise = timed(lambda: both(x, s, stepwise=True))
    check_by_brute_force()
    peer = None if options.quick else run_csranks()
    result = {
        "name": "rank_sets",
        "work": {"areas": n, "draws": DRAWS, "coverage": COVERAGE, "seed": SEED},
        **used,
        "load": round(os.getloadavg()[0], 1),
        "target": {"seconds": SECONDS, "cpu_seconds": SECONDS * CORES, "peak_mb": PEAK_MB},
        "stepwise": stepwise,
        "sizes": {
            **{kind: round(float(sets.size.mean()), 1) for kind, sets in single.items()},
            **{f"{kind}, stepwise": round(float(sets.size.mean()), 1) for kind, sets in refined.items()},
            "may be in the greatest-need tenth": int(members.sum()),
            "the same, stepwise": int(greatest_need_set(refined["simultaneous"], n // 10).sum()),
        },
        "peer": peer,
        "ratio": None if peer is None else round(peer["cpu_seconds"] / peer["ours"]["cpu_seconds"], 1),  # type: ignore[index,operator]  # floats, see run_csranks
        "machine": f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}",
    }
    print(json.dumps(result, indent=2))
    limit = SECONDS * CORES
    assert used["cpu_seconds"] <= limit, f"{used['cpu_seconds']} CPU seconds are over {limit:g}"
    assert used["peak_mb"] <= PEAK_MB, f"{used['peak_mb']} MB is over {PEAK_MB} MB"
    if options.save:
        target = ROOT / "bench" / "results" / "rank_sets.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
