"""COINr's ASEM example from its raw indicators to the index, through the engine: every stage to 1e-10.

Source: COINr 1.1.14, `build_example_coin()`, stages as `default_*` in the reference outputs (17 significant digits). Direction 1 in
ASEM means better connected or more sustainable, so the index says higher = "better". Screening there left all units in.
1e-10 is relative to the size of a value: sums are added in another order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wardmote.engine import Evaluation, Plan, Surroundings, compile_index, contributions, evaluate
from wardmote.methods.ranks import best_rank
from wardmote.study import IndexSpec

pytestmark = pytest.mark.mirror


def stage(mirror: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(mirror / "composite/coinr_reference" / f"{name}.csv", skipinitialspace=True).set_index(
        "uCode"
    )


def asem(mirror: Path) -> tuple[Plan, dict[str, np.ndarray], Surroundings]:
    meta = pd.read_csv(mirror / "composite/ASEM_iMeta.csv")
    raw = stage(mirror, "default_Raw")
    data = pd.read_csv(mirror / "composite/ASEM_iData.csv").set_index("uCode").loc[raw.index]
    nodes = meta[meta["Type"].isin(["Indicator", "Aggregate"])].sort_values("Level", ascending=False)
    tree = [
        {
            "node": row.iCode.lower(),
            "parent": row.Parent.lower() if isinstance(row.Parent, str) else "",
            "weight": row.Weight,
            # COINr's direction 1 is "better"; ours is "more need".
            "direction": -int(row.Direction) if row.Type == "Indicator" else None,
        }
        for row in nodes.itertuples()
    ]
    indicators = meta[meta["Type"] == "Indicator"]
    divided = indicators.dropna(subset=["Denominator"])
    steps: list[dict[str, object]] = [
        {
            "id": f"by-{name.lower()}",
            "on": [code.lower() for code in rows["iCode"]],
            "do": "denominate",
            "by": name,
        }
        for name, rows in divided.groupby("Denominator")
    ]
    steps += [
        {
            "id": "fill",
            "on": "leaves",
            "do": "impute",
            "method": "group-mean",
            "within": "continent",
        },
        {"id": "treat", "on": "leaves", "do": "treat", "method": "skew-kurt", "winmax": 5},
        {"id": "scale", "on": "leaves", "do": "normalise", "method": "minmax"},
        {"id": "combine", "on": "branches", "do": "aggregate", "method": "arithmetic"},
    ]
    spec = IndexSpec.model_validate({"tree": tree, "steps": steps, "higher": "better"})
    plan = compile_index(spec, index="asem")
    columns = {code.lower(): raw[code].to_numpy(float) for code in indicators["iCode"]}
    groups = pd.Categorical(data["EurAsia_group"]).codes.astype(np.int64)
    around = Surroundings(
        columns={name: data[name].to_numpy(float) for name in divided["Denominator"].unique()},
        groups={"continent": groups},
    )
    return plan, columns, around


def compare(state: Evaluation, published: pd.DataFrame, nodes: list[str]) -> None:
    for code in published.columns:
        if code.lower() in nodes:
            ours, theirs = state.score[code.lower()], published[code].to_numpy(float)
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10, err_msg=code)


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("default_Denominated", "fill"),
        ("default_Treated", "scale"),
        ("default_Normalised", "combine"),
        ("default_Aggregated", ""),
    ],
)
def test_every_stage(mirror: Path, name: str, before: str) -> None:
    plan, columns, around = asem(mirror)
    stop = plan.step_position(before) if before else None
    state = evaluate(plan, columns, surroundings=around, stop=stop)
    published = stage(mirror, name)
    assert len(published) == 51
    compare(state, published, [*plan.leaves, *plan.branches] if not before else list(plan.leaves))


def test_going_on_from_a_state_gives_the_same_bytes(mirror: Path) -> None:
    plan, columns, around = asem(mirror)
    whole = evaluate(plan, columns, surroundings=around)
    for step in plan.steps:
        position = plan.step_position(step)
        half = evaluate(plan, columns, surroundings=around, stop=position)
        again = evaluate(plan, half, surroundings=around, start=position)
        for node in plan.nodes:
            assert again.score[node].tobytes() == whole.score[node].tobytes(), (step, node)


def test_treatment_is_recorded_cell_by_cell(mirror: Path) -> None:
    """COINr winsorised 15 of the 49 indicators (default_TreatDetails.csv), and no logarithm was needed."""
    plan, columns, around = asem(mirror)
    state = evaluate(plan, columns, surroundings=around)
    details = pd.read_csv(
        mirror / "composite/coinr_reference/default_TreatDetails.csv", skipinitialspace=True
    )
    expected = details.dropna(subset=["winsorise.nwin"]).set_index("iCode")["winsorise.nwin"]
    found = {c.node: int(c.at.sum()) for c in state.changes if c.kind == "treated"}
    assert found == {code.lower(): int(number) for code, number in expected.items() if number > 0}
    assert {c.how for c in state.changes if c.kind == "treated"} == {"winsorise"}


def test_contributions_of_all_leaves_sum_to_the_score(mirror: Path) -> None:
    plan, columns, around = asem(mirror)
    state = evaluate(plan, columns, surroundings=around)
    found = contributions(plan, state)
    leaves = np.sum([found[leaf] for leaf in plan.leaves], axis=0)
    np.testing.assert_allclose(leaves, state.score["index"], rtol=1e-12)
    # Rank 1 is the greatest need, which is the lowest score where higher is better.
    assert best_rank(state.score["index"], descending=False)[np.argmin(state.score["index"])] == 1
