"""IMD 2025 and 2019 from published indicators (File 8), as far as these are public.

Source: English indices of deprivation, File 8 and File 7. The thresholds are what was recovered from these files; what keeps them
from 1 is the three decimals of the published indicators. Spearman's correlation is taken with the published ranks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from imd_tables import columns_2019, columns_2025, direction_of, recipe
from scipy.stats import rankdata

from wardmote.engine import Evaluation, Plan, compile_index, evaluate

pytestmark = pytest.mark.mirror


def spearman(ours: np.ndarray, published_rank: np.ndarray) -> tuple[float, float]:
    """Return the rank correlation with published ranks (1 = greatest need), and the largest difference of rank."""
    mine, theirs = rankdata(-ours), rankdata(published_rank)
    return float(np.corrcoef(mine, theirs)[0, 1]), float(np.abs(mine - theirs).max())


def run(name: str, columns: dict[str, np.ndarray], **settings: object) -> tuple[Plan, Evaluation]:
    plan = compile_index(recipe(name, **settings), directions={key: direction_of(key) for key in columns})
    return plan, evaluate(plan, {leaf: columns[plan.nodes[leaf].indicator] for leaf in plan.leaves})


EXPECTED_2025 = {
    "health": (0.9999999, 55),
    "crime": (0.99999, 310),
    "wider-barriers": (0.99997, 880),
    "barriers": (0.99999, 500),
    "education": (0.999998, 65),
    "living-environment": (0.9999998, 30),
    "imd": (0.999999, 125),
}


@pytest.mark.parametrize("sub_domains", ["rank", "score"])
def test_imd_2025_from_indicators(mirror: Path, sub_domains: str) -> None:
    columns, published = columns_2025(mirror)
    chosen = {name: f"imd2025-{name}-{sub_domains}" for name in ("indoors", "outdoors")}
    _, found = run("imd-england-2025-indicators", columns, indicators=chosen)
    for node, (least, places) in EXPECTED_2025.items():
        agreement, apart = spearman(found.value[node], published[node])
        assert agreement >= least, (node, agreement)
        assert apart <= places, (node, apart)
    assert np.abs(found.score["imd"] - published["imd score"]).max() <= 0.17


def test_factor_weights_of_health_2025_are_the_published_ones(mirror: Path) -> None:
    columns, _ = columns_2025(mirror)
    _, found = run("imd-england-2025-indicators", columns)
    expected = {
        "years-of-potential-life-lost": 0.23998,
        "comparative-illness-and-disability": 0.29362,
        "acute-morbidity": 0.22198,
        "mental-health": 0.24442,
    }
    for node, weight in expected.items():
        assert float(found.weights[node]) == pytest.approx(weight, abs=1e-4)
        assert found.origin[node] == "estimated"


EXPECTED_2019 = {
    "health": (0.99999999, 18),
    "geographical-barriers": (0.9999997, 73),
    "wider-barriers": (0.999985, 783),
    "barriers": (0.9999955, 368),
    "adult-skills": (0.999996, 142),
    "indoors": (0.99988, 883),
    "outdoors": (0.999966, 1_008),
    "education": (0.9999988, 56),
    "imd": (0.9999984, 114),
}


def test_imd_2019_from_indicators(mirror: Path) -> None:
    columns, published = columns_2019(mirror)
    _, found = run("imd-england-2019-indicators", columns)
    for node, (least, places) in EXPECTED_2019.items():
        agreement, apart = spearman(found.value[node], published[node])
        assert agreement >= least, (node, agreement)
        assert apart <= places, (node, apart)
    assert np.abs(found.score["imd"] - published["imd score"]).max() <= 0.104


def test_living_environment_2019_from_published_sub_domain_ranks(mirror: Path) -> None:
    """2/3 indoors and 1/3 outdoors rebuild the domain to 2 places from the published ranks of the two."""
    from wardmote.study import IndexSpec

    _, published = columns_2019(mirror)
    spec = IndexSpec.model_validate(
        {
            "tree": [
                {"node": "living-environment"},
                {"node": "indoors", "parent": "living-environment", "weight": 2 / 3, "direction": -1},
                {"node": "outdoors", "parent": "living-environment", "weight": 1 / 3, "direction": -1},
            ],
            "steps": [
                {"id": "t", "on": "leaves", "do": "normalise", "method": "exponential"},
                {"id": "c", "on": "root", "do": "aggregate", "method": "sum"},
            ],
        }
    )
    plan = compile_index(spec)
    found = evaluate(plan, {name: published[name] for name in plan.leaves})
    assert spearman(found.score["living-environment"], published["living-environment"])[1] <= 2
