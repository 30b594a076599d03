"""The example of England from the official files: the whole flow, then nothing left to do, then one weight changed."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from wardmote.pipeline import run, status

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "england"


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
