"""Uncertainty in the flow of the invented county: run, left out, explained, and refused with the line of the study."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wardmote.errors import StudyError
from wardmote.explain import explain_area
from wardmote.pipeline import run
from wardmote.toy import write_county
from wardmote.workspace import Workspace

SECTION = """
[uncertainty.main]
index = ["deprivation", "community"]
draws = 40
sensitivity = 8
factors = [
  { path = "weights.children of root", title = "weights of domains", spread = 0.25 },
  { path = "steps.even-out.method", choices = ["rank-normal", "zscore"] },
  { path = "leave_out.children of root", p = 0.25 },
  { path = "values.low-income", error = "binomial" },
]
"""


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("county") / "study"
    write_county(folder)
    study = folder / "study.toml"
    text = study.read_text(encoding="utf-8")
    study.write_text(re.sub(r"(?s)\[uncertainty\.main\].*?\n\]\n", SECTION, text), encoding="utf-8")
    return folder


def test_run_without_then_with_then_explained(county: Path) -> None:
    without = run(county, ["need"])
    assert not any(task.task.startswith("uncertainty") for task in without.done)
    assert not any("in the same worlds of both indices" in text for text in without.findings)
    told: list[tuple[int, int | None]] = []

    def progress(task: str, done: int, total: int | None) -> None:
        if task.startswith("uncertainty"):
            told.append((done, total))

    whole = run(county, progress=progress)
    done = [task.task for task in whole.done]
    assert next(name for name in done if name.startswith(("uncertainty", "need"))).startswith("uncertainty")
    assert any("in the same worlds of both indices" in text for text in whole.findings)
    assert told
    assert told[-1][0] == told[-1][1]
    assert run(county).done == ()
    tables = Workspace(county)
    need = tables.read("need")
    assert need["p_doubly_disadvantaged"].notna().all()
    assert need["p_doubly_disadvantaged"].between(0, 1).all()
    area = str(need[need["doubly_disadvantaged"]]["area"].iloc[0])
    sure = next(
        index.how_sure for index in explain_area(county, area)[0].indices if index.index == "deprivation"
    )
    assert "in 90% of" in sure[0]
    assert any("tested choices" in text for text in sure)
    assert any("what moves this rank most is" in text.lower() for text in sure)


def test_a_factor_that_names_nothing_is_refused_before_anything_runs(county: Path, tmp_path: Path) -> None:
    write_county(tmp_path / "study")
    study = tmp_path / "study" / "study.toml"
    text = study.read_text(encoding="utf-8").split("[uncertainty.")[0]
    study.write_text(text + SECTION.replace("values.low-income", "values.low-incomes"), encoding="utf-8")
    with pytest.raises(StudyError, match=r"values\.low-incomes.*no index of the section has this"):
        run(tmp_path / "study")
    assert not (tmp_path / "study" / "out" / "tables").exists()
