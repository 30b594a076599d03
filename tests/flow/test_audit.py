"""The audit in the whole flow: on the invented county it finds the domain that was planted to run against deprivation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wardmote.errors import StudyError
from wardmote.pipeline import run
from wardmote.study import parse_study
from wardmote.toy import SEED, make_county, write_county
from wardmote.workspace import Workspace

AUDIT = """
[audit.community]
index = "community"
against = ["deprivation"]
"""

DOUBT = """
[uncertainty.community]
index = "community"
draws = 40
sensitivity = 32
factors = [
  { path = "weights.children of community", spread = 0.25 },
  { path = "leave_out.children of community", p = 0.5 },
]
"""


def test_the_planted_domain_is_found(tmp_path: Path) -> None:
    write_county(tmp_path, SEED)
    study = tmp_path / "study.toml"
    # Without the county's own draws, so that their absence is told first.
    text = re.sub(r"(?s)\[uncertainty\.main\].*?\n\]\n", "", study.read_text(encoding="utf-8"))
    study.write_text(text + AUDIT, encoding="utf-8")
    report = run(tmp_path)
    against = make_county(SEED).truths.against
    workspace = Workspace(tmp_path)
    lines = workspace.read("audit")
    links = lines[(lines["test"] == "link to another measure") & (lines["result"] == "flagged")]
    assert links["item"].tolist() == [f"{against} × deprivation"]
    assert any("runs against" in text for text in report.findings)
    idle = lines[lines["test"].isin(["driver of ranks", "intervals of ranks"])]
    assert set(idle["result"]) == {"not applicable"}
    assert run(tmp_path).done == ()

    study.write_text(study.read_text(encoding="utf-8") + DOUBT, encoding="utf-8")
    again = run(tmp_path, ["audit"])
    assert [task.task for task in again.done] == ["uncertainty.community", "audit.community"]
    lines = workspace.read("audit")
    drivers = lines[lines["test"] == "driver of ranks"]
    assert len(drivers) == 2
    assert set(drivers["result"]) <= {"passed", "flagged"}


def test_bad_audits_are_refused_before_any_work_all_together() -> None:
    text = """
[study]
id = "t"
title = "t"
[index.one]
[audit.a]
index = "one"
against = ["one"]
[audit.b]
index = "one"
[audit.c]
index = "none"
"""
    with pytest.raises(StudyError) as refused:
        parse_study(text)
    whats = [problem.what for problem in refused.value.problems]
    assert sum("looks at this index already" in what for what in whats) == 1
    assert sum("against itself" in what for what in whats) == 1
    assert sum("no such index" in what for what in whats) == 1
    with pytest.raises(StudyError, match="unknown key"):
        parse_study(
            '[study]\nid = "t"\ntitle = "t"\n[index.one]\n[audit.a]\nindex = "one"\nlimits = { wide = 0.1, x = 1 }\n'
        )
