"""A file of supported areas is part of what a run depends on, like a list of a funding round."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wardmote.errors import StudyError
from wardmote.lineage import stamp
from wardmote.pipeline import is_complete
from wardmote.runner import Runner
from wardmote.study import read_study
from wardmote.toy import write_county
from wardmote.workspace import Workspace


def county_with_a_file(folder: Path) -> list[str]:
    """Write the invented county with one cohort in a file, and return its codes."""
    write_county(folder)
    file = folder / "study.toml"
    before, mark, cohort = file.read_text(encoding="utf-8").partition('start = "2018"')
    changed, times = re.subn(r"(?s)areas = \[.*?\]", 'file = "hubs.csv"\ncolumn = "code"', cohort, count=1)
    assert times == 1
    file.write_text(before + mark + changed, encoding="utf-8")
    areas = re.findall(r"T0\d+", cohort.partition("]")[0])
    (folder / "hubs.csv").write_text("\n".join(["code", *areas]), encoding="utf-8")
    return areas


def test_a_list_that_is_no_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    county_with_a_file(tmp_path)
    (tmp_path / "hubs.csv").write_bytes("code,name\nT01000023,Café\n".encode("latin-1"))
    with pytest.raises(
        StudyError, match=r"(?s)study\.toml line \d+.*not UTF-8 text.*hubs\.csv.*Save it as CSV"
    ):
        read_study(tmp_path)


def test_a_cohorts_file_that_changed_leaves_no_run_complete(tmp_path: Path) -> None:
    areas = county_with_a_file(tmp_path)
    file = tmp_path / "study.toml"
    study, workspace = read_study(tmp_path), Workspace(tmp_path)
    assert study.programme["hubs"].cohorts[0].areas == areas

    # A complete run notes what it depends on; nothing need be calculated to see that this file is part of it.
    runner = Runner(workspace, study, ())
    with workspace.lock():
        workspace.set_complete({**stamp(file), "watched": runner.watched}, [])
    assert is_complete(workspace)
    (tmp_path / "hubs.csv").write_text("\n".join(["code", *areas[1:]]), encoding="utf-8")
    assert not is_complete(Workspace(tmp_path))
