"""Areas and memberships built from facts: every rule of merging, nesting and refusing, on hand-made cases."""

from __future__ import annotations

import pandas as pd
import pytest

from wardmote import tables
from wardmote.areas import AreaTables, build_areas
from wardmote.errors import InputError, StudyError
from wardmote.levels import Level, known_levels
from wardmote.study import AreasSpec

LEVELS = known_levels({})
A, B, C, D = (f"E0100000{i}" for i in range(1, 5))
X, Y = "E08000001", "E08000002"
N = "E12000001"


def facts(*rows: tuple[object, ...]) -> pd.DataFrame:
    names = ("source", "level", "area", "name", "population", "households")
    return tables.frame(
        "area_facts",
        {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)},
    )


def lookups(*rows: tuple[object, ...]) -> pd.DataFrame:
    names = ("source", "level", "area", "parent_level", "parent", "weight", "base")
    return tables.frame(
        "membership_facts",
        {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)},
    )


SMALL = facts(
    ("census", "lsoa21", A, "A", 100.0, 40.0),
    ("census", "lsoa21", B, "B", 200.0, 80.0),
    ("census", "lsoa21", C, "C", 50.0, 30.0),
)
NESTED = lookups(
    ("ons", "lsoa21", A, "lad24", X, None, None),
    ("ons", "lsoa21", B, "lad24", X, None, None),
    ("ons", "lsoa21", C, "lad24", Y, None, None),
    ("ons", "lad24", X, "rgn24", N, None, None),
    ("ons", "lad24", Y, "rgn24", N, None, None),
)


def build(area_facts: pd.DataFrame, membership_facts: pd.DataFrame, **spec: object) -> AreaTables:
    return build_areas(area_facts, membership_facts, spec=AreasSpec.model_validate(spec), levels=LEVELS)


def rows(frame: pd.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return list(frame[list(columns)].itertuples(index=False, name=None))


def refusal(
    error: type[Exception], area_facts: pd.DataFrame, membership_facts: pd.DataFrame, **spec: object
) -> str:
    with pytest.raises(error) as caught:
        build(area_facts, membership_facts, **spec)
    return str(caught.value)


def test_chain_is_followed_and_populations_are_added_up() -> None:
    result = build(SMALL, NESTED, within=[["lsoa21", "lad24", "rgn24"]])
    tables.check("areas", result.areas)
    tables.check("memberships", result.memberships)
    tables.check("findings", result.findings)
    assert rows(result.areas, "level", "area", "population", "households") == [
        ("lsoa21", A, 100.0, 40.0),
        ("lsoa21", B, 200.0, 80.0),
        ("lsoa21", C, 50.0, 30.0),
        ("lad24", X, 300.0, 120.0),
        ("lad24", Y, 50.0, 30.0),
        ("rgn24", N, 350.0, 150.0),
    ]
    assert ("lsoa21", A, "rgn24", N, 1.0) in rows(
        result.memberships, "level", "area", "parent_level", "parent", "weight"
    )
    told = " ".join(result.findings["sentence"])
    assert (
        "three neighbourhoods (LSOAs) of 2021, two local authorities of 2024 and one region of 2024" in told
    )
    assert "not a published figure" in told


def test_published_population_of_a_larger_area_stands() -> None:
    given = tables.concat("area_facts", [SMALL, facts(("mid", "lad24", X, "X", 999.0, None))])
    areas = build(given, NESTED).areas
    assert rows(areas[areas["level"] == "lad24"], "area", "population") == [(X, 999.0), (Y, 50.0)]


def test_a_larger_area_with_an_unknown_part_gets_no_population() -> None:
    given = facts(("census", "lsoa21", A, "A", 100.0, None), ("census", "lsoa21", C, "C", 7.0, None))
    areas = build(given, NESTED).areas
    assert areas.set_index("area")["population"].isna().to_dict() == {
        A: False, B: True, C: False, X: True, Y: False, N: True,
    }  # fmt: skip
    told = build(given, NESTED).findings["sentence"].str.cat()
    assert "One neighbourhood (LSOA) of 2021 known only from lookups" in told


def test_sources_that_differ_are_refused_until_one_is_stated() -> None:
    other = facts(("mid", "lsoa21", A, "A", 101.0, None), ("mid", "lsoa21", B, "Bee", 200.0, None))
    both = tables.concat("area_facts", [SMALL, other])
    message = refusal(InputError, both, NESTED)
    assert "sources census and mid differ for one neighbourhood (LSOA) of 2021" in message
    assert "100.0 and 101.0 for E01000001" in message
    assert '[areas] population = "census"' in message
    assert "B and Bee for E01000002" in message  # both problems come together
    areas = build(both, NESTED, population="mid", names="mid").areas.set_index("area")
    # A stated population is never filled from another source: C has none in "mid". A name is.
    assert areas.loc[A, "population"] == 101.0
    assert pd.isna(areas.loc[C, "population"])
    assert areas.loc[B, "name"] == "Bee"
    assert areas.loc[C, "name"] == "C"


def test_names_at_a_level_where_the_stated_source_is_silent_are_taken_and_told() -> None:
    two = facts(("b", "lad24", X, "Ex", None, None), ("a", "lad24", X, "X", None, None))
    both = tables.concat("area_facts", [two, SMALL])
    assert "sources a and b differ" in refusal(InputError, both, NESTED)
    result = build(both, NESTED, names="census")
    assert result.areas.set_index("area").loc[X, "name"] == "X"
    told = result.findings["sentence"].str.cat()
    assert "Named differently by b than by a, whose names stand: one local authority of 2024" in told


def test_sources_that_agree_need_no_statement() -> None:
    same = facts(("mid", "lsoa21", A, "A", 100.0, None), ("mid", "lsoa21", D, "D", 5.0, None))
    areas = build(tables.concat("area_facts", [SMALL, same]), NESTED).areas.set_index("area")
    assert areas.loc[D, "population"] == 5.0


def test_a_setting_without_effect_is_refused() -> None:
    message = refusal(InputError, SMALL, NESTED, population="ons")
    assert "areas.population: the stated source gives no population" in message


@pytest.mark.parametrize(
    ("level", "code", "alike"),
    [("lsoa21", "W02000001", "msoa21"), ("lad24", "E01000009", "lsoa21"), ("lsoa11", "S01000009", "dz11")],
)
def test_a_code_of_another_level_is_refused_with_the_likely_level(level: str, code: str, alike: str) -> None:
    given = tables.concat("area_facts", [SMALL, facts(("plan", level, code, "?", None, None))])
    message = refusal(InputError, given, NESTED)
    assert f"source plan, level {level}: 1 of 1 rows have a code that is not one of this level" in message
    assert code in message
    assert alike in message


def test_a_pattern_that_arrow_cannot_read_is_read_by_python() -> None:
    levels = {"own": Level("own", "place", "places", r"(?!X)[A-Z]\d")}
    good = facts(("s", "own", "A1", "a", 1.0, None))
    assert (
        len(build_areas(good, tables.empty("membership_facts"), spec=AreasSpec(), levels=levels).areas) == 1
    )
    bad = facts(("s", "own", "X1", "a", 1.0, None))
    with pytest.raises(InputError, match="'X1'"):
        build_areas(bad, tables.empty("membership_facts"), spec=AreasSpec(), levels=levels)


def test_unknown_levels_are_refused() -> None:
    message = refusal(InputError, facts(("s", "parish", "P1", "p", 1.0, None)), NESTED)
    assert "source s: no such level. Got parish" in message
    assert "[level.parish]" in message
    assert "no source gives areas of this level" in refusal(StudyError, SMALL, NESTED, only={"msoa21": ["E"]})


def test_an_area_in_two_parents_needs_weights() -> None:
    twice = lookups(
        ("ons", "lsoa21", A, "lad24", X, None, None), ("ons", "lsoa21", A, "lad24", Y, None, None)
    )
    message = refusal(InputError, SMALL, twice)
    assert "an area lies in several parents and its weights are not given (1 such area)" in message
    assert f"{A} in {X}, {Y}" in message


def test_two_sources_that_place_an_area_differently_are_refused() -> None:
    other = lookups(("mine", "lsoa21", A, "lad24", Y, None, None))
    message = refusal(InputError, SMALL, tables.concat("membership_facts", [NESTED, other]))
    assert "sources ons and mine place one neighbourhood (LSOA) of 2021 differently" in message
    same = lookups(("mine", "lsoa21", A, "lad24", X, None, None))
    assert len(build(SMALL, tables.concat("membership_facts", [NESTED, same])).memberships) == 5


def test_weights_must_add_to_one() -> None:
    def shares(one: float, two: float) -> pd.DataFrame:
        return lookups(
            ("ons", "lsoa21", A, "ward24", "E05000001", one, "population"),
            ("ons", "lsoa21", A, "ward24", "E05000002", two, "population"),
        )

    message = refusal(InputError, SMALL, shares(0.5, 0.4))
    assert "the weights of an area do not add to 1" in message
    assert "a sum of 0.9" in message
    result = build(SMALL, shares(0.333, 0.666))
    assert result.memberships["weight"].sum() == pytest.approx(1, abs=1e-15)
    assert set(result.memberships["base"]) == {"population"}
    assert "Rescaled to add to 1" in result.findings["sentence"].str.cat()


def test_shares_are_computed_from_the_stated_base_of_the_parents() -> None:
    split = facts(
        ("old", "lsoa11", A, "A", 300.0, None),
        ("new", "lsoa21", A, "A", 100.0, None),
        ("new", "lsoa21", B, "B", 200.0, None),
    )

    def lookup(base: str) -> pd.DataFrame:
        return lookups(
            ("ons", "lsoa11", A, "lsoa21", A, None, base), ("ons", "lsoa11", A, "lsoa21", B, None, base)
        )

    shares = build(split, lookup("population")).memberships["weight"]
    assert shares.tolist() == pytest.approx([1 / 3, 2 / 3])
    assert build(split, lookup("areas")).memberships["weight"].tolist() == [0.5, 0.5]
    assert "households of the parents, which is not known" in refusal(InputError, split, lookup("households"))


def test_a_missing_link_of_a_chain_is_derived_or_named() -> None:
    members = tables.concat(
        "membership_facts",
        [
            NESTED,
            lookups(*(("ons", "lsoa21", code, "msoa21", "E02000001", None, None) for code in (A, B, C))),
        ],
    )
    result = build(SMALL, members, within=[["lsoa21", "msoa21", "lad24"]])
    # 300 of the MSOA's 350 people live in X.
    found = rows(
        result.memberships[result.memberships["level"] == "msoa21"], "area", "parent", "weight", "base"
    )
    assert found == [
        ("E02000001", X, pytest.approx(300 / 350), "population"),
        ("E02000001", Y, pytest.approx(50 / 350), "population"),
    ]
    assert "since no source gives that lookup" in result.findings["sentence"].str.cat()
    # The lookup given from LSOA to authority stands, although the way by MSOA would blur it.
    assert (C, Y, 1.0) in rows(result.memberships, "area", "parent", "weight")
    message = refusal(InputError, SMALL, NESTED, within=[["lsoa21", "rgn24", "lad24"]])
    assert "no source says how lsoa21 lie in rgn24" in message


def test_only_keeps_areas_and_takes_what_belongs_to_them() -> None:
    wales = facts(("census", "lsoa21", "W01000001", "Wal", 10.0, 5.0))
    members = tables.concat(
        "membership_facts",
        [NESTED, lookups(("ons", "lsoa21", "W01000001", "lad24", "W06000001", None, None))],
    )
    given = tables.concat("area_facts", [SMALL, wales])
    result = build(given, members, only={"lsoa21": ["E"]})
    assert set(result.areas["area"]) == {A, B, C, X, Y, N}
    assert not result.memberships["area"].str.startswith("W").any()
    told = result.findings["sentence"].str.cat(sep=" ")
    assert (
        "Left out, since [areas] only keeps codes that start with 'E': one neighbourhood (LSOA) of 2021."
        in told
    )
    assert "With them went one local authority of 2024" in told
    assert "one membership" in told
    # Downwards: keeping one authority keeps its neighbourhoods.
    result = build(given, members, only={"lad24": [Y]}, within=[["lsoa21", "lad24", "rgn24"]])
    assert result.areas["area"].tolist() == [C, Y, N]
    # The region keeps its own population: what is left out of a study does not change a place.
    assert result.areas["population"].tolist() == [50.0, 50.0, 350.0]
    assert "no area's code starts like that" in refusal(StudyError, SMALL, NESTED, only={"lsoa21": ["S"]})


def test_inputs_are_not_changed_and_empty_tables_are_fine() -> None:
    before = SMALL.copy(deep=True)
    build(SMALL, NESTED, only={"lad24": [Y]})
    pd.testing.assert_frame_equal(SMALL, before)
    result = build(tables.empty("area_facts"), tables.empty("membership_facts"))
    assert len(result.areas) == len(result.memberships) == 0
