"""What an evaluation says to data that allow none, or hardly any: an error with its place, or an answer that states its limits; never NaN
without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wardmote.errors import InputError, MethodError, StudyError
from wardmote.evaluate import ProgrammeTables, evaluate_programme
from wardmote.evaluate.estimators import with_placebos
from wardmote.evaluate.world import Answer, World, impact_row
from wardmote.methods.differences import NEVER
from wardmote.study import ProgrammeSpec, parse_study
from wardmote.tables import frame

AREAS, PERIODS = 60, 8
CODES = [f"E{i:04d}" for i in range(AREAS)]
YEARS = [str(2015 + k) for k in range(PERIODS)]


def tables(y: np.ndarray) -> dict[str, pd.DataFrame]:
    n = y.shape[1]
    return {
        "areas": frame("areas", {"level": ["a1"] * n, "area": CODES[:n], "population": np.full(n, 1500.0)}),
        "memberships": frame(
            "memberships",
            {
                "level": ["a1"] * n,
                "area": CODES[:n],
                "parent_level": ["b1"] * n,
                "parent": [f"B{i % 12:02d}" for i in range(n)],
                "weight": np.ones(n),
            },
        ),
        "indicators": frame(
            "indicators",
            {"indicator": ["o"], "title": ["Outcome"], "unit": ["points"], "direction": [1], "source": ["s"]},
        ),
        "values": frame(
            "values",
            {
                "indicator": ["o"] * y.size,
                "level": ["a1"] * y.size,
                "area": CODES[:n] * len(y),
                "period": np.repeat(YEARS[: len(y)], n),
                "value": y.ravel(),
            },
        ),
    }


def noise(n: int = AREAS) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.standard_normal(n) + 0.5 * rng.standard_normal((PERIODS, n))


def run(y: np.ndarray, **changes: Any) -> ProgrammeTables:
    spec = ProgrammeSpec.model_validate(
        {
            "level": "a1",
            "outcome": "o",
            "draws": 39,
            "cohorts": [{"areas": CODES[:12], "start": "2019"}],
            **changes,
        }
    )
    return evaluate_programme(**tables(y), spec=spec, programme="p")


def main_row(found: ProgrammeTables, estimator: str = "staggered") -> pd.Series:
    rows = found.impacts[
        (found.impacts["estimator"] == estimator) & (found.impacts["specification"] == "main")
    ]
    return rows.iloc[0]


def test_an_area_supported_from_the_first_period_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"programme\.p\.cohorts 1, start: there is no period before support"
    ):
        run(noise(), cohorts=[{"areas": CODES[:3], "start": "2015"}])


def test_a_start_after_the_end_is_refused() -> None:
    with pytest.raises(InputError, match="support starts after the panel's end"):
        run(noise(), cohorts=[{"areas": CODES[:3], "start": "2030"}])


def test_an_empty_pool_is_refused() -> None:
    with pytest.raises(InputError, match="the comparison pool is empty"):
        run(noise(), comparison={"exclude": CODES[12:]})


def test_rows_that_stand_twice_are_refused() -> None:
    given = tables(noise())
    given["values"] = pd.concat([given["values"], given["values"].iloc[:2]], ignore_index=True)
    spec = ProgrammeSpec.model_validate(
        {"level": "a1", "outcome": "o", "cohorts": [{"areas": CODES[:12], "start": "2019"}]}
    )
    with pytest.raises(InputError, match="2 rows of o say an area and period again"):
        evaluate_programme(**given, spec=spec, programme="p")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full((PERIODS, AREAS), 7.0), "o is the same everywhere, always"),
        (np.full((PERIODS, AREAS), np.nan), "o has no figures"),
    ],
)
def test_a_constant_or_missing_outcome_is_refused(y: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(y)


@pytest.mark.parametrize(
    "estimator", ["staggered", "imputation", "two by two", "synthetic difference", "synthetic control"]
)
def test_one_supported_area_has_an_interval_from_placebos(estimator: str) -> None:
    y = noise()
    y[4:, 0] += 10.0
    found = run(y, cohorts=[{"areas": CODES[:1], "start": "2019"}], estimators=[estimator])
    row = main_row(found, estimator)
    assert row["low"] < 10.0 < row["high"]
    assert row["low"] > 0
    assert "39 placebos among comparison areas" in row["note"]
    told = dict(zip(found.impact_checks["test"], found.impact_checks["result"], strict=True))
    assert told["few supported areas"] == "flagged"
    assert told["trends before support"] == "not applicable"
    assert told["placebo in space"] == "passed"


def test_synthetic_differences_need_placebos_only_where_a_start_has_one_area() -> None:
    y = noise()
    asked: dict[str, Any] = {
        "estimators": ["synthetic difference"],
        "cohorts": [{"areas": CODES[:12], "start": "2019"}],
    }
    row = main_row(run(y, **asked), "synthetic difference")
    assert "error with weights taken as fixed" in row["note"]
    assert row["low"] < row["effect"] - row["standard_error"]
    asked["cohorts"].append({"areas": CODES[12:13], "start": "2020"})
    assert "error from placebos" in main_row(run(y, **asked), "synthetic difference")["note"]


def test_a_placebo_counts_by_how_noisy_its_weights_make_it() -> None:
    y = np.random.default_rng(5).normal(size=(PERIODS, AREAS))
    start = np.where(np.arange(AREAS) == 0, 4, NEVER)
    bare = (np.zeros((0, AREAS)), None, None, tuple(map(str, range(PERIODS))))
    here = World(y, start, *bare, "simple", "outcome regression", "never", 0)
    spec = ProgrammeSpec.model_validate(
        {"level": "a1", "outcome": "o", "draws": 39, "cohorts": [{"areas": CODES[:1], "start": "2019"}]}
    )

    def wide(scale: float) -> float:
        def last(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
            effect = float(world.y[-1, world.start != NEVER].mean())
            row = impact_row("last", effect, np.nan, np.nan, 1, compared=AREAS - 1)
            return Answer([row], scale=scale if world.y.shape[1] == AREAS else 1.0)

        main = with_placebos("last", last)(here, spec, np.random.default_rng(0)).impacts[0]
        return main.high - main.low

    assert wide(3.0) == pytest.approx(3 * wide(1.0), rel=1e-12)  # rounding


def test_one_supported_area_among_few_has_none_and_says_so() -> None:
    found = run(noise(10), cohorts=[{"areas": CODES[:1], "start": "2019"}])
    row = main_row(found)
    assert pd.isna(row["low"])
    assert "no interval: 9 placebos among comparison areas, 19 are needed" in row["note"]
    assert "no interval" in found.findings["sentence"].str.cat(sep=" ")


def test_no_estimate_is_without_an_error_and_without_a_word() -> None:
    y = noise()
    y[:, 40:] = y[0, 40:]  # areas that never changed
    found = run(y, cohorts=[{"areas": CODES[:1], "start": "2018"}, {"areas": CODES[1:12], "start": "2020"}])
    silent = found.impacts["standard_error"].isna() & found.impacts["note"].isna()
    assert not silent.any()


def test_too_few_areas_for_chances_of_support_are_adjusted_by_regression() -> None:
    given = tables(noise())
    more = given["values"].iloc[:AREAS].copy()
    x = np.random.default_rng(1).standard_normal(AREAS)
    extra = frame(
        "values",
        {
            "indicator": ["x"] * AREAS,
            "level": ["a1"] * AREAS,
            "area": CODES,
            "period": ["2015"] * AREAS,
            "value": x,
        },
    )
    assert len(more) == len(extra)
    given["values"] = pd.concat([given["values"], extra], ignore_index=True)
    spec = ProgrammeSpec.model_validate(
        {
            "level": "a1", "outcome": "o", "covariates": ["x"], "draws": 39, "estimators": ["staggered"],
            "cohorts": [{"areas": CODES[:9], "start": "2018"}, {"areas": CODES[9:21], "start": "2020"}],
        }
    )  # fmt: skip
    found = evaluate_programme(**given, spec=spec, programme="p")
    assert "adjusted by regression alone" in main_row(found)["note"]


def test_a_stratum_without_both_sides_is_no_lottery() -> None:
    with pytest.raises(MethodError, match="no stratum has both drawn areas and others"):
        run(noise(), estimators=["lottery"], comparison={"within": "a1"})


def test_longer_support_is_told_as_an_association() -> None:
    y = noise()
    y[3:, :6] += 1.0
    y[3:, 6:12] += 4.0
    found = run(
        y,
        cohorts=[
            {"areas": CODES[:6], "start": "2018", "end": "2019"},
            {"areas": CODES[6:12], "start": "2018", "end": "2021"},
        ],
    )
    rows = found.impact_checks[found.impact_checks["item"] == "one more period of support"]
    # Two periods more went with three points more.
    assert float(rows["value"].iloc[0]) == pytest.approx(1.5, abs=0.4)
    assert "This is an association" in rows["sentence"].iloc[0]


# ---- cohorts from registers and larger areas


def test_larger_areas_stand_for_the_areas_that_lie_in_them() -> None:
    found = run(noise(), cohorts=[{"areas": ["B00", "B01"], "level": "b1", "start": "2019"}])
    assert sorted(found.treatments["area"]) == sorted(CODES[i] for i in range(AREAS) if i % 12 in {0, 1})


def test_a_larger_area_that_holds_none_and_an_area_that_comes_twice_are_refused() -> None:
    with pytest.raises(InputError, match="1 areas of b1 hold no area of a1"):
        run(noise(), cohorts=[{"areas": ["B00", "B99"], "level": "b1", "start": "2019"}])
    with pytest.raises(InputError, match="1 areas stand in two cohorts"):
        run(
            noise(),
            cohorts=[
                {"areas": ["B00"], "level": "b1", "start": "2019"},
                {"areas": [CODES[12]], "start": "2020"},
            ],
        )


REGISTER = (
    '[study]\nid = "x"\ntitle = "X"\n[programme.p]\nlevel = "msoa21"\noutcome = "o"\n'
    '[[programme.p.cohorts]]\nregister = "pride-in-place-phase-2-england"\ncolumn = "{column}"\nonly = {only}\nstart = "2026"\n'
)


def test_a_cohort_names_a_register() -> None:
    cohort = parse_study(REGISTER.format(column="msoa21", only="{}")).programme["p"].cohorts[0]
    assert len(cohort.areas) == 146
    assert all(code.startswith("E02") for code in cohort.areas)
    few = parse_study(REGISTER.format(column="msoa21", only='{ local_authority = "Basildon" }')).programme[
        "p"
    ]
    assert set(few.cohorts[0].areas) < set(cohort.areas)
    assert 1 <= len(few.cohorts[0].areas) < 10


@pytest.mark.parametrize(
    ("column", "only", "message"),
    [
        ("nothing", "{}", "the list has no such column"),
        ("msoa21", '{ wave = "1" }', "the list has no such column"),
        ("msoa21", '{ local_authority = "Nowhere" }', "the cohort has no areas"),
    ],
)
def test_a_register_that_gives_nothing_is_refused(column: str, only: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        parse_study(REGISTER.format(column=column, only=only))


def test_a_cohort_reads_a_file_of_the_study(tmp_path: Path) -> None:
    (tmp_path / "areas.csv").write_text("code,wave\nE1,1\nE2,1\nE3,2\n", encoding="utf-8")
    text = (
        '[study]\nid = "x"\ntitle = "X"\n[programme.p]\nlevel = "a1"\noutcome = "o"\n[[programme.p.cohorts]]\nfile = "areas.csv"\n'
        'column = "code"\nonly = { wave = "1" }\nstart = "2019"\n'
    )
    assert parse_study(text, tmp_path / "study.toml").programme["p"].cohorts[0].areas == ["E1", "E2"]
