"""Coverage of rank sets with known truth, at length: 500 worlds of 200 areas in five designs, every kind of set, two nominal coverages.

The results are committed in bench/results/rank_coverage.json; the long run must reproduce them and hold the nominal coverage, the
short one holds the committed figures. Run as a programme (``python tests/long/test_rank_coverage.py``) it writes that file.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from wardmote.methods.rank_sets import greatest_need_set, marginal_sets, simultaneous_sets

RESULTS = Path(__file__).resolve().parents[2] / "bench" / "results" / "rank_coverage.json"
AREAS, WORLDS, DRAWS, SEED = 200, 500, 400, 41
NOMINAL = (0.9, 0.95)
TAU = AREAS // 10
SHORT = 8
"""Worlds of the short run: a second each."""

Floats = npt.NDArray[np.float64]


def designs() -> dict[str, tuple[Floats, Floats]]:
    """Return truths and standard errors.

    A spread-out country; one whose areas lie in ten tight clusters; one whose areas are equal in tens; one with a tenth of greatest
    need and the others equal; one without differences.
    """
    rng = np.random.default_rng(SEED)
    errors = rng.choice(np.linspace(0.05, 0.25, 20), AREAS)  # few distinct errors keep the run short
    spread = rng.standard_normal(AREAS)
    cluster = np.linspace(-1.5, 1.5, 10)[np.arange(AREAS) % 10] + 0.02 * rng.standard_normal(AREAS)
    return {
        "spread out": (spread, errors),
        "clusters": (cluster, errors),
        "equal in tens": (np.repeat(np.linspace(-2, 2, AREAS // 10), 10), errors),
        "two groups": (np.where(np.arange(AREAS) < TAU, 1.0, 0.0), errors),
        "no differences": (np.zeros(AREAS), errors),
    }


CASES = [(coverage, name) for coverage in NOMINAL for name in designs()]


def simulate(coverage: float, name: str, worlds: int = WORLDS) -> dict[str, dict[str, float]]:
    """Return for each kind of set how often it covered, and how many ranks or areas it held on average."""
    truth, errors = designs()[name]
    best = 1 + (truth[None, :] > truth[:, None]).sum(axis=1)
    last = AREAS - (truth[None, :] < truth[:, None]).sum(axis=1)
    rng = np.random.default_rng([SEED, list(designs()).index(name), round(1000 * coverage)])
    records: dict[str, list[tuple[float, float]]] = {}
    for world in range(worlds):
        x = truth + errors * rng.standard_normal(AREAS)
        for stepwise in (False, True):
            tail = ", stepwise" if stepwise else ""
            each = marginal_sets(x, errors, coverage=coverage, stepwise=stepwise)
            together = simultaneous_sets(
                x, errors, coverage=coverage, stepwise=stepwise, draws=DRAWS, seed=world
            )
            members = greatest_need_set(together, TAU)
            # Where truths are equal, every rank from the best to the last of the tie must lie in the set.
            inside = [(s.low <= best) & (last <= s.high) for s in (each, together)]
            records.setdefault("marginal" + tail, []).append((inside[0].mean(), each.size.mean()))
            records.setdefault("simultaneous" + tail, []).append((inside[1].all(), together.size.mean()))
            records.setdefault("greatest-need tenth" + tail, []).append(
                (members[best <= TAU].all(), members.sum())
            )
    return {
        kind: {"coverage": round(float(c), 4), "size": round(float(size), 2)}
        for kind, (c, size) in ((kind, np.mean(rows, axis=0)) for kind, rows in records.items())
    }


def committed() -> dict[str, Any]:
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))["results"]
    return results


def allowed(coverage: float, worlds: int) -> float:
    """Return the nominal coverage less three binomial standard errors of so many worlds."""
    return coverage - 3 * sqrt(coverage * (1 - coverage) / worlds)


def figures(results: dict[str, Any]) -> Iterator[tuple[float, str, str, dict[str, float]]]:
    for coverage in NOMINAL:
        for name, kinds in results[f"{coverage:g}"].items():
            for kind, found in kinds.items():
                yield coverage, name, kind, found


def test_committed_coverage_is_at_least_nominal_for_every_kind_and_design() -> None:
    rows = list(figures(committed()))
    assert len(rows) == 2 * 5 * 6
    for coverage, name, kind, found in rows:
        assert found["coverage"] >= allowed(coverage, WORLDS), (coverage, name, kind)
        # What was asked for: at least 90%. Without any differences a nominal 90% is exactly that, so half of all runs lie below it.
        if (coverage, name) != (0.9, "no differences"):
            assert found["coverage"] >= 0.9, (coverage, name, kind)


def test_committed_steps_narrow_sets_and_never_widen_them() -> None:
    results = committed()
    for coverage in NOMINAL:
        for name, kinds in results[f"{coverage:g}"].items():
            for kind in ("marginal", "simultaneous", "greatest-need tenth"):
                assert kinds[f"{kind}, stepwise"]["size"] <= kinds[kind]["size"], (coverage, name, kind)


@pytest.mark.parametrize("name", ["spread out", "equal in tens"])
def test_a_few_worlds_cover(name: str) -> None:
    for kind, found in simulate(0.9, name, SHORT).items():
        assert found["coverage"] >= allowed(0.9, SHORT), kind


@pytest.mark.long
@pytest.mark.parametrize(("coverage", "name"), CASES)
def test_coverage_is_at_least_nominal_and_as_committed(coverage: float, name: str) -> None:
    before = committed()[f"{coverage:g}"][name]
    for kind, found in simulate(coverage, name).items():
        assert found["coverage"] >= allowed(coverage, WORLDS), kind
        # Other machines round otherwise in the last bits, which may move an end of a set in a few worlds.
        assert found["coverage"] == pytest.approx(before[kind]["coverage"], abs=0.003)
        assert found["size"] == pytest.approx(before[kind]["size"], rel=0.001)


if __name__ == "__main__":
    work = {"areas": AREAS, "worlds": WORLDS, "draws": DRAWS, "coverage": list(NOMINAL), "seed": SEED}
    machine = f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
    made: dict[str, Any] = {f"{c:g}": {} for c in NOMINAL}
    for nominal, design in CASES:
        made[f"{nominal:g}"][design] = simulate(nominal, design)
    result = {"name": "rank_coverage", "work": work, "machine": machine, "results": made}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
