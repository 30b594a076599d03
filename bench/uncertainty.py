"""Draws the uncertainty of one national index, 32,844 areas × 40 indicators in 7 domains, on the data of ``index_build.py``; beside COINr.

Prints one JSON object, and on the error stream a table of sizes and every target with what was found. Each part is measured warm, in a
process of its own that uses at most two cores:

- ``recomputed``: choices of method only, every step calculated anew from the raw indicators in each replication, as COINr does;
- ``reused``: the same choices through the stage, which calculates again only what is below a change;
- ``sampled``: the same with binomial sampling error of every value of every indicator;
- ``sobol``: a Sobol design over all factors, with and without sampling;
- ``sizes``: seconds and memory for more areas, up to 240,000, and for more draws, with the slopes of their logarithms: 1 is linear.

``peer`` is COINr's ``get_sensitivity`` (GPL, in a process of its own) on the same indicators with the same three factors; it has no
sampling error. Before anything is timed, one replication of ours is held against COINr's recorded choices by the tests
(``tests/reference/test_coinr_uncertainty_stage.py``); here its nominal index is compared. Run it with ``--quick`` (few draws, no
peer), or with ``--save`` to write the result to ``bench/results/uncertainty.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import index_build
from wardmote.engine import Plan, compile_index, evaluate
from wardmote.engine.stream import Variant
from wardmote.methods import sampling
from wardmote.methods.quantiles import draw_ranks
from wardmote.methods.ranks import best_rank
from wardmote.study import FactorSpec, IndexSpec, UncertaintySpec
from wardmote.uncertainty.errors import LeafError
from wardmote.uncertainty.factors import read_factors, targets_of, variant_specs
from wardmote.uncertainty.sensitivity import find_sensitivity
from wardmote.uncertainty.worlds import Arm, IndexWorlds, codes_of, draw_worlds, weights_in

SEED = 20_260
SIZES = ((30_000, 100), (60_000, 100), (120_000, 100), (240_000, 100), (60_000, 200), (60_000, 400))
"""Areas and draws that are measured for the slopes, with `FEWER` indicators."""
FEWER = 10
LINEAR = 1.1
"""Slope of logarithms up to which a cost counts as linear: seconds of a few draws differ by a tenth from run to run."""
TOLERANCE = 1e-9
"""Largest difference of scores from COINr's, as in index_build.py."""

FACTORS: list[dict[str, Any]] = [
    {"path": "weights.children of index", "spread": 0.25},
    {
        "path": "steps.scale",
        "choices": [
            {"method": "minmax", "lower": 1.0, "upper": 100.0},
            {"method": "zscore", "mean": 10.0, "sd": 1.0},
        ],
    },
    {"path": "steps.combine.method", "choices": ["arithmetic", "sum"]},
    {"path": "values.leaves", "error": "binomial"},
]

PEER = r"""
suppressMessages(library(COINr))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]; n <- as.integer(arguments[2]); k <- as.integer(arguments[3]); runs <- as.integer(arguments[4])
treat <- arguments[5] == "treat"
values <- matrix(readBin(file.path(folder, "values.bin"), "double", n * k), nrow = n)
meta <- read.csv(file.path(folder, "meta.csv"), stringsAsFactors = FALSE)
meta$Parent[meta$Parent == ""] <- NA
colnames(values) <- meta$iCode[meta$Type == "Indicator"]
data <- data.frame(uCode = sprintf("A%06d", seq_len(n)), values)
coin <- new_coin(data, meta, quietly = TRUE, level_names = c("Indicator", "Domain", "Index"))
from <- "Raw"
if (treat) { coin <- Treat(coin, dset = "Raw"); from <- "Treated" }
coin <- Normalise(coin, dset = from, global_specs = list(f_n = "n_minmax", f_n_para = list(c(1, 100))))
coin <- Aggregate(coin, dset = "Normalised", f_ag = "a_amean")
noisy <- get_noisy_weights(coin$Meta$Weights$Original, noise_specs = data.frame(Level = 2, NoiseFactor = 0.25), Nrep = 20)
coin$Meta$Weights <- c(coin$Meta$Weights, setNames(noisy, paste0("w", seq_along(noisy))))
specs <- list(
  Normalisation = list(Address = "$Log$Normalise$global_specs",
    Distribution = list(list(f_n = "n_minmax", f_n_para = list(c(1, 100))), list(f_n = "n_zscore", f_n_para = list(c(10, 1)))),
    Type = "discrete"),
  Weights = list(Address = "$Log$Aggregate$w", Distribution = paste0("w", seq_along(noisy)), Type = "discrete"),
  Aggregation = list(Address = "$Log$Aggregate$f_ag", Distribution = c("a_amean", "a_hmean"), Type = "discrete"))
started <- proc.time()
found <- get_sensitivity(coin, SA_specs = specs, N = runs, SA_type = "UA", dset = "Aggregated", iCode = "index",
                         quietly = TRUE, check_addresses = FALSE)
took <- proc.time() - started
status <- readLines("/proc/self/status")
peak <- as.numeric(gsub("[^0-9]", "", status[grepl("^VmHWM", status)])) / 1024
result <- get_dset(coin, "Aggregated")
writeBin(as.double(result[match(data$uCode, result$uCode), "index"]), file.path(folder, "scores.bin"))
cat(sprintf('{"name": "COINr", "version": "%s", "seconds": %.4f, "cpu_seconds": %.4f, "peak_mb": %.1f, "runs": %d}',
            as.character(packageVersion("COINr")), took[["elapsed"]], took[["user.self"]] + took[["sys.self"]], peak, runs))
"""


def timed(work: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    """Return wall and processor seconds of a call, and its result."""
    clock, used = time.perf_counter(), time.process_time()
    found = work()
    took = {"seconds": time.perf_counter() - clock, "cpu_seconds": time.process_time() - used}
    return {name: round(value, 4) for name, value in took.items()}, found


def make_index(*, treated: bool) -> IndexSpec:
    """Return the index of index_build.py, treated or not, on a scale from 1."""
    spec = index_build.make_spec()
    steps = [
        step.model_copy(update={"lower": 1.0, "upper": 100.0}) if step.id == "scale" else step
        for step in spec.steps
        if treated or step.do != "treat"
    ]
    return IndexSpec.model_validate(
        {**spec.model_dump(exclude_unset=True), "steps": [s.model_dump(exclude_unset=True) for s in steps]}
    )


def make_counts(values: np.ndarray, seed: int = SEED) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return shares like the indicators, with the counts behind them: people of small areas, 800 to 2,400 each."""
    rng = np.random.default_rng(seed)
    people = rng.integers(800, 2400, values.shape[1]).astype(float)
    top = np.quantile(values, 0.999, axis=1)[:, None]
    counts = np.round(np.clip(0.4 * values / top, 0.002, 0.9) * people)
    return counts / people, counts, people


def make_worlds(
    spec: IndexSpec, values: np.ndarray, counts: np.ndarray | None, people: np.ndarray
) -> IndexWorlds:
    """Return the index with its factors; without counts, no sampling error."""
    factors = FACTORS if counts is not None else FACTORS[:3]
    section = UncertaintySpec.model_validate({"index": "bench", "factors": factors})
    read, problems = read_factors(section, "bench")
    plan = compile_index(spec, index="bench")
    targets, more = targets_of(read, {"bench": plan}, {"bench": spec})
    assert not problems + more
    columns = dict(zip(plan.leaves, values, strict=True))
    variants = {}
    for codes, one in variant_specs(spec, targets["bench"], "bench").items():
        changed = compile_index(one, index="bench")
        variants[codes] = Variant(changed, evaluate(changed, columns))
    errors = {}
    if counts is not None:
        known = np.ones(values.shape[1], dtype=np.bool_)
        error = FactorSpec(path="values.leaves", error="binomial")
        for place, leaf in enumerate(plan.leaves):
            stream = sampling.independent(SEED, leaf)
            errors[leaf] = LeafError(
                leaf, error.path, stream, error, values[place], counts[place], people, None, known
            )
    keys = sampling.cell_keys([f"A{place:06d}" for place in range(values.shape[1])])
    return IndexWorlds(
        Variant(plan, evaluate(plan, columns)), variants, targets["bench"], errors, {}, keys, SEED
    )


def recompute(worlds: IndexWorlds, values: np.ndarray, runs: int) -> np.ndarray:
    """Return ranks of replications in which every step is done anew from the raw indicators; weights are drawn for all at once."""
    arm = Arm("method", dict.fromkeys(worlds.paths("method"), 0))
    codes = codes_of(worlds, arm, range(runs))
    ranks, tables = np.empty((runs, worlds.n), dtype=np.int32), {}
    for run in range(runs):
        here = tuple(int(code[run]) for code in codes if code is not None)
        plan = worlds.variants[here].plan
        if here not in tables:
            drawn = weights_in(worlds, worlds.variants[here], arm, range(runs))
            open_ = np.full(runs, np.nan)
            tables[here] = np.stack([drawn.get(name, open_) for name in plan.nodes], axis=1)
        found = evaluate(plan, dict(zip(plan.leaves, values, strict=True)), weights=tables[here][run])
        ranks[run] = draw_ranks(found.score["index"][None])
    return ranks


def arm_of(worlds: IndexWorlds, component: str = "") -> Arm:
    """Return the arm in which all factors vary, or those of one component."""
    return Arm("all", dict.fromkeys(worlds.paths(component), 0))


def measure_size(areas: int, draws: int) -> dict[str, float]:
    """Return what draws of an index of a few indicators cost, with sampling of every value, and the peak of the process."""
    rng = np.random.default_rng(SEED)
    common = rng.normal(size=(2, areas))
    values = [
        np.exp(0.5 * (0.6 * common[place // 6] + 0.8 * rng.normal(size=areas))) for place in range(FEWER)
    ]
    shares, counts, people = make_counts(np.array(values))
    del values
    spec, kept = make_index(treated=False), {f"x{place}" for place in range(FEWER)}
    tree = [node for node in spec.tree if node.node in kept or not node.node.startswith("x")]
    used = {node.parent for node in tree if node.node in kept} | kept | {"index"}
    spec = spec.model_copy(update={"tree": [node for node in tree if node.node in used]})
    worlds = make_worlds(spec, shares, counts, people)
    draw_worlds(worlds, [arm_of(worlds)], 4)
    took, _ = timed(lambda: draw_worlds(worlds, [arm_of(worlds)], draws))
    return {"areas": areas, "draws": draws, **took, "peak_mb": peak_mb()}


def slopes(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return by how many powers processor seconds grow with areas (at the fewest draws) and with draws (at areas that have several)."""
    least = min(row["draws"] for row in rows)
    several = [row["areas"] for row in rows if row["draws"] > least]
    found = {}
    for name, some in (
        ("areas", [row for row in rows if row["draws"] == least]),
        ("draws", [row for row in rows if row["areas"] in several]),
    ):
        x, y = (np.log([row[key] for row in some]) for key in (name, "cpu_seconds"))
        found[name] = round(float(np.polyfit(x, y, 1)[0]), 3)
    return found


def peak_mb() -> float:
    """Return the peak memory of this process."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def apart(*arguments: str) -> Any:
    """Return what a part of this benchmark finds in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--part", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the part {' '.join(arguments)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def run_peer(
    plan: Plan, values: np.ndarray, runs: int, *, treated: bool
) -> tuple[dict[str, Any], np.ndarray]:
    """Return COINr's measures of its uncertainty analysis, and its nominal scores."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        values.tofile(folder / "values.bin")
        rows = ["iCode,iName,Level,Parent,Direction,Weight,Type"]
        top = max(node.depth for node in plan.nodes.values())
        for node in [
            *(plan.nodes[leaf] for leaf in plan.leaves),
            *(plan.nodes[branch] for branch in plan.branches),
        ]:
            code, parent = node.name.replace("-", "_"), node.parent.replace("-", "_")
            kind = "Aggregate" if node.children else "Indicator"
            rows.append(
                f"{code},{code},{top - node.depth + 1},{parent},{node.direction},{node.weight},{kind}"
            )
        (folder / "meta.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        (folder / "peer.R").write_text(PEER, encoding="utf-8")
        command = [
            "Rscript",
            str(folder / "peer.R"),
            name,
            str(values.shape[1]),
            str(values.shape[0]),
            str(runs),
        ]
        done = subprocess.run(
            [*command, "treat" if treated else "plain"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"COINr did not run:\n{done.stderr}")
        told: dict[str, Any] = json.loads(done.stdout[done.stdout.index('{"name"') :])
        return told, np.fromfile(folder / "scores.bin")


def measure(values: np.ndarray, *, treated: bool, draws: int, peer: bool) -> dict[str, Any]:
    """Return what was measured for the index with or without treatment."""
    spec = make_index(treated=treated)
    shares, counts, people = make_counts(values)
    method = make_worlds(spec, values, None, people)
    draw_worlds(method, [arm_of(method)], 4)  # compiles or loads the loops, and makes memory warm
    anew = max(4, draws // 25)
    result: dict[str, Any] = {"draws": draws, "recomputed_runs": anew}
    result["recomputed"], ranks = timed(partial(recompute, method, values, anew))
    result["reused"], drawn = timed(partial(draw_worlds, method, [arm_of(method)], draws))
    assert (drawn.ranks["all"][:anew] == ranks).all(), "the stage's worlds differ from those of the engine"
    plan, nominal = method.base.plan, method.base.nominal.score["index"]
    del method, drawn, ranks  # a study holds one set of worlds at a time
    both = make_worlds(spec, shares, counts, people)
    draw_worlds(both, [arm_of(both)], 4)
    result["sampled"], _ = timed(lambda: draw_worlds(both, [arm_of(both)], draws))
    result["peak_mb"] = peak_mb()
    per = {"recomputed": anew, "reused": draws, "sampled": draws}
    result["cpu_ms_per_run"] = {
        n: round(1000 * result[n]["cpu_seconds"] / runs, 3) for n, runs in per.items()
    }
    if peer:
        told, theirs = run_peer(plan, values, 5, treated=treated)
        off = float(np.abs(nominal - theirs).max())
        assert off <= TOLERANCE, f"scores differ from COINr's by up to {off:g}"
        result["peer"] = told
        each = told["cpu_seconds"] / told["runs"]
        result["ratio"] = {n: round(each / (result[n]["cpu_seconds"] / runs)) for n, runs in per.items()}
    return result


def sobol(values: np.ndarray, rows: int) -> dict[str, Any]:
    """Return seconds of a Sobol design with and without sampling, untreated."""
    shares, counts, people = make_counts(values)
    spec, found = make_index(treated=False), {}
    for name, worlds in (
        ("method", make_worlds(spec, shares, None, people)),
        ("sampling", make_worlds(spec, shares, counts, people)),
    ):
        nominal = best_rank(worlds.base.nominal.score["index"])
        find_sensitivity(worlds, nominal, size=4, limit=worlds.n // 10)  # warm, as the other parts are
        took, one = timed(
            lambda worlds=worlds, nominal=nominal: find_sensitivity(
                worlds, nominal, size=rows, limit=worlds.n // 10
            )
        )
        found[name] = {"runs": one.runs, **took}
    return found


def judge(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each target beside what was measured. Seconds on two free cores are taken as half the processor's seconds."""
    plain, treated, runs = result["untreated"], result["treated"], result["sobol"]
    draws = result["work"]["draws"] / 1000
    rows: list[tuple[str, float, float, bool]] = []
    for name, at, least in (("recomputed", plain, 400), ("recomputed", treated, 700), ("reused", plain, 4000),
                            ("sampled", plain, 200), ("sampled", treated, 500)):  # fmt: skip
        if "ratio" in at:
            kind = "treated" if at is treated else "untreated"
            rows.append((f"times less CPU than COINr, {name}, {kind}", least, at["ratio"][name], True))
    for kind, at, most in (("untreated", plain, 10.0), ("treated", treated, 13.0)):
        half = at["sampled"]["cpu_seconds"] / 2 / draws
        rows.append((f"seconds of 1,000 sampled runs, {kind}, half of CPU", most, round(half, 2), False))
        rows.append((f"seconds of the same, as clocked, {kind}", most, at["sampled"]["seconds"], False))
    for name, most in (("sampling", 45.0), ("method", 5.0)):
        half = runs[name]["cpu_seconds"] / 2 * 5000 / runs[name]["runs"]
        rows.append((f"seconds of 5,000 Sobol runs, {name}, half of CPU", most, round(half, 2), False))
    for kind, at in (("untreated", plain), ("treated", treated)):
        rows.append((f"peak MB, {kind}", 800, at["peak_mb"], False))
    for name, slope in result["slopes"].items():
        rows.append((f"slope of cost in {name}", LINEAR, slope, False))
    return [
        {
            "what": what,
            "target": target,
            "found": found,
            "met": bool(found >= target if up else found <= target),
        }
        for what, target, found, up in rows
    ]


def measure_part(name: str, more: list[str]) -> Any:
    """Return what one part of the whole benchmark finds."""
    if name == "size":
        return measure_size(int(more[0]), int(more[1]))
    values = index_build.make_data()
    if name == "sobol":
        return sobol(values, 1024)
    return measure(values, treated=name == "treated", draws=1000, peer=index_build.has_peer())


def measure_quickly() -> dict[str, Any]:
    """Return all parts for few areas and draws, without the peer, in this process."""
    values = np.ascontiguousarray(index_build.make_data()[:, ::32])
    parts = {
        name: measure(values, treated=name == "treated", draws=20, peer=False)
        for name in ("untreated", "treated")
    }
    rows = [measure_size(areas, draws) for areas, draws in ((1_000, 20), (2_000, 20), (1_000, 40))]
    return {**parts, "sobol": sobol(values, 4), "sizes": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="few areas and draws, no peer")
    parser.add_argument("--save", action="store_true", help="write the result beside this file")
    parser.add_argument(
        "--part", nargs="+", help="one part only: untreated, treated, sobol, or size AREAS DRAWS"
    )
    asked = parser.parse_args()
    if asked.part:
        print(json.dumps(measure_part(asked.part[0], asked.part[1:])))
        return
    load = os.getloadavg()[0]
    if asked.quick:
        parts = measure_quickly()
    else:
        parts = {name: apart(name) for name in ("untreated", "treated", "sobol")}
        parts["sizes"] = [apart("size", str(areas), str(draws)) for areas, draws in SIZES]
    plain = parts["untreated"]
    areas = index_build.AREAS if not asked.quick else len(range(0, index_build.AREAS, 32))
    result: dict[str, Any] = {
        "name": "uncertainty",
        "work": {
            "areas": areas,
            "indicators": index_build.INDICATORS,
            "draws": plain["draws"],
            "factors": len(FACTORS),
        },
        "seconds": plain["sampled"]["seconds"],
        "cpu_seconds": plain["sampled"]["cpu_seconds"],
        "peak_mb": max(plain["peak_mb"], parts["treated"]["peak_mb"]),
        "peer": plain.get("peer"),
        "ratio": plain.get("ratio"),
        **parts,
        "sizes_indicators": FEWER,
        "slopes": slopes(parts["sizes"]),
    }
    result["targets"] = [] if asked.quick else judge(result)  # targets speak of the whole size
    result["load_before"], result["load_after"] = load, os.getloadavg()[0]
    print(json.dumps(result))
    tell(result)
    if asked.save:
        machine = {
            "seed": SEED,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "processor": index_build._processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
        }
        target = Path(__file__).parent / "results" / "uncertainty.json"
        target.write_text(json.dumps({**result, **machine}, indent=1) + "\n", encoding="utf-8")


def tell(result: dict[str, Any]) -> None:
    """Write sizes, slopes and targets on the error stream."""
    print(f"{'areas':>8} {'draws':>6} {'seconds':>8} {'CPU s':>7} {'peak MB':>8}", file=sys.stderr)
    for row in result["sizes"]:
        print(
            f"{row['areas']:>8} {row['draws']:>6} {row['seconds']:>8.2f} {row['cpu_seconds']:>7.2f} {row['peak_mb']:>8.0f}",
            file=sys.stderr,
        )
    print(f"slopes: {result['slopes']}", file=sys.stderr)
    for row in result["targets"]:
        word = "met" if row["met"] else "NOT MET"
        print(f"{word}: {row['what']}: {row['found']:g}, target {row['target']:g}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
