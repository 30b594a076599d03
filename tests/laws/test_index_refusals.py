"""What an index refuses, before any work and all together; and what it says instead of staying silent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from wardmote.engine import compile_index, evaluate, resolve
from wardmote.errors import InputError, MethodError, StudyError, WardmoteError
from wardmote.index import build_index, compare_indices
from wardmote.need import find_need
from wardmote.study import IndexSpec, NeedSpec
from wardmote.tables import check, concat, empty, frame

SCALE = {"id": "scale", "on": "leaves", "do": "normalise", "method": "minmax"}
COMBINE = {"id": "combine", "on": "branches", "do": "aggregate", "method": "arithmetic"}
TREE = [
    {"node": "top"},
    {"node": "d", "parent": "top"},
    {"node": "x", "parent": "d", "direction": 1},
    {"node": "y", "parent": "d", "direction": -1, "weight": 2},
    {"node": "z", "parent": "top", "direction": 1},
]


def index(tree: Any = None, steps: Any = None, **more: Any) -> IndexSpec:
    return IndexSpec.model_validate({"tree": tree or TREE, "steps": steps or [SCALE, COMBINE], **more})


def told(spec: IndexSpec, **more: Any) -> str:
    with pytest.raises(StudyError) as caught:
        compile_index(spec, index="i", **({"directions": {}} | more))
    return str(caught.value)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (index(steps=[{**SCALE, "on": "leafs"}, COMBINE]), "index.i.steps.scale.on: no such node. Got leafs"),
        (index(steps=[{**SCALE, "target": 3}, COMBINE]), "normalise minmax has no such setting"),
        (index(steps=[{**SCALE, "method": "goalposts"}, COMBINE]), "normalise goalposts needs this setting"),
        (
            index(steps=[{**COMBINE, "method": "generalised"}, SCALE]),
            "aggregate generalised needs this setting",
        ),
        (index(steps=[COMBINE, SCALE]), "y runs against the index and is never turned round"),
        (index(steps=[COMBINE, SCALE]), "x has already entered d"),
        (index(steps=[SCALE, {**COMBINE, "on": "top"}]), "children of top have no value yet. Got d"),
        (index(steps=[SCALE, {**COMBINE, "on": "top"}]), "index.i.tree.d: no step aggregates it"),
        (index(steps=[SCALE, COMBINE, {**COMBINE, "id": "again"}]), "d is aggregated twice"),
        (index(steps=[SCALE, SCALE, COMBINE]), "two steps have this id"),
        (index(summarise={"nodes": ["tip"]}), "index.i.summarise.nodes: no such node. Got tip"),
        (index(similar={"on": "depth 9", "count": 3}), "index.i.similar.on: no such node. Got depth 9"),
        (index(steps=[{**SCALE, "on": "top"}, COMBINE]), "top has no value yet"),
        (
            index(steps=[SCALE, {**COMBINE, "on": ["branches", "x"]}]),
            "aggregate works on branches, and x is a leaf",
        ),
        (
            index(steps=[{**SCALE, "per": {"top": {"upper": 1}}}, COMBINE]),
            "the step does not work on this node",
        ),
        (index(steps=[{**SCALE, "per": {"x": {"uper": 1}}}, COMBINE]), "the parameters are not possible"),
        (index(tree=[*TREE, {"node": "x", "parent": "top"}]), "the node stands more than once"),
        (index(tree=[*TREE, {"node": "q", "parent": "w"}]), "its parent is no node. Got w"),
        (index(tree=[*TREE, {"node": "other"}]), "an index has exactly one root. Got top, other"),
        (
            index(tree=[*TREE, {"node": "p", "parent": "q"}, {"node": "q", "parent": "p"}]),
            "the node hangs in a circle",
        ),
        (
            index(tree=[{**TREE[0]}, {"node": "x", "parent": "top", "weight": -1}]),
            "the weight is not a weight",
        ),
        (
            index(tree=[{**TREE[0]}, {"node": "x", "parent": "top", "weight": 0, "direction": 1}]),
            "the weights of the children of top sum to 0",
        ),
        (index(overrides={"weights.nobody": 1}), "the path leads nowhere. Got weights.nobody"),
        (index(overrides={"steps.scale.uper": 1}), "the step has no such field. Got uper"),
        (index(overrides={"steps.scale.upper": "high"}), "the value is not possible. Got 'high'"),
        (index(overrides={"leave_out": {"top": True}}), "the root cannot be left out"),
        (index(overrides={"leave_out": {"x": True, "y": True, "z": True}}), "no leaf is left"),
        (index(indicators={"d": "something"}), "index.i.indicators.d: no such leaf"),
        (
            index(
                steps=[
                    SCALE,
                    {"id": "w", "on": "d", "do": "weigh", "method": "given", "weights": {"z": 1}},
                    COMBINE,
                ]
            ),
            "it is no child of the weighed nodes. Got z",
        ),
        (
            index(steps=[SCALE, {**COMBINE, "missing": "missing", "min_available": 0.5}]),
            "`missing` and `min_available` both say",
        ),
    ],
)
def test_a_spec_that_cannot_be_is_refused(spec: IndexSpec, text: str) -> None:
    assert text in told(spec)


def test_all_problems_come_together() -> None:
    spec = index(
        steps=[{**SCALE, "on": "nowhere"}, {**COMBINE, "power": 2}],
        overrides={"weights.a": 1, "leave_out.b": True},
    )
    assert len(told(spec).splitlines()) >= 5


def test_a_leaf_without_direction_is_refused_once_directions_are_known() -> None:
    tree = [{"node": "top"}, {"node": "x", "parent": "top"}]
    compile_index(index(tree=tree))
    assert "the direction of its indicator is not known" in told(index(tree=tree))


def test_words_for_nodes() -> None:
    plan = compile_index(index())
    assert resolve(plan, "leaves") == ("x", "y", "z")
    assert resolve(plan, "depth 1") == ("d", "z")
    assert resolve(plan, "children of root") == ("d", "z")
    assert resolve(plan, ["leaves of d", "x", "branches"]) == ("x", "y", "top", "d")


def test_overrides_change_weights_steps_and_tree() -> None:
    spec = index(overrides={"weights": {"x": 3}, "steps": {"scale": {"upper": 1}}, "leave_out.z": True})
    plan = compile_index(spec)
    assert plan.nodes["x"].weight == 3
    assert plan.nodes["x"].origin == "study"
    assert plan.left_out == {"z": "left out"}
    assert plan.operations[0].settings == {"upper": 1.0}
    found = evaluate(plan, {"x": [0.0, 1, 2], "y": [5.0, 4, 1]})
    np.testing.assert_allclose(found.score["top"], [0, (3 * 0.5 + 2 * 0.25) / 5, 1])


def test_parameters_for_single_nodes() -> None:
    steps = [
        {**SCALE, "per": {"x": {"method": "goalposts", "low": 0, "high": 4}, "y": {"upper": 1}}},
        COMBINE,
    ]
    found = evaluate(compile_index(index(steps=steps)), {"x": [1.0, 2], "y": [1.0, 3], "z": [0.0, 1]})
    np.testing.assert_allclose(found.score["x"], [0.25, 0.5])
    np.testing.assert_allclose(found.score["y"], [1, 0])
    np.testing.assert_allclose(found.score["z"], [0, 100])


def test_a_method_names_step_and_leaf_and_tells_all_of_a_step() -> None:
    plan = compile_index(index(), index="i")
    with pytest.raises(MethodError) as caught:
        evaluate(plan, {"x": [1.0, 1], "y": [1.0, 2], "z": [4.0, 4]})
    text = str(caught.value)
    assert "index.i.steps.scale (minmax): 'x' has one value only" in text
    assert "'z' has one value only" in text


def test_screening() -> None:
    nan = np.nan
    columns = {"x": [nan, nan, nan, 4.0], "y": [1.0, 2, nan, 4], "z": [0.0, 1, nan, 3]}
    by_leaf = {"id": "enough", "on": "leaves", "do": "screen", "what": "leaves", "min_available": 0.5}
    found = evaluate(compile_index(index(steps=[by_leaf, SCALE, COMBINE])), columns)
    assert found.screened == {"x"}
    assert not np.isnan(found.score["top"]).all()
    by_area = {**by_leaf, "what": "areas"}
    fill = {"id": "fill", "on": "leaves", "do": "impute", "method": "mean"}
    plan = compile_index(index(steps=[by_area, fill, SCALE, COMBINE]))
    # An area that is screened out stays out: imputing does not bring it back.
    with_more = {**columns, "x": [1.0, nan, nan, 4]}
    found = evaluate(plan, with_more)
    np.testing.assert_array_equal(np.isnan(found.score["top"]), [False, False, True, False])
    assert {change.node: int(change.at.sum()) for change in found.changes} == {"x": 1}
    everything = {**by_leaf, "min_available": 1.0}
    with pytest.raises(MethodError, match="no leaf has enough values"):
        evaluate(compile_index(index(steps=[everything, SCALE, COMBINE])), {**columns, "z": [0.0, nan, 1, 2]})


# --- tables -------------------------------------------------------------------------------------------------------------


def tables(**changes: Any) -> dict[str, Any]:
    """Return a little world: four areas in two parents, three indicators."""
    codes = ["a", "b", "c", "d"]
    numbers = {"x": [1.0, 2, 3, 4], "y": [4.0, 1, 2, 3], "z": [0.0, 5, 1, 2]} | changes.pop("numbers", {})
    values = frame(
        "values",
        {
            "indicator": [name for name in numbers for _ in codes],
            "level": ["patch"] * (4 * len(numbers)),
            "area": codes * len(numbers),
            "period": ["2021"] * (4 * len(numbers)),
            "value": [value for column in numbers.values() for value in column],
        },
    )
    world = {
        "areas": frame(
            "areas",
            {
                "level": ["patch"] * 4 + ["town"] * 2,
                "area": [*codes, "s", "t"],
                "name": [None] * 4 + ["South", "Top"],
                "population": [10.0, 20, 30, 40, None, None],
            },
        ),
        "memberships": frame(
            "memberships",
            {
                "level": ["patch"] * 5,
                "area": [*codes, "d"],
                "parent_level": ["town"] * 5,
                "parent": ["s", "s", "t", "t", "s"],
                "weight": [1.0, 1, 1, 0.7, 0.3],
            },
        ),
        "indicators": frame(
            "indicators",
            {
                "indicator": ["x", "y", "z"],
                "title": ["X", "Y", "Z"],
                "direction": [1, -1, 1],
                "source": ["file"] * 3,
            },
        ),
        "values": values,
        "priorities": empty("priorities"),
    }
    return {**world, **changes}


def bare(**more: Any) -> IndexSpec:
    """Return the index with directions from the table of indicators."""
    tree = [{key: value for key, value in node.items() if key != "direction"} for node in TREE]
    return index(tree=tree, **more)


def test_a_small_world_by_hand() -> None:
    spec = bare(
        summarise={"levels": ["town"], "measures": ["average score", "proportion"]}, similar={"count": 1}
    )
    built = build_index(**tables(), spec=spec, index="i")
    for name in type(built).__dataclass_fields__:
        check(name, getattr(built, name))
    root = built.scores[built.scores["node"] == "top"]
    # x: 0 33.3 66.7 100; y turned: 0 100 66.7 33.3; d = (x + 2y)/3; z: 0 100 20 40; top = (d + z)/2.
    d = np.array([0, 700 / 9, 200 / 3, 500 / 9])
    expected = (d + np.array([0, 100, 20, 40])) / 2
    np.testing.assert_allclose(root["score"].to_numpy(float), expected)
    assert root["rank"].tolist() == [4, 1, 3, 2]
    mean = built.summaries[built.summaries["measure"] == "average score"].set_index("area")["value"]
    assert mean["s"] == pytest.approx((10 * expected[0] + 20 * expected[1]) / 30)
    assert mean["t"] == pytest.approx((30 * expected[2] + 40 * expected[3]) / 70)
    sentences = " ".join(built.findings["sentence"])
    assert "One area lies in more than one area and counts where the largest share lies." in sentences
    assert built.scores["node"].iloc[0] == "top"


def test_values_outside_the_study_are_left_aside_and_counted() -> None:
    world = tables()
    world["areas"] = world["areas"][world["areas"]["area"] != "d"].reset_index(drop=True)
    built = build_index(**world, spec=bare(), index="i")
    assert set(built.scores["area"]) == {"a", "b", "c"}
    assert "Values of one area that are not among the study's areas were left aside." in set(
        built.findings["sentence"]
    )


def test_missing_values_are_told_and_partial_scores_counted() -> None:
    built = build_index(**tables(numbers={"x": [None, 2.0, 3, 4]}), spec=bare(), index="i")
    text = " ".join(built.findings["sentence"])
    assert "One value is missing: x (1); none was imputed." in text
    assert "One area has a score that rests on fewer parts than the others." in text


def without(world: dict[str, Any], table: str, keep: Any) -> dict[str, Any]:
    return {**world, table: world[table][keep(world[table])].reset_index(drop=True)}


def two_periods() -> dict[str, Any]:
    world = tables()
    later = world["values"].copy()
    later["period"] = later["period"].str.replace("2021", "2022")
    return {**world, "values": concat("values", [world["values"], later])}


@pytest.mark.parametrize(
    ("world", "spec", "text"),
    [
        (
            without(tables(), "values", lambda v: v["indicator"] != "z"),
            bare(),
            "there are no values of z at patch",
        ),
        (two_periods(), bare(), "the indicator x has several periods. Got 2021, 2022"),
        (tables(), bare(level="town"), "there are no values of x at town. Got values at patch"),
        (
            without(tables(), "indicators", lambda v: v["indicator"] != "y"),
            bare(),
            "the direction of its indicator is not known. Got y",
        ),
        (
            tables(),
            bare(summarise={"levels": ["region"]}),
            "no area of patch is known to lie in one of region",
        ),
        (
            tables(areas=tables()["areas"].assign(population=None).astype(tables()["areas"].dtypes)),
            bare(summarise={"levels": ["town"]}),
            "areas with a score have no population. Got 4 of 4, the first a",
        ),
        (
            tables(),
            bare(
                steps=[
                    SCALE,
                    {"id": "w", "on": "d", "do": "weigh", "method": "priorities", "source": "s"},
                    COMBINE,
                ]
            ),
            "there are no priorities",
        ),
        (
            tables(),
            bare(
                steps=[
                    {"id": "f", "on": "x", "do": "impute", "method": "group-mean", "within": "region"},
                    SCALE,
                    COMBINE,
                ]
            ),
            "it is not known which larger area each area lies in. Got region",
        ),
        (
            tables(),
            bare(steps=[{"id": "by", "on": "x", "do": "denominate", "by": "people"}, SCALE, COMBINE]),
            "there are no values of people at patch",
        ),
    ],
)
def test_tables_that_cannot_be_used_are_refused(world: dict[str, Any], spec: IndexSpec, text: str) -> None:
    with pytest.raises(WardmoteError) as caught:
        build_index(**world, spec=spec, index="i")
    assert text in str(caught.value)


def test_leaves_without_data_are_left_out_where_the_study_says_so() -> None:
    world = without(tables(), "values", lambda v: v["indicator"] != "z")
    built = build_index(**world, spec=bare(no_data="leave out"), index="i")
    status = built.nodes.set_index("node")["status"]
    assert status["z"] == "no data"
    assert "1 of its 3 indicators has no data and is left out: z." in set(built.findings["sentence"])


def test_imputing_from_parents_neighbours_and_groups() -> None:
    from shapely import box

    world = tables(numbers={"x": [None, 2.0, 3, 4]})
    own = frame(
        "values",
        {
            "indicator": ["x"] * 2,
            "level": ["town"] * 2,
            "area": ["s", "t"],
            "period": ["2021"] * 2,
            "value": [9.0, 8],
        },
    )
    world["values"] = concat("values", [world["values"], own])
    shapes = frame(
        "boundaries",
        {
            "level": ["patch"] * 4,
            "area": list("abcd"),
            "geometry": [box(k, 0, k + 1, 1).wkb for k in range(4)],
            "source": ["s"] * 4,
        },
    )
    for step, expected in (
        ({"method": "parent", "within": "town"}, 9.0),
        ({"method": "group-mean", "within": "town"}, 2.0),
        ({"method": "neighbours"}, 2.0),
        ({"method": "constant", "value": 1.5}, 1.5),
    ):
        fill = {"id": "fill", "on": "leaves", "do": "impute", **step}
        spec = bare(level="patch", steps=[fill, SCALE, COMBINE])
        built = build_index(**world, spec=spec, index="i", boundaries=shapes)
        row = built.adjustments.iloc[0]
        assert (row["area"], row["node"], row["kind"], row["after"]) == ("a", "x", "imputed", expected)
        nodes = built.nodes.set_index("node")
        assert (nodes.loc["x", "missing"], nodes.loc["x", "imputed"]) == (1, 1)


def test_a_shape_whose_border_crosses_itself_still_has_its_neighbours() -> None:
    from shapely import Polygon, box, is_valid

    # The published boundaries of 2011 hold such a polygon; unmended, GEOS refuses to look for what it touches.
    bow = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    assert not is_valid(bow)
    world = tables(numbers={"x": [None, 2.0, 3, 4]})
    shapes = frame(
        "boundaries",
        {
            "level": ["patch"] * 4,
            "area": list("abcd"),
            "geometry": [bow.wkb, *(box(k, 0, k + 1, 1).wkb for k in range(1, 4))],
            "source": ["s"] * 4,
        },
    )
    fill = {"id": "fill", "on": "leaves", "do": "impute", "method": "neighbours"}
    built = build_index(
        **world, spec=bare(level="patch", steps=[fill, SCALE, COMBINE]), index="i", boundaries=shapes
    )
    assert built.adjustments.iloc[0]["after"] == 2.0


def test_priorities_weigh_and_the_two_stand_side_by_side() -> None:
    people = frame(
        "priorities",
        {
            "priority": ["d", "z"],
            "level": ["town"] * 2,
            "area": ["s"] * 2,
            "weight": [9.0, 1.0],
            "source": ["survey"] * 2,
        },
    )
    weigh = {"id": "people", "on": "top", "do": "weigh", "method": "priorities", "source": "survey"}
    world = tables(priorities=people)
    ours = build_index(**world, spec=bare(), index="official")
    theirs = build_index(**world, spec=bare(steps=[SCALE, weigh, COMBINE]), index="residents")
    nodes = theirs.nodes.set_index("node")
    assert nodes.loc[["d", "z"], "weight"].tolist() == [9.0, 1.0]
    assert nodes.loc["d", "origin"] == "priorities"
    both = compare_indices(theirs.scores, ours.scores, index="residents", beside="official", share=0.25)
    check("comparisons", both.comparisons)
    assert both.comparisons["area"].tolist() == ["a", "b", "c", "d"]
    assert both.comparisons["rank_beside"].tolist() == [4, 1, 3, 2]
    assert both.comparisons["rank"].tolist() == [4, 1, 2, 3]
    two = concat("priorities", [people, people.assign(area="t").astype(people.dtypes)])
    with pytest.raises(InputError, match="holds the priorities of several areas"):
        build_index(**{**world, "priorities": two}, spec=bare(steps=[SCALE, weigh, COMBINE]), index="i")


def ranks(index_name: str, numbers: list[float | None]) -> pd.DataFrame:
    n = len(numbers)
    return frame(
        "scores",
        {
            "index": [index_name] * n,
            "level": ["patch"] * n,
            "area": [f"{k:03d}" for k in range(n)],
            "node": ["top"] * n,
            "rank": numbers,
        },
    )


def test_the_greatest_need_share_is_never_rounded_up() -> None:
    scores = concat("scores", [ranks("dep", [float(k + 1) for k in range(19)]), ranks("com", [1.0] * 19)])
    spec = NeedSpec(deprivation="dep", community="com", share=0.1)
    need = check(
        "need", find_need(empty("areas"), scores, empty("summaries"), spec=spec, definition="dd").need
    )
    # A tenth of 19 is 1.9: one area, not two. A tie of 19 at rank 1 is in together.
    assert need["deprived"].tolist() == [True] + [False] * 18
    assert need["community_need"].all()
    assert need["type"].tolist() == ["both"] + ["community need only"] * 18
    assert need["deprivation_distance"].tolist() == [1 - (k + 1) for k in range(19)]


def test_an_area_that_misses_a_rank_has_no_type_and_is_counted() -> None:
    scores = concat("scores", [ranks("dep", [1.0, 2, None]), ranks("com", [1.0, 2, 3])])
    spec = NeedSpec(deprivation="dep", community="com", share=0.5)
    found = find_need(empty("areas"), scores, empty("summaries"), spec=spec, definition="dd")
    need = check("need", found.need)
    assert need["type"].isna().tolist() == [False, False, True]
    assert need["doubly_disadvantaged"].isna().tolist() == [False, False, True]
    assert "One area misses one of the two ranks and has no type." in set(found.findings["sentence"])


def test_need_says_what_is_not_there() -> None:
    spec = NeedSpec(deprivation="dep", community="com")
    with pytest.raises(InputError, match=r"no common level.*com: no scores"):
        find_need(empty("areas"), ranks("dep", [1.0]), empty("summaries"), spec=spec, definition="dd")
    spec = NeedSpec(deprivation="dep", community="com", level="town")
    with pytest.raises(InputError) as caught:
        find_need(empty("areas"), ranks("dep", [1.0]), empty("summaries"), spec=spec, definition="dd")
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("titles", "both", "first", "second"),
    [
        (("Index of deprivation", "Community need"), "both deprivation and community need", "deprivation", "community need"),
        (("Fuel poverty", "Loneliness"), "both “Fuel poverty” and “Loneliness”", "“Fuel poverty”", "“Loneliness”"),
    ],
)  # fmt: skip
def test_findings_of_need_name_the_indices_of_the_study(
    titles: tuple[str, str], both: str, first: str, second: str
) -> None:
    scores = concat("scores", [ranks("dep", [1.0, 2, 3]), ranks("com", [1.0, 3, 2])])
    spec = NeedSpec(deprivation="dep", community="com", share=0.7)
    found = find_need(empty("areas"), scores, empty("summaries"), spec=spec, definition="dd", titles=titles)
    said = " ".join(found.findings["sentence"])
    assert f"of {both}" in said
    assert f"of {first} only." in said
    assert f"of {second} only." in said
