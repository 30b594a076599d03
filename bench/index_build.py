"""Builds one national index, 32,844 areas × 40 indicators in 7 domains: treat, normalise, aggregate; beside COINr where it is found.

Prints one JSON object: ``seconds`` and ``cpu_seconds`` are the median of several warm evaluations of the compiled plan, ``peak_mb`` is the
peak of the whole process, data and imports included. COINr (GPL) runs in a process of its own on the same numbers, through its public
functions; its seconds are those of Treat, Normalise and Aggregate, without starting R, reading the data or making the coin.

Run it with ``--quick`` (few repetitions, no peer), or with ``--save`` to write the result to ``bench/results/index_build.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from wardmote.engine import Evaluation, Plan, compile_index, evaluate
from wardmote.study import IndexSpec

AREAS, INDICATORS, DOMAINS, SEED = 32_844, 40, 7, 20_190
TOLERANCE = 1e-9
"""Largest difference of scores (0 to 100): sums of 40 numbers in another order differ by about 1e-13; COINr's data pass exactly."""

PEER = r"""
suppressMessages(library(COINr))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]; n <- as.integer(arguments[2]); k <- as.integer(arguments[3])
values <- matrix(readBin(file.path(folder, "values.bin"), "double", n * k), nrow = n)
meta <- read.csv(file.path(folder, "meta.csv"), stringsAsFactors = FALSE)
meta$Parent[meta$Parent == ""] <- NA
colnames(values) <- meta$iCode[meta$Type == "Indicator"]
data <- data.frame(uCode = sprintf("A%06d", seq_len(n)), values)
coin <- new_coin(data, meta, quietly = TRUE)
started <- proc.time()
coin <- Treat(coin, dset = "Raw", disable = FALSE)
coin <- Normalise(coin, dset = "Treated")
coin <- Aggregate(coin, dset = "Normalised", f_ag = "a_amean")
took <- proc.time() - started
result <- get_dset(coin, "Aggregated")
result <- result[match(data$uCode, result$uCode), "index"]
writeBin(as.double(result), file.path(folder, "scores.bin"))
status <- readLines("/proc/self/status")
peak <- as.numeric(gsub("[^0-9]", "", status[grepl("^VmHWM", status)])) / 1024
cat(sprintf('{"name": "COINr", "version": "%s", "seconds": %.4f, "cpu_seconds": %.4f, "peak_mb": %.1f}',
            as.character(packageVersion("COINr")), took[["elapsed"]], took[["user.self"]] + took[["sys.self"]], peak))
"""


def make_data(seed: int = SEED) -> np.ndarray:
    """Return invented indicators, shape (indicators, areas): correlated, skewed, some with a few far outliers."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(DOMAINS, AREAS))
    values = np.empty((INDICATORS, AREAS))
    for place in range(INDICATORS):
        mixed = 0.6 * common[place * DOMAINS // INDICATORS] + 0.8 * rng.normal(size=AREAS)
        # A third near normal, a third skewed, a third so skewed that only a logarithm mends them.
        values[place] = np.exp(mixed * (0.15, 0.5, 1.0)[place % 3])
        if place % 5 == 0:  # outliers that winsorising a few points mends
            values[place, rng.choice(AREAS, 3, replace=False)] *= 40
    return values


def make_spec(seed: int = SEED) -> IndexSpec:
    """Return a tree of two levels with unequal weights, every fifth indicator turned round."""
    rng = np.random.default_rng(seed + 1)
    tree: list[dict[str, object]] = [{"node": "index"}]
    tree += [
        {"node": f"domain-{d}", "parent": "index", "weight": round(w, 3)}
        for d, w in enumerate(rng.uniform(0.5, 1.5, DOMAINS))
    ]
    tree += [
        {
            "node": f"x{i}",
            "parent": f"domain-{i * DOMAINS // INDICATORS}",
            "weight": round(w, 3),
            "direction": -1 if i % 5 == 4 else 1,
        }
        for i, w in enumerate(rng.uniform(0.5, 1.5, INDICATORS))
    ]
    steps = [
        {"id": "treat", "on": "leaves", "do": "treat", "method": "skew-kurt"},
        {"id": "scale", "on": "leaves", "do": "normalise", "method": "minmax"},
        {"id": "combine", "on": "branches", "do": "aggregate", "method": "arithmetic"},
    ]
    return IndexSpec.model_validate({"tree": tree, "steps": steps})


def measure(plan: Plan, values: np.ndarray, times: int) -> tuple[float, float, Evaluation]:
    """Return median wall and processor seconds of warm evaluations, and the result."""
    columns = dict(zip(plan.leaves, values, strict=True))
    found = evaluate(plan, columns)
    evaluate(plan, columns)
    wall, cpu = [], []
    for _ in range(times):
        clock, used = time.perf_counter(), time.process_time()
        found = evaluate(plan, columns)
        wall.append(time.perf_counter() - clock)
        cpu.append(time.process_time() - used)
    return statistics.median(wall), statistics.median(cpu), found


def has_peer() -> bool:
    """Return whether R and COINr are there."""
    if shutil.which("Rscript") is None:
        return False
    asked = ["Rscript", "-e", 'cat(requireNamespace("COINr", quietly = TRUE))']
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return answer.stdout.strip().endswith("TRUE")


def run_peer(plan: Plan, values: np.ndarray) -> tuple[dict[str, object], np.ndarray]:
    """Return COINr's measures and its scores on the same data."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        values.tofile(folder / "values.bin")
        rows = ["iCode,iName,Level,Parent,Direction,Weight,Type"]
        top = max(node.depth for node in plan.nodes.values())
        for node in [*(plan.nodes[leaf] for leaf in plan.leaves), *(plan.nodes[b] for b in plan.branches)]:
            code, parent = node.name.replace("-", "_"), node.parent.replace("-", "_")
            kind = "Aggregate" if node.children else "Indicator"
            level = top - node.depth + 1
            rows.append(f"{code},{code},{level},{parent},{node.direction},{node.weight},{kind}")
        (folder / "meta.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        (folder / "peer.R").write_text(PEER, encoding="utf-8")
        command = ["Rscript", str(folder / "peer.R"), name, str(values.shape[1]), str(values.shape[0])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"COINr did not run:\n{done.stderr}")
        told: dict[str, object] = json.loads(done.stdout[done.stdout.index("{") :])
        return told, np.fromfile(folder / "scores.bin")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="few repetitions, no peer")
    parser.add_argument("--save", action="store_true", help="write the result beside this file")
    asked = parser.parse_args()
    values, plan = make_data(), compile_index(make_spec(), index="bench")
    seconds, cpu, found = measure(plan, values, 5 if asked.quick else 15)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    score = found.score["index"]
    assert score.shape == (AREAS,)
    assert not np.isnan(score).any()
    treated = [change.how for change in found.changes if change.kind == "treated"]
    peer, agrees, ratio = None, None, None
    if not asked.quick and has_peer():
        peer, theirs = run_peer(plan, values)
        apart = float(np.abs(score - theirs).max())
        agrees = apart <= TOLERANCE
        assert agrees, f"scores differ from COINr's by up to {apart:g}"
        ratio = round(float(str(peer["cpu_seconds"])) / cpu, 1)
    result = {
        "name": "index_build",
        "work": {
            "areas": AREAS,
            "indicators": INDICATORS,
            "domains": DOMAINS,
            "winsorised": treated.count("winsorise"),
            "logarithms": len(treated) - treated.count("winsorise"),
        },
        "seconds": round(seconds, 5),
        "cpu_seconds": round(cpu, 5),
        "peak_mb": round(peak, 1),
        "peer": peer,
        "ratio": ratio,
        "agrees": agrees,
    }
    print(json.dumps(result))
    if asked.save:
        machine = {
            "seed": SEED,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
        }
        target = Path(__file__).parent / "results" / "index_build.json"
        target.write_text(json.dumps({**result, **machine}, indent=1) + "\n", encoding="utf-8")


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    sys.exit(main())
