"""The map keeps its question when its kind of place changes, and what larger areas are counted by agrees with the tables."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wardmote.publish.mapping import MapLevel, _filters, _start
from wardmote.publish.places import IndexFacts, Interval, NeedFacts, RoundFacts, Summary
from wardmote.publish.questions import families
from wardmote.study.indices import NeedSpec
from wardmote.workspace import Workspace

NOTHING = np.zeros(0)


def country(*, sizes: dict[str, int], needs: dict[str, NeedSpec], levels: dict[str, str]) -> Any:
    """Return the atlas of a study with one index at its smallest level, and definitions of need."""
    names = list(sizes)
    intervals = {"average score": Interval("both", 0.95, NOTHING, NOTHING, NOTHING, NOTHING)}
    measures = ("average rank", "average score", "proportion")
    index = IndexFacts("dep", "D", names[0], (), NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, (), None)  # type: ignore[arg-type]
    return SimpleNamespace(
        levels={
            name: SimpleNamespace(parents=dict.fromkeys(names[i + 1 :], NOTHING))
            for i, name in enumerate(names)
        },
        needs=tuple(NeedFacts(id_, "both", levels[id_], NOTHING, NOTHING) for id_ in needs),  # type: ignore[arg-type]
        indices=(index,),
        summaries={
            name: tuple(
                Summary("dep", "D", name, one, NOTHING, NOTHING, 0, intervals.get(one))  # type: ignore[arg-type]
                for one in measures
            )
            for name in names[1:]
        },
        rounds=(RoundFacts("fund", "F", names[0], {}),),
    )


SPEC = {"deprivation": "dep", "community": "com"}
SIZES = {"small": 33_755, "middle": 6_856, "large": 296}


def mapped(sizes: dict[str, int]) -> list[MapLevel]:
    return [
        MapLevel(
            name,
            name,
            name,
            "",
            "",
            (0, 0, 1, 1),
            (4, 12),
            n,
            0,
            joined="",
            names_from=9.0,
            points="",
            edition="",
        )
        for name, n in sizes.items()
    ]


def opening(atlas: Any, needs: dict[str, NeedSpec], sizes: dict[str, int]) -> dict[str, str]:
    return _start(SimpleNamespace(atlas=atlas), mapped(sizes), families(atlas, needs))  # type: ignore[arg-type]


def test_definitions_that_differ_by_level_alone_are_one_question() -> None:
    needs = {
        "double": NeedSpec(**SPEC),
        "wide": NeedSpec(**SPEC, share=0.2),
        "double-middle": NeedSpec(**SPEC, level="middle"),
    }
    atlas = country(
        sizes=SIZES, needs=needs, levels={"double": "small", "wide": "small", "double-middle": "middle"}
    )
    first, second, index, fund, draws, _ = families(atlas, needs)
    assert first == {
        "small": ("need.double",),
        "middle": ("need.double-middle", "need.double.within"),
        "large": ("need.double.within", "need.double-middle.within"),
    }
    assert second["small"] == ("need.wide",)
    assert index["small"][0] == "dep.decile"
    # The average score stands for an index, not the average rank, which comes first in the tables and has no interval.
    assert index["middle"][0] == index["large"][0] == "dep.average-score"
    assert fund["small"][0] == "round.fund"
    assert fund["large"] == ("round.fund.within",)
    assert draws["small"] == ("need.double.share",)
    assert draws["large"] == first["large"]


def test_a_country_opens_with_areas_that_can_be_seen_and_a_county_with_its_smallest() -> None:
    needs = {"double": NeedSpec(**SPEC), "double-middle": NeedSpec(**SPEC, level="middle")}
    levels = {"double": "small", "double-middle": "middle"}
    atlas = country(sizes=SIZES, needs=needs, levels=levels)
    assert opening(atlas, needs, SIZES) == {"level": "middle", "measure": "need.double-middle"}
    assert opening(atlas, needs, {**SIZES, "small": 360}) == {"level": "small", "measure": "need.double"}
    # Without a definition at a larger level, what is known with its interval comes before a count.
    alone = {"double": NeedSpec(**SPEC)}
    atlas = country(sizes=SIZES, needs=alone, levels=levels)
    assert opening(atlas, alone, SIZES) == {"level": "middle", "measure": "dep.average-score"}
    # One level alone is shown however large it is.
    assert opening(atlas, alone, {"small": 33_755}) == {"level": "small", "measure": "need.double"}


def test_places_can_be_picked_out_at_each_level_that_has_a_definition() -> None:
    needs = {"double": NeedSpec(**SPEC), "double-middle": NeedSpec(**SPEC, level="middle")}
    atlas = country(sizes=SIZES, needs=needs, levels={"double": "small", "double-middle": "middle"})
    found = _filters(SimpleNamespace(atlas=atlas), mapped(SIZES), families(atlas, needs))  # type: ignore[arg-type]
    assert found[0]["at"] == {"small": "need.double", "middle": "need.double-middle"}


@pytest.fixture(scope="module")
def columns(page: Path) -> Path:
    return page.parent / "data" / "columns" / "borough25"


def told(folder: Path, name: str) -> dict[str, Any]:
    codes = json.loads((folder / "codes.json").read_text())["codes"]
    values = json.loads((folder / f"{name}.json").read_text())["values"]
    return dict(zip(codes, values, strict=True))


def inside(workspace: Workspace) -> pd.Series:
    rows = workspace.read("memberships")
    rows = rows[(rows["level"] == "patch25") & (rows["parent_level"] == "borough25")]
    return rows.set_index("area")["parent"]


def test_larger_areas_tell_the_share_of_their_small_areas_with_both_needs(
    columns: Path, workspace: Workspace
) -> None:
    rows = workspace.read("need")
    rows = rows[(rows["definition"] == "double") & rows["type"].notna()]
    group = rows["area"].map(inside(workspace))
    expected = (rows["type"] == "both").groupby(group).mean().astype(float).round(4).to_dict()
    assert told(columns, "need.double.within") == expected
    title = next(
        one["title"]
        for one in json.loads((columns / "codes.json").read_text())["measures"]
        if one["measure"] == "need.double.within"
    )
    assert title == "doubly disadvantaged: share of its neighbourhoods"


def test_larger_areas_tell_how_many_of_their_small_areas_are_funded(
    columns: Path, workspace: Workspace
) -> None:
    rows = workspace.read("decisions")
    rows = rows[(rows["round"] == "gatherings") & (rows["rules"] == "stated")]
    expected = rows["funded"].fillna(False).astype(int).groupby(rows["area"].map(inside(workspace))).sum()
    assert told(columns, "round.gatherings.within") == expected.to_dict()
    assert sum(expected) == 24


def test_points_of_places_stand_in_the_order_of_their_codes(page: Path) -> None:
    import shapely

    from wardmote.toy import make_county

    site = page.parent
    data = json.loads((site / "map" / "map.json").read_text())
    level = next(one for one in data["levels"] if one["level"] == "patch25")
    assert level["over"] == "borough25"
    points = json.loads((site / level["points"]).read_text())
    codes = json.loads((site / "data" / "columns" / "patch25" / "codes.json").read_text())["codes"]
    rows = make_county().boundaries
    rows = rows[rows["level"] == "patch25"]
    shapes = dict(zip(rows["area"], shapely.from_wkb(list(rows["geometry"])), strict=True))
    assert len(codes) == len(points["lon"]) == len(points["lat"]) == len(points["zoom"]) == 360
    for code, lon, lat in zip(codes, points["lon"], points["lat"], strict=True):
        assert shapely.contains_xy(shapes[code], lon, lat), code
