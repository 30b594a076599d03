"""The recipe `connectedness` on what England publishes by local authority, and on a survey that has it all.

Sources: loneliness by LSOA modelled from the Community Life Survey 2020/21 (averaged to authorities by the test), and personal
well-being by local authority, April 2020 to March 2021 (ONS); seven authorities of 2024 did not exist then and have none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from imd_tables import NO_PRIORITIES, areas_of, column, indicators_of, recipe, values_of

from wardmote.engine import compile_index, contributions, evaluate
from wardmote.index import build_index
from wardmote.tables import check, concat, empty


@pytest.mark.mirror
def test_it_runs_on_what_england_publishes_and_says_what_is_missing(mirror: Path) -> None:
    lonely = pd.read_parquet(mirror / "community/loneliness_england_cls_2020_lsoa21.parquet")
    wards = pd.read_parquet(mirror / "geography/lookups/lookup_lsoa21_ward24_ltla24.parquet")
    by_lad = lonely.merge(wards, on="lsoa21_code").groupby("ltla24_code")["perc"].mean()
    well = pd.read_csv(
        mirror / "community/ons_subnational_wellbeing/Worthwhile.csv", skiprows=5, encoding="latin-1"
    )
    well = well.set_index(well.columns[0])[well.columns[2]]
    well = pd.to_numeric(well.reindex(by_lad.index), errors="coerce")
    codes = by_lad.index.to_series()
    values = concat(
        "values",
        [
            values_of("lad24", codes, {"loneliness2021-share": by_lad}, "2020-04/2021-03"),
            values_of("lad24", codes, {"wellbeing2021-worthwhile": well}, "2020-04/2021-03"),
        ],
    )
    indicators = indicators_of({"loneliness2021-share": 1, "wellbeing2021-worthwhile": -1})
    built = build_index(
        areas_of("lad24", codes),
        empty("memberships"),
        indicators,
        values,
        NO_PRIORITIES,
        spec=recipe("connectedness"),
        index="connectedness",
    )
    nodes = check("nodes", built.nodes).set_index("node")
    assert set(nodes.index[nodes["status"] == "used"]) == {
        "connectedness",
        "relationships",
        "loneliness",
        "worthwhile",
    }
    assert (nodes.loc[nodes["status"] == "no data", "missing"].isna()).all()
    told = " ".join(built.findings["sentence"])
    assert "13 of its 15 indicators have no data" in told
    root = built.scores[built.scores["node"] == "connectedness"]
    assert len(root) == 296
    # Higher is better, and rank 1 is still the greatest need: the lowest score.
    assert column(root, "score")[column(root, "rank") == 1] == np.nanmin(column(root, "score"))


def test_with_a_survey_that_has_it_all_every_domain_counts_the_same() -> None:
    spec = recipe("connectedness")
    rng = np.random.default_rng(7)
    plan = compile_index(spec)
    assert len(plan.leaves) == 15
    found = evaluate(plan, {leaf: rng.normal(50, 5, 400) for leaf in plan.leaves})
    score = found.score["connectedness"]
    parts = contributions(plan, found)
    domains = plan.nodes["connectedness"].children
    assert domains == ("community", "relationships", "social-capital")
    np.testing.assert_allclose(np.sum([parts[name] for name in domains], axis=0), score, atol=1e-12)
    for name in domains:
        assert found.score[name].std(ddof=1) == pytest.approx(1, abs=1e-12)
    # A lower loneliness and a higher trust are both better.
    assert (
        np.corrcoef(found.value["loneliness"], score)[0, 1]
        < 0
        < np.corrcoef(found.value["trust"], score)[0, 1]
    )


def test_every_leaf_is_defined() -> None:
    spec = recipe("connectedness")
    parents = {node.parent for node in spec.tree}
    for node in spec.tree:
        if node.node not in parents:
            assert node.direction in (-1, 1), node.node
            assert "Unit:" in node.note, node.node
            assert "Question:" in node.note or "Source:" in node.note, node.node
            assert node.indicator, node.node


def test_the_example_study_is_possible() -> None:
    from wardmote.study import read_study

    study = read_study(Path(__file__).resolve().parents[2] / "examples" / "connectedness")
    plan = compile_index(study.index["connectedness"], index="connectedness")
    carried = {name for spec in study.conversion.values() for name in spec.indicators}
    assert carried <= {plan.nodes[leaf].indicator for leaf in plan.leaves}
