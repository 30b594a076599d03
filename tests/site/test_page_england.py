"""The page and the data package of the England example, from the real files."""

from __future__ import annotations

import datetime
import re
import shutil
from pathlib import Path

import pyarrow.csv as pc
import pytest
from page_outline import Outline

from wardmote.pipeline import run
from wardmote.publish import publish_data, publish_site
from wardmote.study import read_study
from wardmote.workspace import Workspace

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "england"
DAY = datetime.date(2025, 12, 1)


@pytest.fixture(scope="module")
def workspace(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("england") / "study"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("out"))
    run(folder, mirror=mirror)
    return Workspace(folder)


@pytest.mark.mirror
@pytest.mark.long  # a national build
def test_englands_page_names_all_1262_on_a_page_that_a_phone_can_load(workspace: Workspace) -> None:
    study = read_study(workspace.folder)
    # The first page alone: the whole atlas of England is built by bench/atlas_site.py.
    first = study.model_copy(update={"publish": study.publish.model_copy(update={"pages": ["start"]})})
    page = publish_site(workspace, first, workspace.site, built=DAY)
    html = page.read_text(encoding="utf-8")
    outline = Outline(html)
    headline = next(e for e in outline.elements if e.attributes.get("class") == "headline").all_text()
    # 1,262 is the count of neighbourhoods flagged in the file of the CNI's package (notes of the field, §1.2).
    assert headline.startswith("1,262 of 33,755 neighbourhoods (LSOAs) are doubly disadvantaged")
    places = next(e for e in outline.find("section") if e.attributes.get("id") == "places").all_text()
    assert len(set(re.findall(r"E01\d{6}", places))) == 1262
    # Two maps of 296 authorities: of the index, and of the round.
    assert len([e for e in outline.drawn() if e.attributes["class"] == "area plain"]) == 2 * 296
    # What a phone on a line of 1.6 Mbit/s loads in under four seconds, before compression; it reads from the top meanwhile.
    assert page.stat().st_size < 700_000


@pytest.mark.mirror
@pytest.mark.long  # a national build
def test_englands_package_gives_no_figure_of_the_community_needs_index_back(workspace: Workspace) -> None:
    """The CNI belongs to OCSI and Local Trust: what was computed from it may be shown, its own rows may not."""
    out = publish_data(workspace, read_study(workspace.folder), workspace.data_package, built=DAY)
    nodes = workspace.read("nodes")
    leaves = set(nodes[nodes["source"] == "cni"]["node"])
    assert leaves
    scores = pc.read_csv(out / "scores.csv").to_pandas()
    assert not set(scores[scores["index"] == "cni23"]["node"]) & leaves
    assert {"imd25", "cni23"} == set(scores["index"])
    indicators = set(workspace.read("indicators").query("source == 'cni'")["indicator"])
    assert not indicators & set(pc.read_csv(out / "values.csv")["indicator"].to_pylist())
    readme = (out / "README.txt").read_text(encoding="utf-8")
    assert "Forbidden by: cni." in readme
