"""Values carried between levels: hand-worked cases, the change of LSOAs from 2011 to 2021, and England's published MSOA table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from wardmote import tables
from wardmote.areas import ConversionTables, build_areas, convert_values
from wardmote.errors import InputError, StudyError
from wardmote.levels import known_levels
from wardmote.study import AreasSpec, ConversionSpec

A, B, C = (f"E0100000{i}" for i in range(1, 4))
X, Y = "E02000001", "E02000002"

AREAS = tables.frame(
    "areas",
    {
        "level": ["lsoa21"] * 3 + ["msoa21"] * 2,
        "area": [A, B, C, X, Y],
        "population": [100.0, 300.0, 50.0, 400.0, 50.0],
        "households": [50.0, 50.0, 20.0, 100.0, 20.0],
    },
)
INDICATORS = tables.frame(
    "indicators",
    {
        "indicator": ["score", "count"],
        "title": ["A score", "A count"],
        "unit": ["points", "people"],
        "direction": [1, 1],
        "source": ["s", "s"],
        "note": ["Made up.", None],
    },
)


def members(*rows: tuple[str, str, float]) -> pd.DataFrame:
    child, parent, weight = zip(*rows, strict=True)
    n = len(rows)
    return tables.frame(
        "memberships",
        {
            "level": ["lsoa21"] * n,
            "area": list(child),
            "parent_level": ["msoa21"] * n,
            "parent": list(parent),
            "weight": list(weight),
        },
    )


NESTED = members((A, X, 1.0), (B, X, 1.0), (C, Y, 1.0))
SHARED = members((A, X, 0.6), (A, Y, 0.4), (B, X, 1.0), (C, Y, 1.0))


def values(
    indicator: str, numbers: Sequence[float | None], period: str = "2021", **more: Sequence[float]
) -> pd.DataFrame:
    n = len(numbers)
    return tables.frame(
        "values",
        {
            "indicator": [indicator] * n,
            "level": ["lsoa21"] * n,
            "area": [A, B, C][:n],
            "period": [period] * n,
            "value": list(numbers),
            **{name: list(column) for name, column in more.items()},
        },
    )


def convert(
    given: pd.DataFrame, memberships: pd.DataFrame = NESTED, areas: pd.DataFrame = AREAS, **spec: object
) -> ConversionTables:
    settings = {
        "indicators": sorted(set(given["indicator"])),
        "from": "lsoa21",
        "to": "msoa21",
        "by": "nested",
        "measure": "mean",
        **spec,
    }
    only = settings.pop("only", None)
    result = convert_values(
        given,
        INDICATORS,
        areas,
        memberships,
        spec=ConversionSpec.model_validate(settings),
        conversion="up",
        only=only,  # type: ignore[arg-type]  # a test passes what a study file would hold
    )
    for name in ("values", "indicators", "findings"):
        tables.check(name, getattr(result, name))
    return result


def numbers(result: ConversionTables, column: str = "value") -> list[float]:
    return result.values[column].to_numpy(dtype=float, na_value=np.nan).tolist()


def test_means_are_weighed_as_stated() -> None:
    given = values("score", [10.0, 20.0, 5.0])
    assert numbers(convert(given)) == [(100 * 10 + 300 * 20) / 400, 5.0]
    assert numbers(convert(given, weight="households")) == [15.0, 5.0]
    assert numbers(convert(given, weight="equal")) == [15.0, 5.0]
    assert numbers(convert(given, SHARED, by="weighted")) == pytest.approx(
        [(60 * 10 + 300 * 20) / 360, (40 * 10 + 50 * 5) / 90], abs=1e-14
    )


def test_best_fit_gives_each_area_to_its_largest_share_and_says_it_is_approximate() -> None:
    result = convert(values("score", [10.0, 20.0, 5.0]), SHARED, by="best-fit", suffix="-msoa")
    assert numbers(result) == [17.5, 5.0]
    row = result.indicators.iloc[0]
    assert row["indicator"] == "score-msoa"
    assert row["derived_from"] == "score"
    assert row["note"].startswith("Made up. Approximate: population-weighted mean")
    assert "Approximate" not in convert(values("score", [1.0, 2.0, 3.0])).findings["sentence"].iloc[0]


def test_missing_values_leave_numerator_and_denominator_alike_and_are_told() -> None:
    result = convert(values("score", [10.0, None, None]))
    assert numbers(result)[0] == 10.0
    assert np.isnan(numbers(result)[1])
    assert result.values["status"].tolist() == ["covers 25%", "missing below"]
    told = result.findings["sentence"].tolist()
    assert "the least covered: 25%" in told[1]
    assert "No value of score (2021) for one area of msoa21" in told[2]


def test_sums_are_shared_out_and_keep_their_total() -> None:
    given = values("count", [10.0, 20.0, 5.0])
    assert numbers(convert(given, measure="sum")) == [30.0, 5.0]
    assert numbers(convert(given, SHARED, by="weighted", measure="sum")) == [26.0, 9.0]


def test_a_sum_with_a_missing_part_is_missing() -> None:
    result = convert(values("count", [10.0, None, 5.0]), measure="sum")
    assert np.isnan(numbers(result)[0])
    assert numbers(result)[1] == 5.0
    assert result.values["status"].fillna("").tolist() == ["missing below", ""]


def test_rates_are_weighed_by_their_own_denominators() -> None:
    # 5 of 50 and 30 of 60 in one parent: 35 of 110, whatever the population is.
    given = values("score", [10.0, 50.0, 20.0], numerator=[5, 30, 2], denominator=[50, 60, 10])
    result = convert(given)
    assert numbers(result) == pytest.approx([100 * 35 / 110, 20.0], abs=1e-13)
    assert numbers(result, "numerator") == [35.0, 2.0]
    assert numbers(result, "denominator") == [110.0, 10.0]
    assert "weighed by its own denominators" in result.findings["sentence"].iloc[0]
    partly = values("score", [10.0, 50.0, 20.0], numerator=[5, np.nan, 2], denominator=[50, 60, 10])
    assert numbers(convert(partly)) == [40.0, 20.0]
    assert np.isnan(numbers(convert(partly), "numerator")).all()


def test_standard_errors_combine_as_if_independent_or_not_at_all() -> None:
    given = values("score", [10.0, 20.0, 5.0], standard_error=[2.0, 1.0, 0.5])
    result = convert(given)
    error = np.sqrt((0.25 * 2) ** 2 + (0.75 * 1) ** 2)
    assert numbers(result, "standard_error") == pytest.approx([error, 0.5])
    assert numbers(result, "low")[0] == pytest.approx(17.5 - 1.959964 * error, abs=1e-6)
    assert numbers(convert(given, measure="sum"), "standard_error") == pytest.approx([np.sqrt(5), 0.5])
    part = convert(values("score", [10.0, 20.0, 5.0], standard_error=[2.0, np.nan, 0.5]))
    assert np.isnan(numbers(part, "standard_error")[0])
    assert np.isnan(numbers(part, "low")[0])


def test_periods_stay_apart_and_a_suffix_names_the_new_indicator() -> None:
    given = tables.concat(
        "values", [values("score", [1.0, 1.0, 1.0], "2022"), values("score", [2.0, 2.0, 2.0])]
    )
    result = convert(given, suffix="-up")
    assert list(zip(result.values["period"], numbers(result), strict=True)) == [
        ("2021", 2.0), ("2021", 2.0), ("2022", 1.0), ("2022", 1.0),
    ]  # fmt: skip
    assert set(result.values["indicator"]) == {"score-up"}
    assert len(convert(given).indicators) == 0


def refused(
    error: type[Exception], given: pd.DataFrame, memberships: pd.DataFrame = NESTED, **spec: object
) -> str:
    with pytest.raises(error) as caught:
        convert(given, memberships, **spec)
    return str(caught.value)


def test_what_does_not_fit_is_refused() -> None:
    given = values("score", [10.0, 20.0, 5.0])
    assert "converted to itself" in refused(StudyError, given, to="lsoa21")
    message = refused(InputError, given, to="ward24")
    assert "no lookup from lsoa21 to ward24, and nothing converts by itself" in message
    assert "Add a source with that lookup" in message
    assert "lie wholly in one msoa21" in refused(InputError, given, SHARED)
    message = refused(InputError, given, members((A, X, 1.0), (B, X, 1.0)))
    assert "areas of lsoa21 with values have no parent among msoa21 (1 of them)" in message
    assert C in message
    assert "no such indicator" in refused(InputError, given, indicators=["other"])
    assert "no values at level lsoa21. Got count" in refused(InputError, given, indicators=["score", "count"])
    back = refused(
        InputError,
        given.assign(level="msoa21", area=[X, Y, X], period=["1", "1", "2"]),
        **{"from": "msoa21", "to": "lsoa21"},
    )
    assert "There is one from lsoa21 to msoa21" in back


def test_mixed_vintages_and_unknown_areas_are_refused() -> None:
    given = values("score", [10.0, 20.0, 5.0])
    strange = tables.frame(
        "values", {**{c: given[c].array for c in given.columns}, "area": [A, B, "E01000099"]}
    )
    assert "values of areas that are not areas of lsoa21 (1 such rows). Got E01000099" in refused(
        InputError, strange
    )
    older = tables.concat(
        "areas",
        [AREAS, tables.frame("areas", {"level": ["lsoa11"], "area": ["E01000099"], "population": [1.0]})],
    )
    assert "area of lsoa11: vintages may be mixed" in refused(InputError, strange, areas=older)
    welsh = tables.frame(
        "values", {**{c: given[c].array for c in given.columns}, "area": [A, B, "W01000099"]}
    )
    result = convert(welsh, only={"lsoa21": ["E"]})
    assert (
        "Passed over, since [areas] only leaves their areas out: one value"
        in result.findings["sentence"].str.cat()
    )


def test_a_weight_that_is_not_known_is_refused() -> None:
    unknown = AREAS.assign(
        population=pd.array([100.0, None, 50.0, 1.0, 1.0], dtype=AREAS["population"].dtype)
    )
    given = values("score", [10.0, 20.0, 5.0])
    message = refused(InputError, given, areas=unknown)
    assert "areas with a value of score have no population to weigh it (1 of them). Got E01000002" in message
    assert numbers(convert(given, areas=unknown, weight="equal")) == [15.0, 5.0]


def test_a_name_that_is_taken_is_refused() -> None:
    given = values("score", [10.0, 20.0, 5.0])
    there = tables.frame(
        "values",
        {"indicator": ["score"], "level": ["msoa21"], "area": [X], "period": ["2021"], "value": [1.0]},
    )
    both = tables.concat("values", [given, there])
    assert "there are values of that name at msoa21 already" in refused(InputError, both)
    assert numbers(convert(both, suffix="-up")) == [17.5, 5.0]


def area_facts(level: str, codes: Sequence[str], population: Sequence[float]) -> pd.DataFrame:
    n = len(codes)
    return tables.frame(
        "area_facts",
        {
            "source": [level] * n,
            "level": [level] * n,
            "area": list(codes),
            "population": np.asarray(population),
        },
    )


@pytest.mark.mirror
def test_msoa_scores_of_the_2019_indices_are_population_weighted_means(mirror: Path) -> None:
    """The MSOA table that travels with the 2019 indices (humaniverse IMD, computed there from File 7's LSOA scores).

    Its weights are the mid-2015 populations without prisoners of File 6: equal weights miss by up to 8.6 points, mid-2020 by 3.1.
    """
    lsoa = pd.read_parquet(mirror / "deprivation" / "imd2019_england_lsoa11_combined.parquet")
    lookup = pd.read_parquet(mirror / "geography" / "lookups" / "lookup_lsoa11_msoa11.parquet")
    lookup = lookup[lookup["lsoa11_code"].str.startswith("E")]
    expected = pd.read_csv(mirror / "deprivation" / "imd2019_england_msoa11.csv").set_index("msoa11_code")
    n = len(lookup)
    built = build_areas(
        area_facts("lsoa11", lsoa["lsoa11_code"], lsoa["Total population: mid 2015 (excluding prisoners)"]),
        tables.frame(
            "membership_facts",
            {
                "source": ["ons"] * n,
                "level": ["lsoa11"] * n,
                "area": lookup["lsoa11_code"].tolist(),
                "parent_level": ["msoa11"] * n,
                "parent": lookup["msoa11_code"].tolist(),
            },
        ),
        spec=AreasSpec(),
        levels=known_levels({}),
    )
    names = {"imd": "imd_score", "income": "income_rate_pct", "employment": "employment_rate_pct"}
    given = tables.concat(
        "values",
        [
            tables.frame(
                "values",
                {
                    "indicator": [name] * len(lsoa),
                    "level": ["lsoa11"] * len(lsoa),
                    "area": lsoa["lsoa11_code"].tolist(),
                    "period": ["2015"] * len(lsoa),
                    "value": lsoa[column].to_numpy(dtype=float),
                },
            )
            for name, column in names.items()
        ],
    )
    known = tables.frame(
        "indicators",
        {"indicator": list(names), "title": list(names), "direction": [1] * 3, "source": ["imd"] * 3},
    )
    spec = ConversionSpec.model_validate(
        {"indicators": list(names), "from": "lsoa11", "to": "msoa11", "by": "nested", "measure": "mean"}
    )
    result = convert_values(given, known, built.areas, built.memberships, spec=spec, conversion="msoa")
    wide = result.values.pivot_table(index="area", columns="indicator", values="value", observed=True).astype(
        float
    )
    assert len(wide) == len(expected) == 6791
    # Sums in another order: rounding of double precision only (about 1e-14 of numbers below 100).
    assert (wide["imd"] - expected["Score"]).abs().max() < 1e-12
    # The table's rates are shares, ours per cent as published.
    assert (wide["income"] / 100 - expected["Income_Score"]).abs().max() < 1e-12
    assert (wide["employment"] / 100 - expected["Employment_Score"]).abs().max() < 1e-12


@pytest.mark.mirror
def test_lsoas_of_2011_become_those_of_2021(mirror: Path) -> None:
    """ONS lookup LSOA 2011 to 2021 with its change codes: U unchanged, S split, M merged, X complex."""
    lookup = pq.read_table(
        mirror / "geography" / "lookups" / "lookup_lsoa11_lsoa21_ltla22.parquet"
    ).to_pandas()
    lookup = lookup[["lsoa11_code", "lsoa21_code", "change_code"]].drop_duplicates()
    people = pd.read_parquet(
        mirror / "geography" / "population" / "population_mid2020_lsoa11_single_year_age.parquet",
        columns=["lsoa11_code", "total_population"],
    )
    people = people[people["lsoa11_code"].isin(lookup["lsoa11_code"])]
    census = pd.read_parquet(
        mirror / "geography" / "population" / "ethnicity21_lsoa21.parquet",
        columns=["lsoa21_code", "total_residents"],
    ).drop_duplicates()
    census = census[census["lsoa21_code"].isin(lookup["lsoa21_code"])]
    n = len(lookup)
    facts = tables.concat(
        "area_facts",
        [
            area_facts("lsoa11", people["lsoa11_code"], people["total_population"]),
            area_facts("lsoa21", census["lsoa21_code"], census["total_residents"]),
        ],
    )
    several = lookup["lsoa11_code"].duplicated(keep=False)
    built = build_areas(
        facts,
        tables.frame(
            "membership_facts",
            {
                "source": ["ons"] * n,
                "level": ["lsoa11"] * n,
                "area": lookup["lsoa11_code"].tolist(),
                "parent_level": ["lsoa21"] * n,
                "parent": lookup["lsoa21_code"].tolist(),
                "base": np.where(several, "population", None).tolist(),
            },
        ),
        spec=AreasSpec(),
        levels=known_levels({}),
    )
    older = built.areas[built.areas["level"] == "lsoa11"]
    known = tables.frame(
        "indicators",
        {"indicator": ["code", "people"], "title": ["c", "p"], "direction": [1, 1], "source": ["s", "s"]},
    )

    def carry(indicator: str, x: np.ndarray, measure: str) -> pd.Series:
        given = tables.frame(
            "values",
            {
                "indicator": [indicator] * len(older),
                "level": ["lsoa11"] * len(older),
                "area": older["area"].array,
                "period": ["2020"] * len(older),
                "value": x,
            },
        )
        spec = ConversionSpec.model_validate(
            {
                "indicators": [indicator],
                "from": "lsoa11",
                "to": "lsoa21",
                "by": "weighted",
                "measure": measure,
            }
        )
        result = convert_values(given, known, built.areas, built.memberships, spec=spec, conversion="new")
        return result.values.set_index("area")["value"].astype(float)

    x = older["area"].str[3:].astype(float).to_numpy()
    means = carry("code", x, "mean")
    assert len(means) == 35672
    original = dict(zip(older["area"], x, strict=True))
    change = lookup.groupby("lsoa21_code")["change_code"].first()
    parents = lookup.groupby("lsoa21_code")["lsoa11_code"].agg(list)
    weight = dict(zip(older["area"], older["population"].astype(float), strict=True))
    for code in change.index[change == "S"][:200]:  # split: each part has the value of the whole
        assert means[code] == pytest.approx(original[parents[code][0]], rel=1e-14)
    for code in change.index[change == "M"][:200]:  # merged: the population-weighted mean
        w = np.array([weight[old] for old in parents[code]])
        assert means[code] == pytest.approx(
            np.average([original[old] for old in parents[code]], weights=w), rel=1e-12
        )
    population = older["population"].astype(float).to_numpy()
    # Counts shared out keep their total: whole people below 2^53, so only the shares' rounding remains.
    assert carry("people", population, "sum").sum() == pytest.approx(population.sum(), rel=1e-12)
