"""Conversions in a study: one carries what another carried, nothing is left to do, and a lookup that is missing is named."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from wardmote.errors import InputError
from wardmote.pipeline import run

STUDY = """
[study]
id = "chain"
title = "A chain"
levels = ["lsoa21", "msoa21", "lad24"]

[sources.places]
file = "places.csv"
kind = "areas"
level = "lsoa21"
area = "code"
population = "people"

[sources.lookup]
file = "places.csv"
kind = "memberships"
level = "lsoa21"
area = "code"
parents = { msoa21 = "msoa", lad24 = "lad" }

[sources.figures]
file = "places.csv"
level = "lsoa21"
area = "code"
period = "2021"
columns = { score = { indicator = "score", title = "A score", direction = 1 } }

[areas]
within = [["lsoa21", "msoa21", "lad24"]]

[conversion.first]
indicators = ["score"]
from = "lsoa21"
to = "msoa21"
by = "nested"
measure = "mean"
suffix = "-msoa"

[conversion.then]
indicators = ["score-msoa"]
from = "msoa21"
to = "lad24"
by = "nested"
measure = "mean"
"""

PLACES = """code,people,msoa,lad,score
E01000001,100,E02000001,E08000001,10
E01000002,300,E02000001,E08000001,20
E01000003,100,E02000002,E08000001,5
"""


def test_a_conversion_carries_what_another_carried(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "places.csv").write_text(PLACES, encoding="utf-8")
    first = run(tmp_path)
    assert [task.task for task in first.done][-2:] == ["conversion.first", "conversion.then"]
    carried = pd.read_parquet(tmp_path / "out" / "tables" / "values.conversion.then.parquet")
    # Means of means with the people as weight are the mean of all: (100·10 + 300·20 + 100·5) / 500.
    assert carried["value"].tolist() == [pytest.approx(15.0, abs=1e-12)]
    assert run(tmp_path).done == ()


def test_a_missing_lookup_is_named_and_earlier_tables_stay(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "places.csv").write_text(PLACES, encoding="utf-8")
    run(tmp_path)
    kept = (tmp_path / "out" / "tables" / "values.conversion.then.parquet").read_bytes()
    wrong = STUDY.replace('to = "lad24"', 'to = "rgn24"')
    (tmp_path / "study.toml").write_text(wrong, encoding="utf-8")
    with pytest.raises(InputError, match="no lookup from msoa21 to rgn24, and nothing converts by itself"):
        run(tmp_path)
    assert (tmp_path / "out" / "tables" / "values.conversion.then.parquet").read_bytes() == kept
