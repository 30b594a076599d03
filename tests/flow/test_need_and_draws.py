"""How need and draws go together: need alone draws nothing, and follows draws that change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wardmote.need import find_need
from wardmote.pipeline import run, status
from wardmote.study import read_study
from wardmote.tasks import need_spares
from wardmote.toy import write_county
from wardmote.workspace import Workspace

SECTION = """
[uncertainty.main]
index = ["deprivation", "community"]
draws = 16
factors = [
  { path = "weights.children of root", spread = 0.25 },
  { path = "values.low-income", error = "binomial" },
]

"""


@pytest.fixture
def county(tmp_path: Path) -> Path:
    """The invented county with one small section of uncertainty and nothing after need."""
    write_county(tmp_path / "study")
    file = tmp_path / "study" / "study.toml"
    sections = re.split(r"(?m)^(?=\[)", file.read_text(encoding="utf-8"))
    late = ("uncertainty", "audit", "round", "programme", "synthesis", "publish")
    kept = "".join(section for section in sections if not section.lstrip("[").startswith(late))
    file.write_text(kept + SECTION, encoding="utf-8")
    return tmp_path / "study"


def states(folder: Path) -> dict[str, str]:
    """Return the state of each task of need and uncertainty."""
    return {t.task: t.state for t in status(folder).tasks if t.task.startswith(("need", "uncertainty"))}


def ran(folder: Path) -> list[str]:
    """Return the tasks that a whole run does."""
    return [task.task for task in run(folder).done]


def test_need_draws_nothing_and_follows_draws_that_change(county: Path) -> None:
    first = [task.task for task in run(county, ["need"]).done]
    need = [name for name in first if name.startswith("need")]
    assert need
    assert not any(name.startswith("uncertainty") for name in first)
    # A whole run would draw, and need would then say how sure it is.
    assert states(county) == {"uncertainty.main": "new", **dict.fromkeys(need, "waiting")}
    assert Workspace(county).read("need")["p_doubly_disadvantaged"].isna().all()

    assert [task.task for task in run(county, ["uncertainty"]).done] == ["uncertainty.main"]
    assert states(county) == {"uncertainty.main": "current", **dict.fromkeys(need, "stale")}
    assert [name for name in ran(county) if name.startswith(("need", "uncertainty"))] == need
    drawn = Workspace(county).read("need")["p_doubly_disadvantaged"]
    assert drawn.notna().all()

    _need_reads_no_more_of_the_draws_than_it_looks_at(county)

    # Other settings of the draws: need waits for them, and need alone leaves what the last draws said.
    file = county / "study.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("draws = 16", "draws = 24"), encoding="utf-8")
    assert states(county) == {"uncertainty.main": "stale", **dict.fromkeys(need, "waiting")}
    assert run(county, ["need"]).done == ()
    assert Workspace(county).read("need")["p_doubly_disadvantaged"].equals(drawn)
    assert ran(county) == ["uncertainty.main", *need]
    assert set(states(county).values()) == {"current"}
    assert ran(county) == []


def _need_reads_no_more_of_the_draws_than_it_looks_at(county: Path) -> None:
    """Kept ranks, most of the table, are read where need's share is another than that of the draws; either way nothing is lost."""
    study, tables = read_study(county), Workspace(county)
    spared = {name: need_spares(study, name, tables.ledger) for name in study.need}
    assert spared == {"double": {"draws": ("ranks",)}, "wider": {}}
    given = [tables.read(name) for name in ("areas", "scores", "summaries", "draws")]
    there = tables.read("need")
    for name, spec in study.need.items():
        whole = find_need(*given, spec=spec, definition=name).need
        column = "p_doubly_disadvantaged"
        assert there.loc[there["definition"] == name, column].tolist() == whole[column].tolist()
        assert whole[column].nunique() > 2
    parts = tables.parts("draws")
    read = tables.read_parts("draws", parts, without=spared["double"]["draws"])
    assert list(read.columns) == [name for name in given[-1].columns if name != "ranks"]
    assert "ranks" not in tables.read_parts("draws", (), without=["ranks"])
