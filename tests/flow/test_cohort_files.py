"""A file of supported areas is part of what a run depends on, like a list of a funding round."""

from __future__ import annotations

import re
from pathlib import Path

from wardmote.lineage import stamp
from wardmote.pipeline import is_complete
from wardmote.runner import Runner
from wardmote.study import read_study
from wardmote.toy import write_county
from wardmote.workspace import Workspace


def test_a_cohorts_file_that_changed_leaves_no_run_complete(tmp_path: Path) -> None:
    write_county(tmp_path)
    file = tmp_path / "study.toml"
    before, mark, cohort = file.read_text(encoding="utf-8").partition('start = "2018"')
    codes, others = re.subn(r"(?s)areas = \[.*?\]", 'file = "hubs.csv"\ncolumn = "code"', cohort, count=1)
    assert others == 1
    file.write_text(before + mark + codes, encoding="utf-8")
    areas = re.findall(r"T0\d+", cohort.partition("]")[0])
    (tmp_path / "hubs.csv").write_text("\n".join(["code", *areas]), encoding="utf-8")
    study, workspace = read_study(tmp_path), Workspace(tmp_path)
    assert study.programme["hubs"].cohorts[0].areas == areas

    # A complete run notes what it depends on; nothing need be calculated to see that this file is part of it.
    runner = Runner(workspace, study, ())
    with workspace.lock():
        workspace.set_complete({**stamp(file), "watched": runner.watched}, [])
    assert is_complete(workspace)
    (tmp_path / "hubs.csv").write_text("\n".join(["code", *areas[1:]]), encoding="utf-8")
    assert not is_complete(Workspace(tmp_path))
