"""Evidence from a study's file to its tables and its page; findings are read again when their file changes."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from wardmote.errors import InputError
from wardmote.pipeline import run, status
from wardmote.publish.plots import Line, forest, funnel
from wardmote.workspace import Workspace

STUDY = """
[study]
id = "evidence"
title = "Evidence"

[synthesis.works]
title = "What works here"
library = ""
files = ["mine.csv"]
"""
HEADER = "study_id,strategy,outcome,design,effect_metric,effect,se,direction_better,result\n"


def write(folder: Path, effects: list[float]) -> None:
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    rows = [
        f"made{2000 + i},places_spaces,belonging,RCT,SMD,{one},0.1,yes,benefit\n"
        for i, one in enumerate(effects)
    ]
    (folder / "mine.csv").write_text(HEADER + "".join(rows), encoding="utf-8")


def test_run_again_when_a_finding_changes(tmp_path: Path) -> None:
    write(tmp_path, [0.2, 0.3, 0.4])
    first = run(tmp_path)
    assert any("more belonging where it was done" in one for one in first.findings)
    tables = Workspace(tmp_path)
    assert len(tables.read_parts("syntheses", tables.parts("syntheses"))) == 2  # random and fixed
    assert not run(tmp_path).done
    write(tmp_path, [-0.2, -0.3, -0.4])
    assert "stale" in {one.state for one in status(tmp_path).tasks if one.task == "synthesis.works"}
    again = run(tmp_path)
    assert any("less belonging where it was done" in one for one in again.findings)


def test_a_bad_file_stops_the_run_and_leaves_what_was(tmp_path: Path) -> None:
    write(tmp_path, [0.2, 0.3, 0.4])
    run(tmp_path)
    tables = Workspace(tmp_path)
    before = tables.read_parts("gap_map", tables.parts("gap_map"))
    (tmp_path / "mine.csv").write_text(
        HEADER + "a,magic,belonging,RCT,SMD,0.1,0.1,yes,benefit\n", encoding="utf-8"
    )
    with pytest.raises(InputError, match=r"mine\.csv, row 2, strategy"):
        run(tmp_path)
    after = Workspace(tmp_path)
    assert before.equals(after.read_parts("gap_map", after.parts("gap_map")))


def test_plots_say_in_words_what_they_draw() -> None:
    lines = [Line("one <study>", 0.2, 0.1, 0.3), Line("All together", -0.1, -0.3, 0.1, pooled=True)]
    drawn = str(forest("a", "Places", lines, (-0.5, 0.4)))
    tree = ElementTree.fromstring(drawn)
    assert "one <study> 0.20 (0.10 to 0.30); All together −0.10 (−0.30 to 0.10)" in "".join(tree.itertext())
    assert len(re.findall("strip-band", drawn)) == 1
    rng = np.random.default_rng(1)
    dots = [(float(rng.normal(0.2, e)), float(e)) for e in rng.uniform(0.05, 0.3, 12)]
    tree = ElementTree.fromstring(str(funnel("b", "Places", dots, 0.2)))
    assert "12 findings around 0.20" in "".join(tree.itertext())
    places = [
        (float(c.get("cx", "0")), float(c.get("cy", "0"))) for c in tree.iter() if c.tag.endswith("circle")
    ]
    assert len(places) == 12
    assert all(0 <= x <= 640 and 0 <= y <= 260 for x, y in places)
