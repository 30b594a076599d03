"""The first page: what it says agrees with the tables, it asks nobody for anything, and everyone can read it.

The rules of reading are those of WCAG 2.2 at level AA (https://www.w3.org/TR/WCAG22/); each test names its criterion.
"""

from __future__ import annotations

import datetime
import re
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from page_outline import Outline

from wardmote import tables as declared
from wardmote.errors import MissingError, WorkspaceError
from wardmote.publish import FrameTables, publish_site, render_page
from wardmote.publish.atlas import TEMPLATES
from wardmote.study import Study
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)


@pytest.fixture(scope="module")
def outline(html: str) -> Outline:
    return Outline(html)


def frames(workspace: Workspace) -> dict[str, pd.DataFrame]:
    return {name: workspace.read(name) for name in declared.TABLES}


def words_of(outline: Outline, section: str) -> str:
    found = next(e for e in outline.find("section") if e.attributes.get("id") == section)
    return re.sub(r"\s+", " ", found.all_text())


# ---- what it says


def test_the_headline_counts_what_the_need_table_holds(outline: Outline, workspace: Workspace) -> None:
    need = workspace.read("need")
    both = need[(need["definition"] == "double") & need["doubly_disadvantaged"]]
    headline = next(e for e in outline.elements if e.attributes.get("class") == "headline").all_text()
    assert headline.startswith(f"{len(both)} of 360 neighbourhoods are doubly disadvantaged")


def test_every_doubly_disadvantaged_area_is_named_with_its_code_under_its_authority(
    outline: Outline, workspace: Workspace
) -> None:
    need = workspace.read("need")
    both = set(need[(need["definition"] == "double") & need["doubly_disadvantaged"]]["area"])
    links = workspace.read("memberships")
    parent = dict(links[links["parent_level"] == "borough25"][["area", "parent"]].itertuples(index=False))
    names = workspace.read("areas").set_index("area")["name"]
    section = next(e for e in outline.find("section") if e.attributes.get("id") == "places")
    found: dict[str, str] = {}
    for block in (e for e in outline.find("details") if e.parent is section):
        authority = block.children[0].children[0].text
        for item in (e for e in outline.find("li") if e.parent is not None and e.parent.parent is block):
            code = item.children[0].text
            assert item.text.strip() == names[code]
            found[code] = authority
    assert found == {code: names[parent[code]] for code in both}


def test_authorities_and_areas_stand_by_name_not_by_rank(outline: Outline) -> None:
    section = next(e for e in outline.find("section") if e.attributes.get("id") == "places")
    region = ""
    last = ""
    for element in section.children:
        if element.tag == "h3":
            assert element.text > region
            region, last = element.text, ""
        if element.tag == "details":
            name = element.children[0].children[0].text
            assert name > last
            last = name
            items = [child.text for child in element.children[1].children]
            assert items == sorted(items)


def test_the_map_shows_each_area_in_its_kind_and_says_so(outline: Outline, workspace: Workspace) -> None:
    need = workspace.read("need")
    kinds = need[need["definition"] == "double"]["type"].value_counts()
    drawing = next(
        e for e in outline.find("svg") if "map-kinds-title" in e.attributes.get("aria-labelledby", "")
    )
    paths = [e for e in outline.drawn() if e.parent is not None and e.parent.parent is drawing]
    assert len(paths) == 360
    labels = [path.children[0].text for path in paths]
    for kind, count in kinds.items():
        assert sum(label.endswith(f": {kind}") for label in labels) == count


def test_an_outline_that_two_maps_draw_is_loaded_once(outline: Outline) -> None:
    shapes = [
        e.attributes["d"] for e in outline.find("path") if e.attributes.get("id", "").startswith("shape")
    ]
    # The county's 360 neighbourhoods are drawn by kind and by what the round decided.
    assert len(shapes) == len(set(shapes)) == 360
    assert all(e.attributes["d"] not in shapes for e in outline.find("path") if "id" not in e.attributes)
    assert len([e for e in outline.drawn() if e.tag == "use"]) == 2 * 360


def test_the_map_of_authorities_has_its_table(outline: Outline, workspace: Workspace) -> None:
    table = next(
        e for e in outline.find("table") if e.children[0].text.startswith("Extent: Deprivation in Aldmere")
    )
    rows = [[cell.all_text() for cell in row.children] for row in table.children[2].children]
    summaries = workspace.read("summaries")
    summaries = summaries[
        (summaries["index"] == "deprivation")
        & (summaries["node"] == "deprivation")
        & (summaries["measure"] == "extent")
        & (summaries["level"] == "borough25")
    ]
    value = dict(zip(summaries["area"], summaries["value"], strict=True))
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert {row[1] for row in rows} == set(value)
    for _, code, told, *_ in rows:
        # Told to whole per cent above 10%, to a tenth above 1%.
        assert float(told.rstrip("%")) == pytest.approx(
            100 * value[code], abs=0.51 if value[code] >= 0.1 else 0.051
        )


def test_official_and_residents_weights_stand_side_by_side(outline: Outline, workspace: Workspace) -> None:
    told = words_of(outline, "residents")
    assert "640 people answered." in told
    rows = (
        next(e for e in outline.find("table") if "Weights side by side" in e.all_text()).children[2].children
    )
    shown = {row.children[0].text: [cell.text for cell in row.children[1:]] for row in rows}
    # The county's official weights and the points that its residents gave (wardmote.toy).
    assert shown["Income"] == ["35%", "22%", "21% to 23%"]
    assert shown["Homes and streets"] == ["15%", "30%", "29% to 31%"]
    changed = workspace.read("comparisons")
    assert f"{int(changed['enters'].sum())} neighbourhoods enter the greatest-need tenth" in told


def test_gaps_sources_licences_and_contact_are_told(
    outline: Outline, study: Study, workspace: Workspace
) -> None:
    assert "Homes that are hard to heat: 6 missing, 6 filled in of 360 neighbourhoods" in words_of(
        outline, "sure"
    )
    sources = words_of(outline, "sources")
    for row in workspace.read("sources").itertuples():
        assert row.title in sources
        assert row.sha256[:12] in sources
    assert "CC0-1.0: may be published" in sources
    assert study.publish.contact in words_of(outline, "ask")
    assert "1 June 2025" in words_of(outline, "ask")


def test_numbers_say_that_no_interval_is_available(workspace: Workspace, study: Study) -> None:
    # The county as it is before its uncertainty has been worked out.
    drawn = ("ranks", "summary_ranks", "draws", "rank_shares", "sensitivity", "factors")
    without = {name: table for name, table in frames(workspace).items() if name not in drawn}
    need = without["need"].copy()
    need["p_doubly_disadvantaged"] = pd.array([None] * len(need), dtype=need["p_doubly_disadvantaged"].dtype)
    told = without["findings"]
    told = told[(told["stage"] != "uncertainty") & ~told["sentence"].str.contains("in the same worlds")]
    plain = study.model_copy(update={"uncertainty": {}})
    outline = Outline(render_page(FrameTables({**without, "need": need, "findings": told}), plain, built=DAY))
    assert "No interval is available yet" in words_of(outline, "found")
    assert all(
        "No interval is available yet" in e.all_text()
        for e in outline.find("figcaption")
        if e.above("figure") and "Key" in e.all_text()
    )
    assert "no count and no rank carries an interval" in words_of(outline, "sure")


def test_the_page_never_says_worst_nor_cause(html: str) -> None:
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL).lower()
    for word in ("worst", " causes ", "league", "left behind", " nan", "none of none", "<na>"):
        assert word not in text, word


def test_the_same_study_gives_the_same_page(
    workspace: Workspace, study: Study, html: str, tmp_path: Path
) -> None:
    first = publish_site(workspace, study, tmp_path / "again", built=DAY)
    again = first.parent / "full" / "index.html"
    assert again.read_text(encoding="utf-8") == html
    assert first.read_bytes() == (workspace.site / "index.html").read_bytes()
    alone = render_page(workspace, study, built=DAY)
    # The page alone lacks nothing but the links to the pages around it.
    assert re.sub(r'<nav aria-label="Pages" class="doors">.*?</nav>\n', "", html, flags=re.DOTALL) == alone


# ---- what it must not do


def test_the_page_asks_nobody_for_anything(html: str, outline: Outline) -> None:
    assert not outline.find("script")
    assert not outline.find("link")
    assert not outline.find("img")
    assert not outline.find("iframe")
    assert not outline.find("form")
    for element in outline.elements:
        assert not {
            name
            for name in element.attributes
            if name in ("src", "srcset", "data", "action", "style") or name.startswith("on")
        }
        href = element.attributes.get("href", "#")
        assert href.startswith("#") or element.tag == "a"
    style = outline.find("style")[0].text
    assert "@import" not in style
    assert set(re.findall(r"url\(([^)]*)\)", style)) <= {"#hatch", "#speckle"}
    policy = next(e for e in outline.find("meta") if e.attributes.get("http-equiv"))
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy.attributes["content"]


EVIL = "<script>alert('x')</script>\"'&<b>"


def test_whatever_a_file_or_study_says_is_printed_as_text(workspace: Workspace, study: Study) -> None:
    data = frames(workspace)
    for table, column in (("areas", "name"), ("sources", "title"), ("sources", "address"), ("nodes", "title"),
                          ("findings", "sentence"), ("mendings", "sentence")):  # fmt: skip
        changed = data[table].copy()
        changed[column] = (
            changed[column].astype("object").map(lambda old: f"{EVIL}{old}").astype(data[table][column].dtype)
        )
        data[table] = changed
    publish = study.publish.model_copy(update={"title": EVIL, "contact": EVIL})
    section = study.study.model_copy(update={"title": EVIL, "description": EVIL})
    need = {id_: spec.model_copy(update={"title": EVIL}) for id_, spec in study.need.items()}
    index = {
        id_: spec.model_copy(update={"title": EVIL, "description": EVIL, "reference": EVIL})
        for id_, spec in study.index.items()
    }
    evil = study.model_copy(update={"publish": publish, "study": section, "need": need, "index": index})
    html = render_page(FrameTables(data), evil, built=DAY)
    outline = Outline(html)
    assert not outline.find("script")
    assert not outline.find("b")
    assert "alert('x')" in outline.find("h1")[0].text


def test_an_address_that_is_not_of_the_web_becomes_no_link(workspace: Workspace, study: Study) -> None:
    data = frames(workspace)
    sources = data["sources"].copy()
    sources["address"] = [
        "javascript:alert(1)",
        *["https://statistics.example/file.csv"] * (len(sources) - 1),
    ]
    data["sources"] = declared.check("sources", sources)
    outline = Outline(render_page(FrameTables(data), study, built=DAY))
    links = {e.attributes["href"] for e in outline.find("a")} - {
        f"#{e.attributes.get('id')}" for e in outline.elements
    }
    assert links == {"https://statistics.example/file.csv"}


# ---- who can read it


def test_landmarks_headings_and_language(outline: Outline) -> None:
    """WCAG 1.3.1, 2.4.1, 2.4.2, 3.1.1: structure that reading aids can follow."""
    assert outline.find("html")[0].attributes["lang"] == "en-GB"
    assert outline.find("title")[0].text == "Aldmere: where need is greatest: the whole account"
    for landmark in ("header", "main", "footer"):
        assert len(outline.find(landmark)) == 1
    # Landmarks of one kind are told apart by their names.
    assert [e.attributes["aria-label"] for e in outline.find("nav")] == ["On this page", "Pages"]
    first = next(e for e in outline.elements if e.above("body"))
    assert first.attributes == {"class": "skip", "href": "#main"}
    levels = [int(e.tag[1]) for e in outline.elements if re.fullmatch(r"h[1-6]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_ids_are_unique_and_links_lead_somewhere(outline: Outline) -> None:
    ids = [e.attributes["id"] for e in outline.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for element in outline.elements:
        if element.attributes.get("href", "").startswith("#"):
            assert element.attributes["href"][1:] in ids
        for name in element.attributes.get("aria-labelledby", "").split():
            assert name in ids


def test_tables_have_captions_and_scopes(outline: Outline) -> None:
    """WCAG 1.3.1; and 2.1.1: what scrolls can be reached from the keyboard."""
    for table in outline.find("table"):
        assert table.children[0].tag == "caption"
        assert table.children[0].text.strip()
        assert table.parent is not None
        assert table.parent.attributes["tabindex"] == "0"
        assert table.parent.attributes["aria-label"]
        width = {
            sum(1 for cell in row.children)
            for row in outline.find("tr")
            if row.parent and row.parent.parent is table
        }
        assert len(width) == 1
    for cell in outline.find("th"):
        assert cell.attributes["scope"] in ("col", "row")


def test_drawings_speak(outline: Outline) -> None:
    """WCAG 1.1.1: every drawing has a title and a description, or is hidden where words stand beside it."""
    for drawing in outline.find("svg"):
        if drawing.attributes.get("aria-hidden") == "true":
            assert drawing.parent is not None
            assert drawing.parent.all_text().strip()
        else:
            assert drawing.attributes["role"] == "img"
            assert [child.tag for child in drawing.children[:2]] == ["title", "desc"]
            assert all(child.text for child in drawing.children[:2])


def theme(css: str, dark: bool) -> dict[str, tuple[float, float, float]]:
    light, darker = re.findall(r":root \{([^}]*)\}", css)
    found = re.findall(r"--([\w-]+): (#\w{6})", darker if dark else light)
    return {name: tuple(int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)) for name, code in found}  # type: ignore[misc]  # three parts


def luminance(colour: tuple[float, float, float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_words_and_marks_stand_out(dark: bool) -> None:
    """WCAG 1.4.3: text at least 4.5 to 1; 1.4.11: marks and focus at least 3 to 1."""
    colour = theme((TEMPLATES / "page.css").read_text(encoding="utf-8"), dark)
    for text in ("ink", "quiet", "link"):
        for ground in ("ground", "soft"):
            assert contrast(colour[text], colour[ground]) >= 4.5, (text, ground)
    for mark in ("focus", "bar-a", "bar-b", "outline", "both", "quiet"):
        assert contrast(colour[mark], colour["ground"]) >= 3, mark
    assert contrast(colour["both"], colour["none"]) >= 3
    assert contrast(colour["both"], colour["both-dot"]) >= 3


@pytest.mark.parametrize("dark", [False, True])
def test_classes_are_told_apart_by_tone_alone(dark: bool) -> None:
    """WCAG 1.4.1, and eyes without red or green: classes differ in lightness, which no colour blindness takes away."""
    colour = theme((TEMPLATES / "page.css").read_text(encoding="utf-8"), dark)
    tones = [luminance(colour[f"c{i}"]) ** (1 / 3) for i in range(5)]
    steps = [b - a for a, b in pairwise(tones)]
    assert all(step < 0 for step in steps) or all(step > 0 for step in steps)
    # A tenth of the way from black to white in lightness (cube root of luminance): several just noticeable differences.
    assert min(abs(step) for step in steps) > 0.1


# ---- what happens when something is not there


def test_nothing_to_publish_is_said(study: Study) -> None:
    with pytest.raises(MissingError, match="Run `wardmote run` first"):
        render_page(FrameTables({}), study)


def test_a_study_without_shapes_need_or_comparisons_still_gets_a_page(
    workspace: Workspace, study: Study
) -> None:
    data = frames(workspace)
    bare = {name: data[name] for name in ("nodes", "scores", "sources")}
    spare = study.model_copy(
        update={"need": {}, "publish": study.publish.model_copy(update={"need": "", "contact": ""})}
    )
    outline = Outline(render_page(FrameTables(bare), spare, built=DAY))
    assert {e.attributes["id"] for e in outline.find("section")} == {
        "found",
        "sure",
        "method",
        "sources",
        "ask",
    }
    assert "does not say who decides" in words_of(outline, "ask")


def test_what_may_not_be_shown_is_left_out_and_named(workspace: Workspace, study: Study) -> None:
    data = frames(workspace)
    forbidden = {
        "boundaries": "Its rows repeat rows of boundaries (derived-only), whose licence does not allow publishing them.",
        "areas": "Its rows repeat rows of people (derived-only), whose licence does not allow publishing them.",
    }
    outline = Outline(render_page(FrameTables(data, forbidden), study, built=DAY))
    told = words_of(outline, "sources")
    assert all(reason in told for reason in forbidden.values())
    assert not outline.drawn()
    names = set(data["areas"][data["areas"]["level"] == "patch25"]["name"])
    assert not any(name in words_of(outline, "places") for name in names)


def test_the_old_page_survives_a_failure(workspace: Workspace, study: Study, tmp_path: Path) -> None:
    out = tmp_path / "site"
    publish_site(workspace, study, out, built=DAY)
    before = (out / "index.html").read_bytes()
    with pytest.raises(MissingError):
        publish_site({}, study, out)
    assert (out / "index.html").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"site", ".site.made.json"}
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(WorkspaceError, match="cannot be written"):
        publish_site(workspace, study, tmp_path / "file" / "site")
