"""Pools many bodies of evidence by REML, beside PyMARE, and by DerSimonian and Laird, beside statsmodels; fits a large multilevel model.

Prints one JSON object. ``seconds``, ``cpu_seconds`` and ``peak_mb`` are those of the REML poolings; ``peer`` is PyMARE on the same bodies,
each in a process of its own, and both must agree. ``parts`` holds DerSimonian–Laird beside statsmodels, and three levels with robust errors
for 1,000 findings of 200 studies, which neither package offers: there the peer is null. metafor would need R, which is not asked for here.

Run it with ``--quick`` (few bodies, no peers) or with ``--save`` to write the result to ``bench/results/synthesis.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SEED = 6
STUDIES = 30
AGREE = 2e-3
"""PyMARE's general-purpose search ends near 1e-5 of the likelihood's top, where τ² may be off by this much; estimates far less."""


def bodies(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return effects and variances of invented bodies of evidence, shape (number, studies)."""
    rng = np.random.default_rng(SEED)
    v = rng.uniform(0.01, 0.2, (number, STUDIES))
    return 0.3 + rng.normal(size=v.shape) * np.sqrt(v + 0.05), v


def ours(number: int, estimator: str) -> list[list[float]]:
    """Return pooled effect and τ² of each body by ours."""
    from wardmote.methods.pooling import pool

    y, v = bodies(number)
    found = [pool(y[i], v[i], estimator=estimator) for i in range(number)]  # type: ignore[arg-type]  # text of an argument
    return [[float(one.estimate[0]), one.heterogeneity.tau2] for one in found]


def pymare(number: int) -> list[list[float]]:
    """Return the same by PyMARE's REML."""
    from pymare.estimators import VarianceBasedLikelihoodEstimator

    y, v = bodies(number)
    one = np.ones((STUDIES, 1))
    found = []
    for i in range(number):
        result = VarianceBasedLikelihoodEstimator(method="REML").fit(y[i][:, None], v[i][:, None], one)
        found.append(
            [float(np.ravel(result.params_["fe_params"])[0]), float(np.ravel(result.params_["tau2"])[0])]
        )
    return found


def statsmodels(number: int) -> list[list[float]]:
    """Return the same by statsmodels' DerSimonian–Laird."""
    from statsmodels.stats.meta_analysis import combine_effects

    y, v = bodies(number)
    found = [combine_effects(y[i], v[i], method_re="dl") for i in range(number)]
    return [[float(one.mean_effect_re), float(one.tau2)] for one in found]


def three_levels(number: int) -> list[list[float]]:
    """Return estimate, robust error and degrees of freedom for five findings in each of many studies."""
    from wardmote.methods.multilevel import fit, nested_components, robust, sampling_covariance

    rng = np.random.default_rng(SEED)
    study = np.repeat(np.arange(number), 5)
    v = rng.uniform(0.01, 0.2, len(study))
    y = 0.3 + 0.2 * rng.normal(size=number)[study] + rng.normal(size=len(study)) * np.sqrt(v + 0.02)
    model = fit(y, sampling_covariance(v, study, 0.6), study, nested_components(study))
    found = robust(model)
    return [[float(found.estimate[0]), float(found.standard_error[0]), float(found.df[0])]]


WORKS = {
    "reml": lambda number: ours(number, "REML"),
    "dl": lambda number: ours(number, "DL"),
    "pymare": pymare,
    "statsmodels": statsmodels,
    "three_levels": three_levels,
}


def child(work: str, number: int) -> None:
    """Print what one work takes and finds, after one small run that pays for imports."""
    import resource

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other packages' deprecations
        WORKS[work](2)
        wall, cpu = time.perf_counter(), time.process_time()
        found = WORKS[work](number)
    used = {
        "seconds": round(time.perf_counter() - wall, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    print(json.dumps({"used": used, "found": found}))


def measured(work: str, number: int) -> tuple[dict[str, float], np.ndarray]:
    """Return what a work takes in a process of its own, and what it finds."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, __file__, "--work", work, "--number", str(number)]
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return told["used"], np.array(told["found"])


def beside(our_work: str, their_work: str, package: str, number: int, tolerance: float) -> dict[str, Any]:
    """Return ours and a peer's measures, after both agreed; a null peer where it is not installed."""
    used, found = measured(our_work, number)
    if find_spec(package) is None:
        return {**used, "peer": None, "ratio": None}
    theirs, other = measured(their_work, number)
    # statsmodels does not cut τ² off at 0 and then gives effects far outside the data: such bodies are not compared.
    sound = other[:, 1] >= 0
    apart = float(np.abs(found - other)[sound].max())
    assert apart <= tolerance, f"{our_work} and {package} differ by {apart:g}"
    peer = {"name": package, "version": version(package), **theirs, "compared": int(sound.sum())}
    ratio = round(theirs["cpu_seconds"] / used["cpu_seconds"], 2) if used["cpu_seconds"] else None
    return {**used, "peer": peer, "ratio": ratio, "apart": apart}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--work", default="")
    parser.add_argument("--number", type=int, default=0)
    asked = parser.parse_args()
    if asked.work:
        child(asked.work, asked.number)
        return
    number, studies = (20, 40) if asked.quick else (400, 200)
    result: dict[str, Any] = {
        "name": "synthesis",
        "work": {"bodies": number, "studies": STUDIES, "seed": SEED},
        **(
            {**measured("reml", number)[0], "peer": None, "ratio": None}
            if asked.quick
            else beside("reml", "pymare", "pymare", number, AGREE)
        ),
        "parts": {
            "three_levels": {
                "studies": studies,
                "findings": 5 * studies,
                **measured("three_levels", studies)[0],
                "peer": None,
            },
        },
    }
    if not asked.quick:
        result["parts"]["dersimonian_laird"] = {
            **beside("dl", "statsmodels", "statsmodels", number, 1e-9),
            "note": "ours finds the exact interval of τ² (two searches, more than half of its time), I² with its interval and the"
            " likelihood besides, a third of a millisecond in all; the peer finds τ² and the mean by closed formulas",
        }
    result["machine"] = {"cpus": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    print(json.dumps(result, indent=1, ensure_ascii=False))
    if asked.save:
        (ROOT / "bench" / "results" / "synthesis.json").write_text(
            json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
