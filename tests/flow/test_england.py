"""The example of England from the official files: the whole flow, then nothing left to do, then one weight changed."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from wardmote.pipeline import run, status
from wardmote.workspace import Workspace

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "england"


FIVE = {"average score", "average rank", "proportion", "extent", "local concentration"}
"""Summaries of authorities that the publisher of the indices gives."""


def _every_area_has_its_share(folder: Path, findings: tuple[str, ...]) -> None:
    """Each LSOA and MSOA has its share of draws by component, and the 1,262 are told by how sure they are."""
    tables = Workspace(folder)
    ranks = tables.read("ranks", columns=["index", "component", "coverage", "p_greatest_need"])
    sizes = ranks.groupby(["index", "component", "coverage"], observed=True)["p_greatest_need"].count()
    # The Community Needs Index publishes no counts: sampling is said of deprivation alone.
    assert set(sizes.index.droplevel("coverage")) == {
        ("imd25", "both"), ("imd25", "method"), ("imd25", "sampling"), ("cni23", "both"), ("cni23", "method"),
    }  # fmt: skip
    assert len(sizes) == 5 * 3
    assert (sizes == 33_755).all()
    larger = tables.read("summary_ranks")
    for level, areas, measures in (
        ("msoa21", 6_856, {"average score"}),
        ("lad24", 296, FIVE),
        ("rgn24", 9, FIVE),
    ):
        rows = larger[
            (larger["level"] == level) & (larger["component"] == "both") & (larger["coverage"] == 0.9)
        ]
        shares = rows.groupby(["index", "measure"])["p_greatest_need"].count()
        assert set(shares.index.get_level_values("measure")) == measures, level
        assert (shares == areas).all(), level
    need = tables.read("need")
    for column in ("p_doubly_disadvantaged", "p_doubly_sampling", "p_doubly_method"):
        assert need[column].notna().all(), column
    told = next(text for text in findings if text.startswith("Doubly disadvantaged: of 1,262 neighbourhoods"))
    counts = [
        int(one.replace(",", ""))
        for one in re.findall(r"([\d,]+) (?:is|are) (?:firm|likely|a toss-up|in it)", told)
    ]
    assert sum(counts) == 1_262
    lower = "sampling error is not available for 5 of 7 indicators"
    assert any(lower in text and "intervals are lower bounds" in text for text in findings)
    assert any("Income and Employment rests on approximate denominators" in text for text in findings)


@pytest.mark.mirror
def test_england_from_official_files(mirror: Path, tmp_path: Path) -> None:
    """1,262 doubly disadvantaged neighbourhoods: as flagged in the file of the Community Needs Index 2023."""
    study = tmp_path / "study.toml"
    # 20 draws are enough to see the flow; how sure ranks are is tested elsewhere.
    text = (EXAMPLE / "study.toml").read_text(encoding="utf-8").replace("draws = 1000", "draws = 20")
    study.write_text(text, encoding="utf-8")
    first = run(tmp_path, mirror=mirror)
    assert any(
        "1,262 neighbourhoods (LSOAs) of 33,755 are doubly disadvantaged" in text for text in first.findings
    )
    _every_area_has_its_share(tmp_path, first.findings)
    assert run(tmp_path, mirror=mirror).done == ()
    text = study.read_text(encoding="utf-8").replace(
        'recipe = "cni-2023"\n', 'recipe = "cni-2023"\noverrides = { "weights.connectedness" = 2.0 }\n'
    )
    study.write_text(text, encoding="utf-8")
    due = {
        task.task: task.reasons for task in status(tmp_path, mirror=mirror).tasks if task.state != "current"
    }
    assert due.pop("index.cni23") == ("its section of the study changed",)
    after = {
        "uncertainty.main",
        "audit.imd",
        "audit.cni",
        "need.double",
        "need.double-msoa",
        "allocate.hundred",
    }
    assert set(due) == after
    # Draws and audits of all England take half a minute, and that they follow is known by now; what is made again is made here.
    changed = run(tmp_path, ["need"], mirror=mirror)
    assert [task.task for task in changed.done] == ["index.cni23", "need.double", "need.double-msoa"]


@pytest.mark.mirror
def test_england_from_a_notebook(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WARDMOTE_MIRROR", str(mirror))
    runpy.run_path(str(EXAMPLE / "notebook.py"))
    told = capsys.readouterr().out
    assert "1,262 neighbourhoods (LSOAs) of 33,755 are doubly disadvantaged" in told
    # Published with three and two decimals; the second also carries the rounding of the three domain scores it was made from.
    assert "imd25: largest difference from the published score: 0.0005" in told
    assert "cni23: largest difference from the published score: 0.0050" in told
