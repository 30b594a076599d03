"""The atlas: its pages say what the tables hold, nothing from data is read as markup, unchanged files stay, and a failure leaves the
old site standing."""

from __future__ import annotations

import datetime
import json
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote, urldefrag, urlsplit

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest

from wardmote import tables as declared
from wardmote.errors import InputError, MissingError, StudyError, WorkspaceError
from wardmote.publish import cards, publish_report, publish_site
from wardmote.publish.building import Build, record_of, safe_name
from wardmote.publish.cards import BOX, MOST_POST, SIZE, Said, drawable, thread
from wardmote.publish.lookup import fold, words_of
from wardmote.publish.makers import MAKERS
from wardmote.study import PageKind, Study, read_study
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)
HOSTILE = "</title><script>alert('x')</script>\"'><img src=x onerror=alert(1)> {{ 7*7 }} ${x} =1+1"
"""A name as somebody might send it who wants scripts of their own to run on the page."""


class Page(HTMLParser):
    """Text, links and what must not be there, of one page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []
        self.tags: list[str] = []
        self._script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self._script = tag == "script"
        if tag == "script" and "src" not in given:
            self.inline.append("script")
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "style":
            self.inline.append("style")
        self.links += [value for name, value in attrs if name in ("href", "src") and value]

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


@pytest.fixture(scope="module")
def site(page: Path) -> Path:
    return page.parent


@pytest.fixture(scope="module")
def frames(workspace: Workspace) -> dict[str, pd.DataFrame]:
    return {name: workspace.read(name) for name in declared.TABLES}


def read(site: Path, path: str) -> Page:
    return Page((site / path).read_text(encoding="utf-8"))


def only(study: Study, *pages: str, **more: Any) -> Study:
    """Return the study with these kinds of page alone."""
    return study.model_copy(
        update={"publish": study.publish.model_copy(update={"pages": list(pages), **more})}
    )


def put(site: Path, path: str) -> Any:
    """Return what a file of data hands over."""
    text = (site / path).read_text(encoding="utf-8").strip()
    return json.loads(text[text.index(",") + 1 : text.rindex(")")])


# ---- what the pages say


def test_a_profile_says_rank_tenth_and_parts_as_the_tables_hold_them(
    site: Path, workspace: Workspace
) -> None:
    scores = workspace.read("scores", where={"index": "deprivation"})
    scores = scores[scores["node"] == "deprivation"].set_index("area")
    for code in ("T01000004", "T01000067", "T01000200"):
        said = read(site, f"place/patch25/{code}.html").words
        rank = int(scores.loc[code, "rank"])
        ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
        assert f"{rank}{ending} of 360 neighbourhoods" in said
        drawn = code in set(workspace.read("ranks")["area"])
        assert ("% of draws" in said) if drawn else ("No interval is available yet." in said)


def test_strengths_stand_before_needs_and_are_the_tenths_with_least_need(
    site: Path, workspace: Workspace
) -> None:
    said = read(site, "place/patch25/T01000004.html").words
    assert said.index("What is strong here") < said.index("Where need is greatest here")
    scores = workspace.read("scores", where={"index": "deprivation"})
    nodes = workspace.read("nodes")
    parts = nodes[(nodes["index"] == "deprivation") & (nodes["depth"] == 1)].set_index("node")["title"]
    mine = scores[(scores["area"] == "T01000004") & scores["node"].isin(parts.index)].set_index("node")[
        "decile"
    ]
    for node, tenth in mine.items():
        strong = f"{parts[node]}: less need than in {tenth - 1} of 10 neighbourhoods"
        assert (strong in said) == (tenth >= 8)


def test_a_larger_area_counts_its_small_ones(site: Path, workspace: Workspace) -> None:
    scores = workspace.read("scores", where={"index": "deprivation"})
    links = workspace.read("memberships")
    inside = set(links[(links["parent_level"] == "borough25") & (links["parent"] == "T03000001")]["area"])
    mine = scores[(scores["node"] == "deprivation") & scores["area"].isin(inside)]
    number = int((mine["decile"] == 1).sum())
    page = read(site, "place/borough25/T03000001.html")
    assert f"{number} of its {len(inside)} neighbourhoods" in page.words
    assert {Path(link).stem for link in page.links if "place/patch25/" in link} == inside


def test_intervals_and_decisions_are_told_where_they_are_known(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    from wardmote.study import RoundSpec

    codes = [f"T0100000{i}" for i in range(1, 10)]
    n = len(codes)
    ranks = declared.frame(
        "ranks",
        {
            "index": ["deprivation"] * n, "level": ["patch25"] * n, "area": codes, "component": ["both"] * n,
            "coverage": [0.95] * n, "rank_low": [20] * n, "rank_median": [40] * n, "rank_high": [61] * n,
            "p_greatest_need": [0.25] * n,
        },
    )  # fmt: skip
    decisions = declared.frame(
        "decisions",
        {
            "round": ["fund"] * 2, "rules": ["stated"] * 2, "level": ["patch25"] * 2, "area": codes[:2], "funded": [True, False],
            "decided_by": ["ranked"] * 2, "pounds": [20_000, None], "flip": ["f1", "f2"], "margin_rank": [3, -2],
            "sentence": ["Funded: its need is 3rd.", "Not funded: two places below the line."],
        },
    )  # fmt: skip
    changed = only(study, "place", "round", "table").model_copy(
        update={"round": {"fund": RoundSpec(title="The fund")}}
    )
    out = publish_site(
        {**frames, "ranks": ranks, "decisions": decisions}, changed, tmp_path / "site", built=DAY
    ).parent
    said = read(out, "place/patch25/T01000001.html").words
    assert "Between 20th and 61st in 95% of draws" in said
    assert "In the greatest-need tenth in 25% of draws." in said
    assert "Funded. Its need is 3rd." in said
    assert "What would turn it f1" in said
    assert "Two places below the line." in read(out, "round/index.html").words
    assert "£20,000" in read(out, "round/index.html").words
    assert "more need than most" in read(out, "table/index.html").words


def test_pulls_are_the_points_beside_the_mean_and_make_up_the_difference(
    site: Path, workspace: Workspace
) -> None:
    points = workspace.read("contributions", where={"index": "deprivation"})
    nodes = workspace.read("nodes")
    parts = nodes[(nodes["index"] == "deprivation") & (nodes["depth"] == 1)].set_index("node")
    mean = points.groupby("node")["contribution"].mean()
    assert (parts["mean_contribution"] - mean[parts.index]).abs().max() < 1e-9
    mine = points[(points["area"] == "T01000004") & points["node"].isin(parts.index)].set_index("node")[
        "contribution"
    ]
    pulls = mine - mean[mine.index]
    scores = workspace.read("scores", where={"index": "deprivation"})
    root = scores[scores["node"] == "deprivation"].set_index("area")["score"]
    assert abs(pulls.sum() - (root["T01000004"] - root.mean())) < 1e-9
    said = read(site, "place/patch25/T01000004.html").words
    for node, pull in pulls.items():
        told = f"{'+' if pull > 0 else '−'}{abs(pull):.2f}"
        assert f"{parts['title'][node]} ({told})" in said or abs(pull) < 0.1 * pulls.abs().max()
        assert told in said


def test_a_place_at_a_glance_agrees_with_the_sections_below(site: Path, workspace: Workspace) -> None:
    need = workspace.read("need")
    need = need[need["definition"] == "double"].set_index("area")
    decisions = workspace.read("decisions")
    decisions = decisions[decisions["rules"] == "stated"].set_index("area")
    seen = set()
    for path in sorted((site / "place" / "patch25").glob("T*.html"))[::9]:
        code, said = path.stem, read(site, f"place/patch25/{path.name}").words
        top = said[: said.index("What is strong here")]
        both = bool(need["doubly_disadvantaged"][code])
        assert f"Doubly disadvantaged {'Yes' if both else 'No'}" in top
        share = float(need["p_doubly_disadvantaged"][code])
        holds = share if both else 1 - share
        word = (
            "firm"
            if holds >= 0.95
            else "likely"
            if holds >= 2 / 3
            else "a toss-up"
            if holds >= 1 / 3
            else "more often not"
        )
        assert f"{'Yes' if both else 'No'} {word}" in top
        assert ("Funded" if decisions["funded"][code] else "Not funded") in top
        seen.add((both, word))
    assert len(seen) > 2
    larger = read(site, "place/borough25/T03000005.html").words
    links = workspace.read("memberships")
    inside = links[(links["parent_level"] == "borough25") & (links["parent"] == "T03000005")]["area"]
    named = need.loc[list(inside)]
    both_there = named[named["doubly_disadvantaged"].astype(bool)]
    assert (
        f"{len(both_there)} of {len(inside)} neighbourhoods" in larger[: larger.index("What is strong here")]
    )
    names = workspace.read("areas").set_index("area")["name"]
    start = larger.index("by name, and how firm each is")
    assert all(names[code] in larger[start : larger.index("Where it stands")] for code in both_there.index)


def test_an_interval_is_called_by_what_was_varied_and_says_what_it_lacks(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    some = only(study, "place")
    said = read(
        publish_site(frames, some, tmp_path / "a", built=DAY).parent, "place/patch25/T01000004.html"
    ).words
    assert "in 95% of draws (choices and sampling error)" in said
    assert "The true interval is wider: 1 of its 6 figures has no known error." in said
    factors = frames["factors"]
    choices = {**frames, "factors": factors[factors["component"] == "method"]}
    said = read(
        publish_site(choices, some, tmp_path / "b", built=DAY).parent, "place/patch25/T01000004.html"
    ).words
    assert "in 95% of draws (choices of method)" in said
    assert "choices and sampling error" not in said
    assert "The true interval is wider" not in said


def test_of_few_places_no_tenth_is_spoken_and_a_share_of_none_has_no_rank(site: Path) -> None:
    region = read(site, "place/part25/T04000001.html").words
    assert "with the greatest need in" not in region
    for path in (site / "place" / "borough25").glob("T*.html"):
        said = read(site, f"place/borough25/{path.name}").words
        assert not re.search(r"(?<![\d.])0% \(?\d+(st|nd|rd|th) of", said), path


def test_a_place_never_reaches_out_of_its_drawing(site: Path) -> None:
    for path in sorted((site / "place").rglob("T*.html"))[::7]:
        html = path.read_text(encoding="utf-8")
        drawing = re.search(
            r'<svg[^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>(?:(?!</svg>).)*class="here"', html, re.S
        )
        if not drawing:
            continue
        wide, tall = float(drawing[1]), float(drawing[2])
        here = re.search(r'<path d="([^"]+)" class="here"', html) or re.search(
            r'class="here" d="([^"]+)"', html
        )
        assert here, path
        numbers = [
            float(one) for one in re.findall(r"-?[\d.]+", re.sub(r"[a-z]", " ", here[1].split("l")[0]))
        ]
        assert 0 <= numbers[0] <= wide
        assert 0 <= numbers[1] <= tall


def test_larger_areas_say_why_no_places_alike_are_named(site: Path) -> None:
    why = "only neighbourhoods have figures for every part"
    assert why in read(site, "place/borough25/T03000001.html").words
    own = read(site, "place/patch25/T01000001.html")
    assert why not in own.words
    assert "Places most alike" in own.words


def test_no_page_says_worst_nor_league(site: Path) -> None:
    for path in ("table/index.html", "place/patch25/T01000004.html", "about/index.html", "method/index.html"):
        said = read(site, path).words.lower()
        assert "worst" not in said
        assert " nan" not in said


def test_each_indicator_has_a_page_with_source_licence_and_direction(
    site: Path, workspace: Workspace
) -> None:
    for row in workspace.read("indicators").itertuples():
        said = read(site, f"indicator/{row.indicator}.html").words
        assert row.title in said
        assert "CC0-1.0" in said
        assert ("less need" if row.direction == -1 else "more need") in said


# ---- links, policy, escaping


def test_every_link_leads_somewhere(site: Path) -> None:
    for path in sorted(site.rglob("*.html")):
        if path.parent.name == "patch25" and not path.stem.endswith("7"):
            continue  # one in ten of the many alike
        html = path.read_text(encoding="utf-8")
        for link in Page(html).links:
            bare = unquote(urlsplit(urldefrag(link)[0]).path)
            if urlsplit(link).scheme or not bare:
                continue
            assert not bare.startswith("/"), (path, link)
            assert (path.parent / bare).resolve().is_file(), (path.relative_to(site), link)


def test_atlas_pages_have_a_strict_policy_and_nothing_inline(site: Path) -> None:
    for path in sorted(site.rglob("*.html")):
        if path.parent == site / "full":
            continue  # the whole account holds its style, named by its checksum
        html = path.read_text(encoding="utf-8")
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
        assert policy, path
        assert "unsafe" not in policy[1]
        assert not Page(html).inline, (path, Page(html).inline)


def test_a_hostile_name_is_text_everywhere(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    areas = frames["areas"].copy()
    areas.loc[areas["area"].isin(["T01000001", "T03000001"]), "name"] = HOSTILE
    some = only(study, "place", "table", "find", "columns", "data", "start")
    out = publish_site({**frames, "areas": areas}, some, tmp_path / "site", built=DAY).parent
    for path in (
        "place/patch25/T01000001.html",
        "place/borough25/T03000001.html",
        "table/index.html",
        "find.html",
        "index.html",
    ):
        page = read(out, path)
        assert "onerror" not in page.inline
        assert "<script>alert('x')</script>" not in (out / path).read_text(encoding="utf-8")
        if path != "index.html":
            assert "{{ 7*7 }}" in page.words, path
    for file in [*out.glob("data/places/patch25/*.js"), *out.glob("data/columns/*/codes.js")]:
        assert "</script" not in file.read_text(encoding="utf-8")
    sheet = openpyxl.load_workbook(out / "data/places-patch25.xlsx").worksheets[0]
    assert sheet.cell(2, 2).value == HOSTILE
    assert sheet.cell(2, 2).data_type == "s"


@pytest.mark.parametrize("code", ["../../etc/passwd", "a/b", "..", "", "Ä ö", "con", "x" * 40])
def test_any_code_is_a_safe_name_of_its_own(code: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]*", safe_name(code))
    assert len({safe_name(one) for one in (code, f"{code}_", f"{code}/", f"{code} ")}) == 4


# ---- kinds of page


def test_the_study_knows_every_kind_of_page_and_refuses_others(tmp_path: Path) -> None:
    assert {maker.name for maker in MAKERS} == set(get_args(PageKind))
    (tmp_path / "study.toml").write_text(
        '[study]\nid = "a"\ntitle = "A"\n[publish]\npages = ["map", "maps"]\n', encoding="utf-8"
    )
    with pytest.raises(StudyError, match=r"publish\.pages.*maps"):
        read_study(tmp_path)


# ---- only what changed, and all or nothing


def test_one_changed_number_rewrites_only_what_it_touches(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    out, some = tmp_path / "site", only(study, "place", "columns", "table", "find")
    publish_site(frames, some, out, built=DAY)
    before = {path: path.stat().st_ino for path in out.rglob("*") if path.is_file()}
    held = {path: path.read_bytes() for path in before}
    scores = frames["scores"].copy()
    row = scores.index[
        (scores["area"] == "T01000004")
        & (scores["node"] == "low-income")
        & (scores["index"] == "deprivation")
    ]
    scores.loc[row, "value"] = 0.123
    publish_site({**frames, "scores": scores}, some, out, built=DAY)
    changed = {
        path.relative_to(out).as_posix() for path, inode in before.items() if path.stat().st_ino != inode
    }
    assert "place/patch25/T01000004.html" in changed
    # Its own page; those of the two areas that it lies in are made anew, hold the same, and so stay; its file of data, its tables.
    assert {path for path in changed if path.startswith("place/")} == {"place/patch25/T01000004.html"}
    assert all((out / path).read_bytes() != held[out / path] for path in changed)
    assert len(changed) < 20, sorted(changed)
    assert set(before) == {path for path in out.rglob("*") if path.is_file()}


def test_the_same_again_writes_nothing(frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path) -> None:
    out, some = tmp_path / "site", only(study, "place")
    publish_site(frames, some, out, built=DAY)
    before = {path: path.stat().st_ino for path in out.rglob("*") if path.is_file()}
    publish_site(frames, some, out, built=DAY)
    assert {path: path.stat().st_ino for path in out.rglob("*") if path.is_file()} == before
    # A file that was changed by hand is made again.
    page = out / "place/patch25/T01000001.html"
    kept = page.read_bytes()
    page.write_text("changed by hand", encoding="utf-8")
    publish_site(frames, some, out, built=DAY)
    assert page.read_bytes() == kept
    record_of(out).write_text("{not json", encoding="utf-8")
    publish_site(frames, some, out, built=DAY)
    assert page.read_bytes() == kept


def test_a_full_disk_leaves_the_old_site(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, some = tmp_path / "site", only(study, "place")
    publish_site(frames, some, out, built=DAY)
    before = {path: path.read_bytes() for path in out.rglob("*.html")}
    whole = Build.put
    written = []

    def full(self: Build, path: str, content: str | bytes, made_from: str = "") -> None:
        written.append(path)
        if path.endswith("T01000100.html"):
            raise OSError(28, "No space left on device")
        whole(self, path, content, made_from)

    monkeypatch.setattr(Build, "put", full)
    record_of(out).unlink()
    with pytest.raises(WorkspaceError, match="No space left"):
        publish_site(frames, some, out, built=DAY)
    assert {path: path.read_bytes() for path in out.rglob("*.html")} == before
    assert {path.name for path in tmp_path.iterdir()} == {"site"}


def test_a_kill_mid_build_leaves_the_old_site(workspace: Workspace, study: Study, tmp_path: Path) -> None:
    out = tmp_path / "site"
    publish_site(workspace, only(study, "place"), out, built=DAY)
    before = {path: path.read_bytes() for path in out.rglob("*.html")}
    code = (
        "from pathlib import Path\nfrom wardmote.publish import publish_site\nfrom wardmote.study import read_study\n"
        "from wardmote.workspace import Workspace\nimport wardmote.publish.building as b\n"
        f"folder = Path({str(workspace.folder)!r})\n"
        "b.FEWEST = 10**9\n"
        f"publish_site(Workspace(folder), read_study(folder), Path({str(out)!r}))\n"
    )
    record_of(out).unlink()
    running = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running.poll() is None:
        if any(tmp_path.glob(".site.building-*/place/patch25/T0100001*.html")):
            break
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert {path: path.read_bytes() for path in out.rglob("*.html")} == before
    publish_site(workspace, only(study, "place"), out, built=DAY)
    assert {path: path.read_bytes() for path in out.rglob("*.html")} == before


def test_the_first_page_alone(frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path) -> None:
    out = publish_site(frames, only(study, "start"), tmp_path / "site", built=DAY).parent
    assert [path.name for path in out.rglob("*")] == ["index.html"]


# ---- data to take away


def test_the_wide_tables_agree_in_all_formats(site: Path, workspace: Workspace) -> None:
    csv = pd.read_csv(site / "data/places-patch25.csv")
    parquet = pq.read_table(site / "data/places-patch25.parquet").to_pandas()
    sheet = openpyxl.load_workbook(site / "data/places-patch25.xlsx")
    assert sheet.sheetnames == ["places", "notes"]
    rows = list(sheet.worksheets[0].values)
    assert list(rows[0]) == list(csv.columns) == list(parquet.columns)
    assert len(rows) == len(csv) + 1 == len(parquet) + 1 == 361
    ranks = workspace.read("scores", where={"index": "deprivation"})
    ranks = ranks[ranks["node"] == "deprivation"].set_index("area")["rank"]
    for frame in (csv, parquet, pd.DataFrame(rows[1:], columns=list(rows[0]))):
        assert dict(zip(frame["code"], frame["deprivation.rank"], strict=True)) == ranks.to_dict()
    described = json.loads((site / "data/places-patch25.csv-metadata.json").read_text(encoding="utf-8"))
    assert [column["titles"] for column in described["tableSchema"]["columns"]] == list(csv.columns)
    noted = {row[0] for row in sheet.worksheets[1].values}
    assert set(csv.columns) <= noted


def test_shapes_come_as_geoparquet(site: Path) -> None:
    import geopandas

    shapes = geopandas.read_parquet(site / "data/places-borough25-shapes.parquet")
    assert str(shapes.crs) == "OGC:CRS84"
    assert len(shapes) == 6
    assert shapes.geometry.is_valid.all()


def test_columns_stand_in_the_order_of_their_codes(site: Path, workspace: Workspace) -> None:
    level = json.loads((site / "data/columns/patch25/codes.json").read_text(encoding="utf-8"))
    column = json.loads((site / "data/columns/patch25/deprivation.score.json").read_text(encoding="utf-8"))
    assert put(site, "data/columns/patch25/deprivation.score.js") == column
    scores = workspace.read("scores", where={"index": "deprivation"})
    known = scores[scores["node"] == "deprivation"].set_index("area")["score"]
    assert column["values"] == [float(known[code]) for code in level["codes"]]  # to the last digit
    named = {one["measure"] for one in level["measures"]}
    assert named == {path.stem for path in (site / "data/columns/patch25").glob("*.json")} - {"codes"}


def test_figures_of_closed_sources_are_on_no_page(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    sources = frames["sources"].copy()
    sources.loc[sources["source"] == "deprivation", "access"] = "derived-only"
    some = only(study, "place", "find", "columns", "data")
    out = publish_site({**frames, "sources": sources}, some, tmp_path / "site", built=DAY).parent
    said = read(out, "place/patch25/T01000004.html").words
    assert "People on a low income" not in said
    assert "Sports" in said or "clubs" in said
    assert not list(out.glob("data/columns/*/deprivation.low-income*"))
    assert "deprivation.low-income.decile" not in (out / "data/places-patch25.csv").read_text(
        encoding="utf-8"
    )
    assert "People on a low income" not in (out / "data/places/patch25/T010000.js").read_text(
        encoding="utf-8"
    )


# ---- look-ups, sharing, print


def test_the_file_of_a_place_holds_the_words_of_its_page(site: Path) -> None:
    place = put(site, "data/places/patch25/T010000.js")["T01000004"]
    said = read(site, "place/patch25/T01000004.html").words
    for text in (*place["strong"], *place["great"], *place["types"], place["standings"][0]["headline"]):
        assert text in said


def test_postcodes_stand_by_district(frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path) -> None:
    (tmp_path / "post.csv").write_text(
        "pcd,area\nAL1 1AA,T01000001\nAL1 1AB,T01000002\nal10 9zz,T01000003\nAL1 1AC,elsewhere\nnonsense,T01000001\nAL10 9ZY,t01000003\n",
        encoding="utf-8",
    )
    told = {"file": "post.csv", "postcode": "pcd", "area": "area"}
    from wardmote.study import PostcodeSpec

    some = only(study, "find", postcodes=PostcodeSpec(**told)).model_copy(update={"folder": tmp_path})
    heard: list[str] = []
    out = publish_site(frames, some, tmp_path / "site", built=DAY, say=heard.append).parent
    left_out = "Of the 6 rows of the list of postcodes, 2 are left out: 1 for areas that are not in this study, 1 without"
    assert [one.startswith(left_out) for one in heard] == [True]
    assert left_out in read(out, "find.html").words
    small = put(out, "data/find/postcode/AL10.js")
    assert small == {"codes": ["T01000003"], "at": {"9ZZ": 0, "9ZY": 0}}
    assert sorted(path.name for path in (out / "data/find/postcode").iterdir()) == ["AL1.js", "AL10.js"]
    assert put(out, "data/find/index.js")["postcodes"] == {
        "level": "patch25",
        "districts": ["AL1", "AL10"],
    }
    district = put(out, "data/find/postcode/AL1.js")
    assert {end: district["codes"][i] for end, i in district["at"].items()} == {
        "1AA": "T01000001",
        "1AB": "T01000002",
    }
    (tmp_path / "post.csv").write_text("pcd,area\nnonsense,T01000001\n", encoding="utf-8")
    with pytest.raises(InputError, match="none of its rows"):
        publish_site(frames, some, tmp_path / "site", built=DAY)
    gone = only(study, "find", postcodes=PostcodeSpec(**{**told, "file": "gone.csv"})).model_copy(
        update={"folder": tmp_path}
    )
    with pytest.raises(MissingError, match="no such file"):
        publish_site(frames, gone, tmp_path / "site", built=DAY)


def test_a_thread_is_numbered_and_short(site: Path) -> None:
    found = (Said("A finding. " * 60), Said("Short."))
    posts = [one.text for one in thread("A study", found, "Ask the clerk.", "https://example.org")]
    assert all(len(post) <= MOST_POST for post in posts)
    assert [post.split()[0] for post in posts] == [f"{i}/{len(posts)}:" for i in range(1, len(posts) + 1)]
    # A title may hold a colon itself.
    assert posts[0].endswith("“A study”: what we found.")
    told = [one.text for one in thread("A study", found, "", "", drawn=True)]
    assert any("A draw, or drawn world, works" in post for post in told)
    assert not any("drawn world" in post for post in posts)
    page = (site / "share/index.html").read_text(encoding="utf-8")
    pictures = re.findall(r'<img src="([^"]+)" alt="([^"]*)"', page)
    assert pictures
    for path, alt in pictures:
        assert alt
        assert (site / "share" / path).resolve().read_bytes().startswith(b"\x89PNG")
    assert drawable("£20 million – Ŵ") == "20 million pounds - W"
    assert drawable("1\u202f234\u2009m, 5\u00a0%") == "1 234 m, 5 %"  # spaces of other widths part thousands
    assert drawable("Łódź, Straße, Cafe\u0301, Großœuvre") == "Lodz, Strasse, Cafe, Grossoeuvre"


def test_a_picture_shows_a_box_for_what_it_cannot_show_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question mark would be read as the source's own doubt."""
    assert drawable("Is Киев 北京 🏳️‍🌈 in need?") == f"Is {BOX * 4} {BOX * 2} {BOX * 2} in need?"
    drawn: list[str] = []
    lines = cards._lines

    def told(draw: Any, text: str, width: int, size: int) -> list[str]:
        drawn.append(text)
        return lines(draw, text, width, size)

    monkeypatch.setattr(cards, "_lines", told)
    cards.picture("A study", "Киев is in need", "example.org", "An example.")
    assert any(text.startswith("An example. Each") and BOX in text for text in drawn)
    drawn.clear()
    cards.picture("A study", "Kyiv is in need", "example.org", "An example.")
    assert "An example." in drawn


@pytest.mark.parametrize("sentence", ["Llanfair" * 20 + " is in need", "word and " * 400, "مدينة " * 90])
def test_no_line_of_a_picture_leaves_it(sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageDraw

    boxes = []
    drawn = ImageDraw.ImageDraw.text

    def told(self: Any, at: Any, text: str, *given: Any, **more: Any) -> None:
        font = more.get("font", given[1] if len(given) > 1 else None)
        spacing = more.get("spacing", given[3] if len(given) > 3 else 4)
        boxes.append(self.multiline_textbbox(at, text, font=font, spacing=spacing))
        drawn(self, at, text, *given, **more)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", told)
    cards.picture("Title " * 60, sentence, "https://example.org/" + "a" * 200, "")
    assert boxes
    assert all(left >= 0 and right <= SIZE[0] - 60 and bottom <= SIZE[1] for left, _, right, bottom in boxes)
    # What stands at the foot stays free.
    assert max(bottom for _, top, _, bottom in boxes if top < 500) < 560


FOLDED = {
    "Môn, Ynys (Isle of)": "mon ynys isle of",
    "King's Lynn & Wisbech": "kings lynn and wisbech",
    "Stoke-on-Trent 001A": "stoke on trent 001a",
    "Αθήνα": "αθηνα",
    "  ": "",
}
"""Names and how they are compared; the browser folds the same ones in test_atlas_browser.py."""


def test_names_fold_as_in_the_browser() -> None:
    assert {name: fold(name) for name in FOLDED} == FOLDED


def test_numbers_find_a_name_only_where_it_has_no_other_word() -> None:
    assert words_of("Haringey 001A") == ["haringey"]
    assert words_of("4012.01") == ["4012", "01"]


def test_the_index_of_the_search_lists_just_the_files_that_are_there(site: Path) -> None:
    index = put(site, "data/find/index.js")
    assert {path.stem for path in (site / "data/find/names").iterdir()} == set(index["names"])
    for kind in index["levels"]:
        folder = site / "data" / ("places" if kind["figures"] else "find/areas") / kind["level"]
        assert {path.stem for path in folder.iterdir()} == set(kind["stems"]), kind["level"]
    assert index["postcodes"] == {"level": "", "districts": []}
    sizes = [len(index_of_level(site, kind)) for kind in index["levels"]]
    assert sizes == sorted(sizes)  # the largest areas, which are fewest, first


def index_of_level(site: Path, kind: dict[str, Any]) -> set[str]:
    """Return the codes of one level that names lead to."""
    found: set[str] = set()
    for path in (site / "data/find/names").iterdir():
        found |= set(
            put(site, f"data/find/names/{path.name}")["levels"].get(kind["level"], {}).get("codes", ())
        )
    return found


def test_a_name_is_found_by_each_of_its_words(site: Path, workspace: Workspace) -> None:
    areas = workspace.read("areas")
    name = areas[areas["area"] == "T04000001"]["name"].iloc[0]
    assert name == "East Aldmere"
    for letters in ("ea", "al"):
        assert name in put(site, f"data/find/names/{letters}.js")["levels"]["part25"]["names"]


def test_areas_without_figures_lead_to_the_places_in_them(
    site: Path, frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    """Quarters have names and memberships but no figures: as wards do in England."""
    links = frames["memberships"]
    mine = links[(links["parent_level"] == "quarter25") & (links["parent"] == "T02000001")]
    told = put(site, "data/find/areas/quarter25/T020000.js")["T02000001"]
    assert told["name"] == "Foskgate"
    assert [code for code, _ in told["held"][0]["whole"]] == sorted(mine["area"])
    assert ["borough25", "T03000001", "Copperlow"] in told["around"]
    # One that holds only a part of a place says so; one that nobody places anywhere is not listed.
    changed, areas = links.copy(), frames["areas"].copy()
    first = mine.index[0]
    changed.loc[first, "weight"] = 0.4
    areas.loc[len(areas)] = {**areas.iloc[0].to_dict(), "level": "town25", "area": "X1", "name": "Nowhere"}
    some = only(study, "find")
    out = publish_site({**frames, "memberships": changed, "areas": areas}, some, tmp_path / "site", built=DAY)
    held = put(out.parent, "data/find/areas/quarter25/T020000.js")["T02000001"]["held"][0]
    assert [code for code, _ in held["part"]] == [mine["area"].iloc[0]]
    assert mine["area"].iloc[0] not in [code for code, _ in held["whole"]]
    assert "town25" not in {kind["level"] for kind in put(out.parent, "data/find/index.js")["levels"]}


def test_lists_for_the_search_are_taken_over_where_names_stay(
    workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    out, some = tmp_path / "site", only(study, "find")
    publish_site(workspace, some, out, built=DAY)
    before = {path: path.stat().st_ino for path in out.glob("data/find/**/*.js")}
    gone = out / "data/find/names/fo.js"
    held = gone.read_bytes()
    gone.unlink()
    publish_site(workspace, some, out, built=DAY + datetime.timedelta(days=1))
    after = {path: path.stat().st_ino for path in out.glob("data/find/**/*.js")}
    assert {path for path in after if after[path] != before[path]} == {gone}
    assert set(after) == set(before)
    assert gone.read_bytes() == held


def test_no_form_sends_what_is_typed(site: Path) -> None:
    """Fields without a name are not sent, even where scripts do not run."""
    for path in ("index.html", "find.html", "compare/index.html"):
        html = (site / path).read_text(encoding="utf-8")
        fields = re.findall(r"<(?:input|textarea|select)[^>]*>", html)
        assert fields, path
        assert not [field for field in fields if " name=" in field], path


def test_the_report_is_a_tagged_pdf_and_a_profile_has_two_pages(
    workspace: Workspace, study: Study, site: Path, tmp_path: Path
) -> None:
    pytest.importorskip("typst", reason="typst is not installed (part of the extra report)")
    pypdf = pytest.importorskip("pypdf")
    report = publish_report(workspace, study, tmp_path, built=DAY)
    place = publish_report(workspace, study, tmp_path, place="T01000004", built=DAY)
    for path in (report, place):
        root = pypdf.PdfReader(path).trailer["/Root"]
        assert root["/MarkInfo"]["/Marked"]
        assert root["/Lang"] == "en-GB"
    profile = pypdf.PdfReader(place)
    assert len(profile.pages) == 2
    told = re.sub(r"\s+", " ", " ".join(page.extract_text() for page in profile.pages))
    assert "296th of 360 neighbourhoods" in told
    assert "296th of 360 neighbourhoods" in read(site, "place/patch25/T01000004.html").words
    again = place.read_bytes()
    assert publish_report(workspace, study, tmp_path, place="T01000004", built=DAY).read_bytes() == again
    with pytest.raises(MissingError, match="no place"):
        publish_report(workspace, study, tmp_path, place="X", built=DAY)


def test_processes_and_one_alone_write_the_same(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = only(study, "place")
    one = publish_site(frames, some, tmp_path / "one", built=DAY).parent
    monkeypatch.setattr("wardmote.publish.building.FEWEST", 10**9)
    other = publish_site(frames, some, tmp_path / "other", built=DAY).parent
    mine = {path.relative_to(one): path.read_bytes() for path in one.rglob("*.html")}
    assert mine == {path.relative_to(other): path.read_bytes() for path in other.rglob("*.html")}
