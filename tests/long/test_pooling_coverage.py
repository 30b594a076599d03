"""Coverage of 95% intervals and prediction intervals, and false alarms, over 500 invented bodies of evidence.

Each figure is held against the committed ``bench/results/pooling_coverage.json``, which also says on what machine it was measured:
``python tests/long/test_pooling_coverage.py --save`` writes it again. Bodies come from the seeds there and nothing else.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wardmote.methods.multilevel import fit, nested_components, robust, sampling_covariance
from wardmote.methods.pooling import pool, prediction_interval

pytestmark = pytest.mark.long
WORLDS = 500
SEED = 11
TESTS = ("z", "knapp-hartung", "modified knapp-hartung")
STUDIES = (5, 10, 20)
SPREADS = (0.0, 0.05, 0.2)
"""τ² beside sampling variances between 0.01 and 0.2: none, as much as the errors of a middling study, and twice as much."""

# Two standard errors of a share of 0.95 over 500 worlds are 0.02: what lies within 93–97% cannot be told from 95%.
BAND = (0.93, 0.97)
EDGE = 1e-9  # of floating point, for shares that lie on the edge of the band
RESULTS = Path(__file__).resolve().parents[2] / "bench" / "results" / "pooling_coverage.json"


def pooled_coverage(k: int, tau2: float) -> dict[str, float]:
    """Return how often each interval of the mean, and each prediction interval of a new study's true effect, holds the truth."""
    rng = np.random.default_rng([SEED, k, round(1000 * tau2)])
    mean = 0.3
    hits = dict.fromkeys((*TESTS, "prediction", "tau2", "false alarms"), 0)
    for _ in range(WORLDS):
        v = rng.uniform(0.01, 0.2, k)
        y = mean + rng.normal(size=k) * np.sqrt(v + tau2)
        new = mean + np.sqrt(tau2) * rng.normal()
        for test in TESTS:
            found = pool(y, v, test=test, profile=test == "z")  # type: ignore[arg-type]  # text of a loop
            hits[test] += bool(found.low[0] <= mean <= found.high[0])
            if test == "z":
                hits["tau2"] += found.heterogeneity.low <= tau2 <= found.heterogeneity.high
            if test == "knapp-hartung":
                low, high = prediction_interval(found)
                hits["prediction"] += low <= new <= high
                null = pool(y - mean, v, test=test, profile=False)
                hits["false alarms"] += bool(null.p_value[0] < 0.05)
    return {name: number / WORLDS for name, number in hits.items()}


def robust_coverage(studies: int, rho: float) -> float:
    """Return how often the robust interval holds the truth where errors of a study correlate by 0.9 and the model supposes rho."""
    rng = np.random.default_rng([SEED, studies, round(100 * rho)])
    study = np.repeat(np.arange(studies), 4)
    hits = 0
    for _ in range(WORLDS):
        v = np.repeat(rng.uniform(0.02, 0.2, studies), 4)
        shared = rng.normal(size=studies)[study]
        noise = np.sqrt(v) * (np.sqrt(0.9) * shared + np.sqrt(0.1) * rng.normal(size=len(study)))
        y = 0.2 + 0.2 * rng.normal(size=studies)[study] + noise
        model = fit(y, sampling_covariance(v, study, rho), study, nested_components(study))
        found = robust(model)
        hits += bool(found.low[0] <= 0.2 <= found.high[0])
    return hits / WORLDS


def independent_coverage(studies: int) -> float:
    """Return how often the interval holds the truth where the same findings are taken as independent."""
    rng = np.random.default_rng([SEED, studies, 0])
    hits = 0
    for _ in range(WORLDS):
        v = np.repeat(rng.uniform(0.02, 0.2, studies), 4)
        shared = np.repeat(rng.normal(size=studies), 4)
        noise = np.sqrt(v) * (np.sqrt(0.9) * shared + np.sqrt(0.1) * rng.normal(size=len(v)))
        found = pool(0.2 + 0.2 * np.repeat(rng.normal(size=studies), 4) + noise, v, profile=False)
        hits += bool(found.low[0] <= 0.2 <= found.high[0])
    return hits / WORLDS


def committed() -> dict[str, Any]:
    """Return the committed results."""
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("tau2", SPREADS)
@pytest.mark.parametrize("k", STUDIES)
def test_pooled_intervals_hold_what_they_say(k: int, tau2: float) -> None:
    found = pooled_coverage(k, tau2)
    told = committed()["pooled"][f"{k} studies, tau2 {tau2:g}"]
    # Versions of numpy may round a world over an edge; more than one in a hundred would be another method.
    for name, share in found.items():
        assert share == pytest.approx(told[name], abs=0.01), name
    assert found["modified knapp-hartung"] >= BAND[0]
    if k >= 10:
        assert BAND[0] <= found["knapp-hartung"] <= BAND[1]
        assert 1 - BAND[1] - EDGE <= found["false alarms"] <= 1 - BAND[0] + EDGE
    else:
        # With five studies and few differences between them τ² is often found to be 0, and the plain interval is then too short.
        assert 0.9 <= found["knapp-hartung"] < found["modified knapp-hartung"]


@pytest.mark.parametrize("rho", [0.4, 0.9])
def test_robust_errors_hold_their_level_where_the_working_model_is_wrong(rho: float) -> None:
    found = robust_coverage(25, rho)
    assert BAND[0] <= found <= BAND[1]
    assert found == pytest.approx(committed()["robust"][f"rho {rho:g}"], abs=0.01)


def test_findings_of_one_study_taken_as_independent_miss_it() -> None:
    found = independent_coverage(25)
    assert found < 0.85
    assert found == pytest.approx(committed()["independent"], abs=0.01)


def main() -> None:
    """Measure, print and with ``--save`` write the results."""
    began = time.process_time()
    result = {
        "name": "pooling_coverage",
        "worlds": WORLDS,
        "seed": SEED,
        "meaning": "shares of worlds in which a 95% interval holds the truth; false alarms: shares of worlds without an effect in which"
        " p < 0.05 by Knapp–Hartung; two standard errors of a share are 0.02",
        "pooled": {
            f"{k} studies, tau2 {tau2:g}": pooled_coverage(k, tau2) for k in STUDIES for tau2 in SPREADS
        },
        "robust": {f"rho {rho:g}": robust_coverage(25, rho) for rho in (0.4, 0.9)},
        "independent": independent_coverage(25),
        "machine": {
            "cpus": os.cpu_count(),
            "processor": platform.machine(),
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "scipy": version("scipy"),
        },
    }
    result["cpu_seconds"] = round(time.process_time() - began, 1)
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    print(text)
    if "--save" in sys.argv:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
