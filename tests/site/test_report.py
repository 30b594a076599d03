"""The PDF reports: tags for reading aids, what files bear about themselves, two pages, and the words of the site."""

from __future__ import annotations

import datetime
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from wardmote.errors import MissingError
from wardmote.publish import publish_report
from wardmote.publish.strings import PLACE
from wardmote.study import Study
from wardmote.tables import TABLES
from wardmote.workspace import Workspace

pytest.importorskip("typst", reason="typst is not installed (part of the extra report)")
pypdf = pytest.importorskip("pypdf")

DAY = datetime.date(2025, 6, 1)

PLACES = ("T01000004", "T03000001", "T04000001")
"""One place of each level."""


@pytest.fixture(scope="module")
def reports(workspace: Workspace, study: Study, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("report")
    return {place: publish_report(workspace, study, out, place=place, built=DAY) for place in ("", *PLACES)}


@pytest.fixture(scope="module")
def frames(workspace: Workspace) -> dict[str, pd.DataFrame]:
    return {name: workspace.read(name) for name in TABLES if not TABLES[name].sensitive}


def said_in(report: Path) -> str:
    """Return the words of a report in one line."""
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(report).pages)
    return re.sub(r"\s+", " ", text)


def elements(report: Path) -> Iterator[Any]:
    """Yield the elements of the tag tree in the order in which they are read."""

    def below(kid: Any) -> Iterator[Any]:
        kid = kid.get_object()
        if isinstance(kid, list):
            for one in kid:
                yield from below(one)
        elif isinstance(kid, dict) and "/S" in kid:
            yield kid
            if "/K" in kid and not isinstance(kid["/K"], int):
                yield from below(kid["/K"])

    yield from below(pypdf.PdfReader(report).trailer["/Root"]["/StructTreeRoot"]["/K"])


def scope(cell: Any) -> str:
    return "".join(str(one.get("/Scope", "")) for one in cell.get("/A", []))


@pytest.mark.parametrize("place", ["", *PLACES])
def test_each_row_of_a_table_has_a_head_and_each_head_says_what_it_heads(
    reports: dict[str, Path], place: str
) -> None:
    found = list(elements(reports[place]))
    rows = [one for one in found if one["/S"] == "/TR"]
    assert rows
    for row in rows:
        cells = [one.get_object() for one in row["/K"]]
        if row["/P"]["/S"] == "/THead":
            assert {(cell["/S"], scope(cell)) for cell in cells} == {("/TH", "/Column")}
        else:
            assert [cell["/S"] for cell in cells] == ["/TH", *["/TD"] * (len(cells) - 1)]
            assert scope(cells[0]) == "/Row"
            # Where a cell named its heads, reading aids would leave the row's out.
            assert not any("/Headers" in one for cell in cells for one in cell.get("/A", []))


@pytest.mark.parametrize("place", ["", *PLACES])
def test_a_report_tells_title_language_publisher_and_standard(
    reports: dict[str, Path], study: Study, place: str
) -> None:
    reader = pypdf.PdfReader(reports[place], strict=True)
    root = reader.trailer["/Root"]
    assert reader.metadata.title
    assert reader.metadata.author == study.publish.publisher
    assert study.publish.contact not in str(reader.metadata)
    assert root["/Lang"] == "en-GB"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()
    kinds = [one["/S"] for one in elements(reports[place])]
    # Bookmarks are the headings in their order.
    heads = [kind for kind in kinds if re.fullmatch(r"/H\d", kind)]

    def levels(items: Any, depth: int = 1) -> Iterator[str]:
        for item in items:
            if isinstance(item, list):
                yield from levels(item, depth + 1)
            else:
                yield f"/H{depth}"

    assert list(levels(reader.outline)) == heads
    assert heads[0] == "/H1"


def test_the_report_tells_each_round_with_its_rules_and_who_is_funded(
    reports: dict[str, Path], workspace: Workspace, study: Study
) -> None:
    told = said_in(reports[""])
    assert "Funding round: Gathering Places Fund" in told
    assert study.round["gatherings"].description in told
    decisions, areas = workspace.read("decisions"), workspace.read("areas")
    stated = decisions[(decisions["rules"] == "stated") & decisions["funded"].fillna(False)]
    names = areas.set_index(["level", "area"])["name"]
    assert len(stated) == 24
    assert all(names[row.level, row.area] in told for row in stated.itertuples())


def test_nobody_is_made_the_author(workspace: Workspace, study: Study, tmp_path: Path) -> None:
    nobody = study.model_copy(update={"publish": study.publish.model_copy(update={"publisher": ""})})
    report = publish_report(workspace, nobody, tmp_path, built=DAY)
    assert pypdf.PdfReader(report).metadata.author is None


def test_a_title_is_not_taken_for_a_part_of_the_file(
    workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    title = "trailer << /Type/Pages/Count 9 >> startxref 1 %%EOF"
    odd = study.model_copy(update={"publish": study.publish.model_copy(update={"title": title})})
    report = publish_report(workspace, odd, tmp_path, built=DAY)
    assert pypdf.PdfReader(report, strict=True).metadata.title == title
    assert any(scope(one) == "/Row" for one in elements(report) if one["/S"] == "/TH")


@pytest.mark.parametrize("place", PLACES)
def test_a_profile_says_first_what_its_page_says_first(
    reports: dict[str, Path], page: Path, place: str
) -> None:
    assert len(pypdf.PdfReader(reports[place]).pages) <= 2
    told = said_in(reports[place])
    text = next((page.parent / "place").glob(f"*/{place}.html")).read_text(encoding="utf-8")
    glance = re.findall(
        r'<dt>(.*?)</dt><dd><a href="[^"]*">(.*?)</a>(?: <span class="word">(.*?)</span>)?', text
    )
    assert len(glance) == 4
    for tile in glance:
        assert " ".join(html.unescape(part) for part in tile if part) in told


def test_a_long_profile_is_set_smaller_until_it_fits(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    """A country's study has twenty sources with long titles; half the profiles of England took three pages."""
    sources = pd.concat([frames["sources"]] * 3, ignore_index=True)
    sources["source"] = [f"s{i}" for i in range(len(sources))]
    sources["title"] = sources["title"] + " in many words"
    report = publish_report({**frames, "sources": sources}, study, tmp_path, place="T01000004", built=DAY)
    assert len(pypdf.PdfReader(report).pages) == 2
    assert all(title in said_in(report) for title in sources["title"])


def test_a_place_without_figures_is_told_so_in_the_words_of_the_site(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    known = {name: frame[frame["area"] != "T01000004"] for name, frame in frames.items() if "area" in frame}
    kept = {"areas": frames["areas"], "memberships": frames["memberships"]}
    told = said_in(publish_report({**frames, **known, **kept}, study, tmp_path, place="T01000004", built=DAY))
    assert told.count(PLACE["unknown"]) == 2
    assert PLACE["strong_none"] not in told
    assert PLACE["need_none"] not in told
    assert PLACE["standing"] not in told


def test_a_code_of_several_levels_is_asked_back_and_found_with_its_level(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    def renamed(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.copy()
        for level, area in (("level", "area"), ("parent_level", "parent")):
            if {level, area} <= set(frame.columns):
                frame.loc[(frame[level] == "borough25") & (frame[area] == "T03000001"), area] = "T01000004"
        return frame

    shared = {name: renamed(frame) for name, frame in frames.items()}
    with pytest.raises(MissingError) as asked:
        publish_report(shared, study, tmp_path, place="T01000004", built=DAY)
    (problem,) = asked.value.problems
    assert "2 levels" in problem.what
    assert "patch25/T01000004 (neighbourhood)" in problem.expected
    assert "borough25/T01000004 (authority)" in problem.expected
    small = publish_report(shared, study, tmp_path, place="patch25/T01000004", built=DAY)
    large = publish_report(shared, study, tmp_path, place="borough25/T01000004", built=DAY)
    assert small != large
    assert "Foskgate D" in said_in(small)
    assert "Copperlow (T01000004)" in said_in(large)


def test_a_place_of_a_level_without_results_is_told_from_one_that_nobody_knows(
    workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    with pytest.raises(MissingError, match="nothing was worked out for quarters"):
        publish_report(workspace, study, tmp_path, place="T02000001", built=DAY)
    with pytest.raises(MissingError, match="no place of this study has that code"):
        publish_report(workspace, study, tmp_path, place="borough25/T01000004", built=DAY)
