"""Doubly disadvantaged neighbourhoods: the greatest-need tenth of both IMD 2025 and CNI 2023.

Source: the column `Left Behind Area?` of the CNI 2023 file, which flags 1,262 LSOAs. The flags were derived by the package that
carries the file; they are not official.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from imd_tables import NO_PRIORITIES, cni_2023, column, geography_2025, imd_2025, recipe

from wardmote.index import build_index
from wardmote.need import find_need
from wardmote.study import NeedSpec
from wardmote.tables import check, concat

pytestmark = pytest.mark.mirror


@pytest.fixture(scope="module")
def both(mirror: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    areas, memberships = geography_2025(mirror)
    file, *cni = cni_2023(mirror)
    _, *imd = imd_2025(mirror)
    at = {"levels": ["msoa21", "lad24"], "measures": ["average score"]}
    built = [
        build_index(areas, memberships, *tables, NO_PRIORITIES, spec=recipe(name, summarise=at), index=index)
        for index, name, tables in (("imd", "imd-england-2025", imd), ("cni", "cni-2023", cni))
    ]
    scores = concat("scores", [one.scores for one in built])
    return areas, scores, concat("summaries", [one.summaries for one in built]), file


def test_exactly_the_1262_flagged(both: tuple[pd.DataFrame, ...]) -> None:
    areas, scores, summaries, file = both
    found = find_need(
        areas, scores, summaries, spec=NeedSpec(deprivation="imd", community="cni"), definition="dd"
    )
    need = check("need", found.need)
    flagged = set(file.loc[file["Left Behind Area?"], "lsoa21_code"])
    assert len(flagged) == 1_262
    assert set(need.loc[need["doubly_disadvantaged"], "area"]) == flagged
    assert set(need.loc[need["type"] == "both", "area"]) == flagged
    # 3,375 is a tenth of 33,755, not rounded up.
    assert int(need["deprived"].sum()) == 3_375
    assert (column(need, "deprivation_distance") == 3_375 - column(need, "deprivation_rank")).all()
    assert found.findings["value"].iloc[0] == 1_262


def test_at_a_higher_level_summaries_are_ranked(both: tuple[pd.DataFrame, ...]) -> None:
    areas, scores, summaries, _ = both
    spec = NeedSpec(deprivation="imd", community="cni", level="msoa21")
    need = check("need", find_need(areas, scores, summaries, spec=spec, definition="dd").need)
    assert len(need) == 6_856
    assert int(need["deprived"].sum()) == 685
    assert 150 < int(need["doubly_disadvantaged"].sum()) < 300
