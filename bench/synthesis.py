"""Pools many bodies of evidence beside PyMARE, statsmodels and metafor, and fits a large multilevel model beside metafor.

Prints one JSON object. ``seconds``, ``cpu_seconds`` and ``peak_mb`` are those of REML poolings; ``peer`` is PyMARE on the same bodies,
each in a process of its own; all must agree. ``parts`` holds the same poolings beside metafor (in R), DerSimonian–Laird beside
statsmodels, a search of three levels for 1,000 findings of 200 studies beside metafor, and the same with robust errors, which needs a
further package there and has no peer here. A peer that is not installed is null. Each work is done three times and the least CPU time is
told, after one small run that pays for imports; the interval of τ² is left out of ours, since none of the peers' calls gives it.

Run it with ``--quick`` (few bodies, no peers) or with ``--save`` to write the result to ``bench/results/synthesis.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
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
RHO = 0.6
TIMES = 3
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
    found = [pool(y[i], v[i], estimator=estimator, profile=False) for i in range(number)]  # type: ignore[arg-type]  # text of an argument
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


def findings(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return effects, variances and studies of five findings in each of many studies."""
    rng = np.random.default_rng(SEED)
    study = np.repeat(np.arange(number), 5)
    v = rng.uniform(0.01, 0.2, len(study))
    y = 0.3 + 0.2 * rng.normal(size=number)[study] + rng.normal(size=len(study)) * np.sqrt(v + 0.02)
    return y, v, study


def levels(number: int, *, errors: bool) -> list[list[float]]:
    """Return estimate and variances of a three-level model; with errors, the robust error and its degrees of freedom instead."""
    from wardmote.methods.multilevel import fit, nested_components, robust, sampling_covariance

    y, v, study = findings(number)
    model = fit(y, sampling_covariance(v, study, RHO), study, nested_components(study))
    if not errors:
        return [[float(model.estimate[0]), *(float(one) for one in model.components)]]
    found = robust(model)
    return [[float(found.estimate[0]), float(found.standard_error[0]), float(found.df[0])]]


WORKS = {
    "reml": lambda number: ours(number, "REML"),
    "dl": lambda number: ours(number, "DL"),
    "pymare": pymare,
    "statsmodels": statsmodels,
    "levels": lambda number: levels(number, errors=False),
    "robust": lambda number: levels(number, errors=True),
}

METAFOR = """
suppressMessages(library(metafor))
d <- read.csv(file("stdin")); what <- commandArgs(TRUE)[1]
reml <- function(d) t(sapply(split(d, d$body), function(e) {
  m <- tryCatch(rma(e$y, e$v, method="REML"), error=function(x)
    rma(e$y, e$v, method="REML", control=list(stepadj=0.5, maxiter=1000)))
  c(m$beta, m$tau2) }))
levels <- function(d) {
  d$id <- seq_len(nrow(d)); V <- vcalc(v, cluster=body, obs=id, rho=RHO, data=d)
  m <- rma.mv(y, V, random=~1|body/id, data=d, sparse=TRUE); matrix(c(m$beta, m$sigma2), 1) }
work <- list(reml=reml, levels=levels)[[what]]
invisible(work(d[d$body < 3,]))
best <- NULL
for (i in 1:TIMES) { t <- system.time(found <- work(d)); if (is.null(best) || sum(t[1:2]) < sum(best[1:2])) best <- t }
cat(sprintf("%.4f %.4f %.1f %s\n", best[3], sum(best[1:2]), sum(gc()[,6]), packageVersion("metafor")))
for (i in seq_len(nrow(found))) cat(sprintf("%.15g", found[i,]), "\n")
"""
"""metafor on the same data; where its search does not converge, with the shorter steps that its help advises.

Memory is R's own count of the most that it held."""


def metafor(what: str, number: int) -> tuple[dict[str, Any], np.ndarray] | None:
    """Return what metafor takes and finds, or None where it is not installed."""
    if shutil.which("Rscript") is None:
        return None
    if what == "reml":
        y, v = bodies(number)
        rows = zip(np.repeat(np.arange(number), STUDIES), y.ravel(), v.ravel(), strict=True)
    else:
        effects, variances, study = findings(number)
        rows = zip(study, effects, variances, strict=True)
    given = "body,y,v\n" + "".join(
        f"{body},{one!r},{error!r}\n"
        for body, one, error in ((int(b), float(y), float(v)) for b, y, v in rows)
    )
    script = METAFOR.replace("RHO", str(RHO)).replace("TIMES", str(TIMES))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "peer.R"
        file.write_text(script, encoding="utf-8")
        env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = ["Rscript", "--vanilla", str(file), what]
        told = subprocess.run(command, check=False, input=given, env=env, capture_output=True, text=True)
    if told.returncode:
        if "there is no package called" in told.stderr:
            return None
        raise RuntimeError(told.stderr)
    first, *lines = told.stdout.splitlines()
    seconds, cpu, memory, number_of = first.split()
    used = {
        "name": "metafor",
        "version": number_of,
        "seconds": float(seconds),
        "cpu_seconds": float(cpu),
        "peak_mb": float(memory),
    }
    return used, np.array([[float(x) for x in line.split()] for line in lines])


def beside_metafor(our_work: str, what: str, number: int, tolerance: float) -> dict[str, Any]:
    """Return ours and metafor's measures, after both agreed; a null peer where it is not installed."""
    used, found = measured(our_work, number)
    told = metafor(what, number)
    if told is None:
        return {**used, "peer": None, "ratio": None}
    peer, other = told
    apart = float(np.abs(found - other).max())
    assert apart <= tolerance, f"{our_work} and metafor differ by {apart:g}"
    return {
        **used,
        "peer": peer,
        "ratio": round(peer["cpu_seconds"] / used["cpu_seconds"], 2),
        "apart": apart,
    }


def child(work: str, number: int) -> None:
    """Print what one work takes and finds, after one small run that pays for imports."""
    import resource

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other packages' deprecations
        WORKS[work](3)
        taken = []
        for _ in range(TIMES):
            wall, cpu = time.perf_counter(), time.process_time()
            found = WORKS[work](number)
            taken.append((time.process_time() - cpu, time.perf_counter() - wall))
    used = {
        "seconds": round(min(taken)[1], 4),
        "cpu_seconds": round(min(taken)[0], 4),
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
            "robust": {
                "studies": studies,
                "findings": 5 * studies,
                **measured("robust", studies)[0],
                "peer": None,
            }
        },
    }
    if not asked.quick:
        result["parts"] |= {
            "reml_beside_metafor": beside_metafor("reml", "reml", number, AGREE),
            "dersimonian_laird": beside("dl", "statsmodels", "statsmodels", number, 1e-9),
            "three_levels": {
                "studies": studies,
                "findings": 5 * studies,
                **beside_metafor("levels", "levels", studies, AGREE),
            },
        }
    result["machine"] = {"cpus": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    print(json.dumps(result, indent=1, ensure_ascii=False))
    if asked.save:
        (ROOT / "bench" / "results" / "synthesis.json").write_text(
            json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
