"""What profiles say of places that are few, tie, or have no figures, in small studies from a file."""

from __future__ import annotations

import datetime
import html
import re
from pathlib import Path

import numpy as np
import pytest

from wardmote.index.results import _means
from wardmote.pipeline import run
from wardmote.publish import publish_site
from wardmote.study import read_study
from wardmote.workspace import Workspace

STUDY = """
[study]
id = "odd"
title = "Odd"
seed = 1
levels = ["place"]

[level.place]
title = "place"
plural = "places"

[sources.places]
file = "figures.csv"
kind = "areas"
level = "place"
area = "code"
name = "name"
licence = "CC0-1.0"
access = "open"

[sources.figures]
file = "figures.csv"
level = "place"
area = "code"
period = "2025"
title = "Figures"
publisher = "Nobody"
licence = "CC0-1.0"
access = "open"

[sources.figures.columns.one]
indicator = "one"
direction = 1
title = "One"
unit = "%"

[sources.figures.columns.two]
indicator = "two"
direction = 1
title = "Two"
unit = "%"

[index.i]
title = "The index"
level = "place"
tree = [{ node = "i", title = "The index" }, { node = "one", parent = "i", title = "One" }, { node = "two", parent = "i", title = "Two" }]
steps = [
  { id = "scale", on = "leaves", do = "normalise", method = "minmax" },
  { id = "put", on = "root", do = "aggregate", method = "arithmetic" },
]

[publish]
pages = ["place"]
"""


def profile(folder: Path, rows: list[str], code: str) -> str:
    folder.mkdir()
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    (folder / "figures.csv").write_text("code,name,one,two\n" + "\n".join(rows) + "\n", encoding="utf-8")
    run(folder)
    workspace = Workspace(folder)
    page = publish_site(workspace, read_study(folder), workspace.site, built=datetime.date(2025, 6, 1))
    text = (page.parent / "place" / "place" / f"{code}.html").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def test_places_that_tie_are_not_said_to_have_more_need_than_each_other(tmp_path: Path) -> None:
    rows = [f"P{i:02},Place {i},{int(i < 10)},{i}" for i in range(20)]
    said = profile(tmp_path / "a", rows, "P00")
    # Ten of twenty tie at the top, so ten of twenty have less need.
    assert "One: more need than in 5 of 10 places" in said
    assert "9 of 10" not in said.split("Where it stands")[0].replace(
        "Two: less need than in 9 of 10 places", ""
    )


def test_few_places_are_told_by_rank(tmp_path: Path) -> None:
    rows = [f"P{i},Place {i},{i},{10 * i}" for i in range(4)]
    said = profile(tmp_path / "a", rows, "P3")
    assert "of 10 places" not in said
    assert "One: 1st of 4 places" in said


@pytest.mark.parametrize("rows", [[f"P{i:02},Place {i},{i},{i}" for i in range(12)]])
def test_a_place_without_figures_is_not_said_to_be_without_need(tmp_path: Path, rows: list[str]) -> None:
    said = profile(tmp_path / "a", [*rows, "P99,Place 99,,"], "P99")
    assert "No figure of this place is known here" in said
    assert "None of the parts that are measured" not in said
    assert "Nothing that is measured" not in said


def test_mean_contributions_are_of_areas_that_have_all_parts() -> None:
    points = {"a": np.array([1.0, 2.0, np.nan]), "b": np.array([3.0, 4.0, 8.0])}
    # The third area lacks a part, so its other part is left out too: the means add up to the mean of the sums.
    assert _means(points, {"a": "r", "b": "r"}) == {"a": 1.5, "b": 3.5}
