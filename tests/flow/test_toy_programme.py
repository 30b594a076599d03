"""The invented programme: naive estimates are wrong by a known amount, ours are right, and bad declarations are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wardmote.errors import InputError, MethodError, StudyError
from wardmote.evaluate import ProgrammeTables, declaration, evaluate_programme
from wardmote.pipeline import run
from wardmote.study import ProgrammeSpec, parse_study, read_study
from wardmote.tables import check, frame
from wardmote.toy import write_county
from wardmote.toy.programme import POUNDS, WAVES, Programme, make_programme, planted_average
from wardmote.workspace import Workspace

TABLES = ("areas", "memberships", "indicators", "values", "boundaries")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programme")
    write_county(folder)
    run(folder, ["evaluate"])
    return folder


@pytest.fixture(scope="module")
def planted() -> Programme:
    from wardmote.toy.county import make_county

    return make_programme(make_county())


@pytest.fixture(scope="module")
def inputs(folder: Path) -> dict[str, pd.DataFrame]:
    return {name: Workspace(folder).read(name) for name in TABLES}


@pytest.fixture(scope="module")
def spec(folder: Path) -> ProgrammeSpec:
    return read_study(folder).programme["hubs"]


@pytest.fixture
def evaluated(inputs: dict[str, pd.DataFrame], spec: ProgrammeSpec) -> Callable[..., ProgrammeTables]:
    """Return a run of the stage with settings changed; small and fast where nothing else is said."""

    def again(tables: dict[str, pd.DataFrame] | None = None, **changes: Any) -> ProgrammeTables:
        small = {"draws": 0, "worth": None, "rings_km": [], "estimators": ["staggered"], **changes}
        changed = ProgrammeSpec.model_validate({**spec.model_dump(), **small})
        return evaluate_programme(**(tables or inputs), spec=changed, programme="hubs")

    return again


def overall(impacts: pd.DataFrame, estimator: str) -> pd.Series:
    rows = impacts[(impacts["estimator"] == estimator) & (impacts["specification"] == "main")]
    return rows[(rows["group"] == "all") & (rows["time"] == "all")].iloc[0]


def test_naive_estimates_are_wrong(planted: Programme) -> None:
    supported = planted.start > 0
    truth = planted.average
    on = np.array(planted.years)[:, None] >= np.where(supported, planted.start, 9999)
    y = planted.belonging
    before_after = y[:, supported][on[:, supported]].mean() - y[:, supported][~on[:, supported]].mean()
    across = y[-1, supported].mean() - y[-1, ~supported].mean()
    difference = (y[-1, supported] - y[0, supported]).mean() - (y[-1, ~supported] - y[0, ~supported]).mean()
    # 7 + 5 + 3 years, 3 points and half a point more each year.
    assert truth == pytest.approx(planted_average()) == pytest.approx(62 / 15)
    # Supported places have greater hardship: they stand lower, and were falling faster, than others.
    assert across < 0
    assert before_after < 0.7 * truth
    assert difference < 0.7 * truth


@pytest.mark.parametrize(
    "estimator", ["staggered", "matched", "weighted", "imputation", "synthetic difference"]
)
def test_ours_are_right(folder: Path, planted: Programme, estimator: str) -> None:
    found = overall(Workspace(folder).read("impacts"), estimator)
    assert found["low"] <= planted.average <= found["high"]
    assert abs(found["effect"] - planted.average) < 0.15 * planted.average
    assert found["better"]
    assert found["status"] == "declared"


def test_effects_grow_as_planted(folder: Path) -> None:
    impacts = Workspace(folder).read("impacts")
    rows = impacts[(impacts["estimator"] == "imputation") & (impacts["estimand"] == "dynamic")]
    found = dict(zip(rows["time"], rows["effect"], strict=True))
    # 3 points and half a point more each year; a year's estimate has an error of about 0.25, so 0.75 is three of them.
    assert [found[f"+{k}"] for k in range(7)] == pytest.approx([3 + 0.5 * k for k in range(7)], abs=0.75)


def test_spillover_is_seen_and_neighbours_are_left_out(folder: Path, planted: Programme) -> None:
    checks = Workspace(folder).read("impact_checks", where={"test": "spillover"})
    result = dict(zip(checks["item"], checks["result"], strict=True))
    assert result == {"up to 2 km": "flagged", "up to 4 km": "passed"}
    roles = Workspace(folder).read("comparators")
    near = set(roles[roles["role"] == "too near"]["area"])
    assert near == {code for code, hit in zip(planted.codes, planted.near, strict=True) if hit}


def test_every_test_of_trust_is_told(folder: Path) -> None:
    checks = Workspace(folder).read("impact_checks")
    assert set(checks["test"]) == {
        "smallest effect noticed",
        "trends before support",
        "honest bounds",
        "honest bounds, smooth",
        "placebo in time",
        "chance",
        "leave one out",
        "spillover",
        "dose",
        "specification curve",
    }
    assert dict(zip(checks["test"], checks["result"], strict=True))["chance"] == "passed"
    assert checks["sentence"].str.len().min() > 20
    curve = Workspace(folder).read("impacts", where={"status": "check"})
    assert len(curve) == 16
    assert curve["specification"].is_unique


def test_balance_is_made(folder: Path) -> None:
    balances = Workspace(folder).read("balances").set_index("method")
    assert (balances["before"].abs() > 1).all()
    assert abs(balances.loc["matched", "after"]) < 0.15
    assert abs(balances.loc["weighted", "after"]) < 1e-6


def test_worth_names_every_assumption(folder: Path) -> None:
    worths = Workspace(folder).read("worths").set_index("item")
    assert worths.loc["cost", "value"] < POUNDS * 48
    assert worths.loc["ratio", "low"] < worths.loc["ratio", "value"] < worths.loc["ratio", "high"]
    assumed = worths[worths["origin"] != "calculated"]
    assert set(assumed.index) >= {"wellby", "wellbeing_rate", "general_rate", "life_satisfaction", "fade"}
    assert assumed["source"].str.len().min() > 10
    assert worths.loc["life_satisfaction", "origin"] == "changed"


def test_findings_claim_no_more_than_they_show(folder: Path) -> None:
    told = " ".join(Workspace(folder).read("findings", where={"stage": "evaluate"})["sentence"])
    assert "this rests on supported and comparison neighbourhoods having moved alike" in told
    assert "Tests that were flagged" in told
    assert "proves" not in told
    assert "worst" not in told


def test_the_same_seed_gives_the_same_tables(
    inputs: dict[str, pd.DataFrame], spec: ProgrammeSpec, folder: Path
) -> None:
    from wardmote.runner import generator

    rng = generator(read_study(folder).study.seed, "evaluate.hubs")
    again = evaluate_programme(**inputs, spec=spec, programme="hubs", rng=rng)
    pd.testing.assert_frame_equal(
        again.impacts, Workspace(folder).read("impacts").reset_index(drop=True), check_exact=False, rtol=1e-9
    )
    for name in ("treatments", "comparators", "balances", "impacts", "impact_checks", "worths", "findings"):
        check(name, getattr(again, name))


# ---- what was declared, and what was added


def test_a_changed_declaration_is_told(
    evaluated: Callable[..., ProgrammeTables], spec: ProgrammeSpec
) -> None:
    small = spec.model_copy(update={"title": "Another title"})
    assert declaration(small) == declaration(spec)
    assert declaration(spec.model_copy(update={"anticipation": 1})) != declaration(spec)
    told = " ".join(evaluated(declared="0" * 64).findings["sentence"])
    assert "the declaration has changed since it was recorded as 000000000000" in told


def test_what_is_added_is_marked(evaluated: Callable[..., ProgrammeTables]) -> None:
    found = evaluated(added={"estimators": ["two by two", "synthetic control"], "why": "a reader asked"})
    assert set(found.impacts[found.impacts["estimator"] == "two by two"]["status"]) == {"added"}
    told = " ".join(found.findings["sentence"])
    assert "added after the declaration: two by two and synthetic control, because a reader asked" in told
    # 48 areas are too many for one synthetic control each: told, without a row.
    assert "The added estimator synthetic control has no result" in told


def test_a_lottery_is_estimated_by_its_design(evaluated: Callable[..., ProgrammeTables]) -> None:
    found = overall(evaluated(estimators=["lottery"], covariates=[]).impacts, "lottery")
    assert found["standard_error"] > 0
    assert "Neyman" in found["note"]


def test_a_library_estimator(evaluated: Callable[..., ProgrammeTables]) -> None:
    pytest.importorskip("diff_diff", reason="diff-diff is not installed (extra: stats)")
    found = evaluated(estimators=["staggered", "sun-abraham"], covariates=[]).impacts
    # Sun and Abraham's weights are those of Callaway and Sant'Anna by cohort shares: near, not the same.
    assert overall(found, "sun-abraham")["effect"] == pytest.approx(
        overall(found, "staggered")["effect"], abs=0.5
    )


def test_few_clusters_are_flagged(evaluated: Callable[..., ProgrammeTables]) -> None:
    checks = evaluated(cluster="borough25").impact_checks
    assert set(checks[checks["test"] == "few clusters"]["result"]) == {"flagged"}


def test_gaps_in_the_panel_are_counted_and_change_little(
    evaluated: Callable[..., ProgrammeTables], inputs: dict[str, pd.DataFrame], planted: Programme
) -> None:
    values = inputs["values"].copy()
    rng = np.random.default_rng(4)
    outcome = (values["indicator"] == "belonging").to_numpy()
    never = next(
        code for code, role in zip(planted.codes, planted.start + planted.near, strict=True) if role == 0
    )
    gone = (outcome & (rng.random(len(values)) < 0.05)) | (outcome & (values["area"] == never).to_numpy())
    values["value"] = values["value"].mask(gone)
    names = ["staggered", "imputation", "matched", "weighted", "synthetic difference"]
    found = evaluated({**inputs, "values": values}, estimators=names, draws=40)
    for name in names:
        row = overall(found.impacts, name)
        # Synthetic differences use whole areas only (54% of them with one value in twenty gone).
        assert abs(row["effect"] - planted.average) < 0.25 * planted.average
        assert row["standard_error"] > 0
    assert "areas with gaps are left out" in overall(found.impacts, "synthetic difference")["note"]
    roles = dict(zip(found.comparators["area"], found.comparators["role"], strict=True))
    assert roles[never] == "no outcome"


def test_without_any_area_never_supported_those_not_yet_supported_serve(
    evaluated: Callable[..., ProgrammeTables], spec: ProgrammeSpec
) -> None:
    own = [area for cohort in spec.cohorts for area in cohort.areas]
    found = evaluated(comparison={"areas": own, "kind": "not yet"}, covariates=[])
    row = overall(found.impacts, "staggered")
    assert row["compared"] == 0  # all of them are supported in the end
    # Half the areas of a wave are compared with, and covariates are left out: an error of a point is usual.
    assert row["effect"] == pytest.approx(3.5, abs=1.5)
    results = dict(zip(found.impact_checks["test"], found.impact_checks["result"], strict=True))
    assert results["placebo in time"] == "not applicable"


# ---- refused


def modelled(inputs: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    table = inputs["indicators"].copy()
    table["modelled"] = ["yes" if name == "belonging" else None for name in table["indicator"]]
    return {**inputs, "indicators": frame("indicators", {c: table[c].array for c in table.columns})}


def test_a_modelled_outcome_is_refused(
    evaluated: Callable[..., ProgrammeTables], inputs: dict[str, pd.DataFrame]
) -> None:
    with pytest.raises(InputError, match="a model's estimate, which cannot show what a programme changed"):
        evaluated(modelled(inputs))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outcome": "low-income"}, "has one period only"),
        ({"outcome": "nothing"}, "the outcome has no values at this level"),
        ({"covariates": ["nothing"]}, "the covariate has no values at this level"),
        ({"comparison": {"areas": ["T01999999"]}}, "the comparison pool is empty"),
        ({"cohorts": [{"areas": ["T01999999"], "start": "2018"}]}, "are not areas of patch25"),
        ({"cohorts": [{"areas": ["T01000001"], "start": "2025"}]}, "support starts after the panel's end"),
        ({"cohorts": [{"areas": ["T01000001"], "start": "2013"}]}, "there is no period before support"),
        ({"cluster": "nowhere25"}, "lie in no area of nowhere25"),
    ],
)
def test_bad_declarations_are_refused(
    evaluated: Callable[..., ProgrammeTables], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        evaluated(**changes)


def test_supported_areas_that_were_never_seen_before_are_refused(
    evaluated: Callable[..., ProgrammeTables], inputs: dict[str, pd.DataFrame], planted: Programme
) -> None:
    code = planted.codes[int(np.flatnonzero(planted.start == WAVES[0])[0])]
    values = inputs["values"]
    hidden = (values["area"] == code) & (values["indicator"] == "belonging") & (values["period"] < "2018")
    with pytest.raises(InputError, match="have no figure before their start"):
        evaluated({**inputs, "values": values[~hidden]})


def test_a_declared_estimator_that_cannot_be_applied_is_an_error(
    evaluated: Callable[..., ProgrammeTables],
) -> None:
    with pytest.raises(MethodError, match=r"programme\.hubs, estimator matched: there is nothing to compare"):
        evaluated(estimators=["matched"], covariates=[])


def test_worth_without_pounds_is_refused(
    evaluated: Callable[..., ProgrammeTables], spec: ProgrammeSpec
) -> None:
    cohorts = [{**cohort.model_dump(), "pounds": None} for cohort in spec.cohorts]
    with pytest.raises(InputError, match="what was spent is not known"):
        evaluated(cohorts=cohorts, worth={"life_satisfaction": 0.01, "source": "invented"})


def test_an_area_in_two_cohorts_is_refused_with_its_line() -> None:
    text = (
        '[study]\nid = "x"\ntitle = "X"\n[programme.p]\nlevel = "lsoa21"\noutcome = "o"\n'
        '[[programme.p.cohorts]]\nareas = ["A", "B"]\nstart = "2018"\n'
        '[[programme.p.cohorts]]\nareas = ["B"]\nstart = "2020"\n'
    )
    with pytest.raises(StudyError, match="an area stands in two cohorts"):
        parse_study(text)
