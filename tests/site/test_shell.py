"""What surrounds the pages: policies, addresses of assets, frames of others, the keyboard, paper, and well-formed HTML."""

from __future__ import annotations

import datetime
import html
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from page_outline import Outline

from wardmote.publish import publish_site, rounds
from wardmote.publish.serve import make_server
from wardmote.study import Study
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)
"""Day on the pages."""


@pytest.fixture(scope="session")
def site(page: Path) -> Path:
    """Return the folder of the county's site."""
    return page.parent


@pytest.fixture(scope="session")
def kinds(site: Path) -> list[str]:
    """Return one page of each kind: the first of each folder, and all that stand alone."""
    found: dict[str, str] = {}
    for path in sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html")):
        folder, _, name = path.rpartition("/")
        alone = not folder or folder == "embed" or name == "index.html"
        found.setdefault(f"{folder}/{name if alone else '*'}", path)
    return list(found.values())


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    server = make_server(site)
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def running(server: http.server.HTTPServer) -> Iterator[None]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


def policy_of(text: str) -> dict[str, str]:
    """Return the Content-Security-Policy of a page by directive."""
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert found
    return dict(part.strip().split(" ", 1) for part in found[1].split(";"))


def test_each_kind_of_page_is_allowed_what_it_needs_and_no_more(site: Path, kinds: list[str]) -> None:
    plain = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
    }
    drawn = {"img-src": "data: blob:", "connect-src": "'self'", "worker-src": "'self'"}
    more = {
        "map/index.html": drawn,
        "embed/map.html": drawn,
        "share/index.html": {"img-src": "'self' data:"},
    }
    for path in kinds:
        text = (site / path).read_text(encoding="utf-8")
        if path == "full/index.html":
            assert policy_of(text)["default-src"] == "'none'"
            continue
        # Forms that work without scripts, or whose scripts failed, may go to a page of the site; none goes elsewhere.
        sends = {"form-action": "'self'" if re.search(r"<form[^>]* action=", text) else "'none'"}
        assert policy_of(text) == plain | sends | more.get(path, {}), path


def test_links_to_assets_bear_the_edition_so_that_no_page_meets_older_scripts(
    site: Path, kinds: list[str]
) -> None:
    editions = set()
    for path in kinds:
        text = (site / path).read_text(encoding="utf-8")
        for link in re.findall(r'(?:href|src)="([^"]*assets/(?!vendor)[^"]*\.(?:css|js)[^"]*)"', text):
            assert re.search(r"\?v=[0-9a-f]{10}$", link), (path, link)
            editions.add(link.partition("?v=")[2])
    assert len(editions) == 1
    # Modules name each other in the same way; the shared script passes it on to the files of data.
    for file in (site / "assets/js").glob("*.js"):
        for named in re.findall(r' from "(\./[^"]+)"', file.read_text(encoding="utf-8")):
            assert named.endswith(f".js?v={next(iter(editions))}"), (file.name, named)


FRAMES = """<!doctype html><html lang="en"><title>Other</title><body>
<iframe src="{site}/embed/card.html?level=patch25&amp;code=T01000067" name="card" width="100%" height="560"></iframe>
<iframe src="{site}/embed/map.html" name="map" width="100%" height="640"></iframe>
<iframe src="{site}/find.html" name="find" width="100%" height="400"></iframe></body></html>"""


@contextmanager
def framed(address: str, folder: Path) -> Iterator[str]:
    """Serve a page of somebody else, under another name and port, that frames pages of the site."""
    (folder / "index.html").write_text(FRAMES.format(site=address), encoding="utf-8")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with running(server):
        yield f"http://localhost:{server.server_port}/"


@pytest.mark.browser
def test_cards_and_maps_work_within_pages_of_others_and_name_where_they_come_from(
    browser: Any, address: str, site: Path, tmp_path: Path
) -> None:
    title = re.search(r'<p class="site-name"><a href="index.html">([^<]+)', (site / "index.html").read_text())
    assert title
    with framed(address, tmp_path) as other:
        tab = browser.new_page(viewport={"width": 320, "height": 900})
        tab.goto(other, wait_until="load")
        card, drawn, whole = (tab.frame(name=name) for name in ("card", "map", "find"))
        card.wait_for_selector(".card h1")
        drawn.wait_for_selector("html[data-map=drawn]", timeout=30_000)
        for frame in (card, drawn):
            source = frame.locator("header.from a").first
            assert source.inner_text() == title[1]
            assert source.get_attribute("target") == "_top"
            assert source.is_visible()
            assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert frame.locator("meta[name=robots][content=noindex]").count() == 1
            assert not frame.locator(".skip").count()
            assert frame.evaluate("[...document.links].every((one) => one.target === '_top')")
        assert card.evaluate("document.title").startswith(card.inner_text("h1"))
        # The way to the whole map shows there what is shown here.
        drawn.select_option("#measure", index=1)
        drawn.wait_for_selector(f"[data-state][href*='measure={drawn.input_value('#measure')}&']")
        # All other pages stand alone: a page that frames them could make people press what they do not see.
        assert not whole.locator("#find-form").count()
        tab.close()


def test_the_lines_for_pages_of_others_have_a_title_and_load_late(site: Path) -> None:
    lines = re.findall(r"&lt;iframe .*?&gt;", (site / "share/index.html").read_text(encoding="utf-8"))
    assert len(lines) == 2
    for line in lines:
        code = html.unescape(line)
        assert re.search(r' title="[^"]+: [^"]+" width="100%" height="\d{3}" loading="lazy">$', code), code


@pytest.mark.browser
@pytest.mark.parametrize(
    ("path", "ready"),
    [
        ("find.html#q=fosk", "#find-results li"),
        ("compare/index.html#level=patch25&a=T01000004&b=T01000067", "#compare-result table"),
        ("whatif/index.html#share=200000", "#result h3"),
        ("map/index.html#measure=deprivation.decile&only=both", "html[data-map=drawn]"),
    ],
)
def test_the_link_past_the_menu_keeps_what_the_address_holds(
    tab: Any, address: str, path: str, ready: str
) -> None:
    tab.goto(f"{address}/index.html")
    tab.goto(f"{address}/{path}")
    tab.wait_for_selector(ready, timeout=30_000, state="attached")
    before = tab.url
    assert "#" in before
    tab.locator(".skip").focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"
    assert tab.url == before
    # One step back leaves the page, one forward comes to the same state.
    tab.go_back()
    assert tab.url == f"{address}/index.html"
    tab.go_forward()
    tab.wait_for_selector(ready, timeout=30_000, state="attached")
    assert tab.url == before


IDLE = """() => [...document.querySelectorAll('[tabindex="0"]')].filter((one) => one.getClientRects().length
    && one.scrollWidth <= one.clientWidth && one.scrollHeight <= one.clientHeight && !one.matches('canvas, .maplibregl-canvas'))
    .map((one) => one.getAttribute('aria-label') || one.id || one.className)"""
"""Boxes on which the keyboard stops though there is nothing to scroll in them."""


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_keyboard_stops_at_no_box_in_which_there_is_nothing_to_scroll(
    browser: Any, address: str, kinds: list[str], width: int
) -> None:
    tab = browser.new_page(viewport={"width": width, "height": 800})
    states = ["compare/index.html#level=patch25&a=T01000004&b=T01000067", "whatif/index.html#share=200000"]
    kept = 0
    for path in [*kinds, *states]:
        if path == "full/index.html":
            continue  # the one page without scripts
        tab.goto(f"{address}/{path}", wait_until="load")
        tab.wait_for_timeout(400)  # what scripts write is looked at when they rest
        assert tab.evaluate(IDLE) == [], path
        tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        tab.wait_for_timeout(100)
        assert tab.evaluate(IDLE) == [], path
        kept += tab.locator(".scroll[tabindex='0']").count()
        # What does not fit stays a stop.
        assert not tab.evaluate(
            "[...document.querySelectorAll('.scroll:not([tabindex])')].some((one) => one.scrollWidth > one.clientWidth)"
        ), path
    assert kept
    tab.close()


@pytest.mark.browser
def test_many_funded_places_are_folded_and_unfold_when_some_are_picked_out(
    tab: Any,
    workspace: Workspace,
    study: Study,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rounds, "MOST_OPEN", 10)
    some = study.model_copy(update={"publish": study.publish.model_copy(update={"pages": ["round"]})})
    site = publish_site(workspace, some, tmp_path / "site", built=DAY).parent
    text = (site / "round/index.html").read_text(encoding="utf-8")
    folded = re.search(
        r'<details class="fold"><summary>All 24 funded places, by name</summary>(.*?)</ul>', text, re.DOTALL
    )
    assert folded
    assert (
        folded[1].count("<li data-region=") == 24
    )  # all of them are there without scripts, to be searched and printed
    tab.goto((site / "round/index.html").as_uri())
    fold = tab.locator("details.fold")
    assert fold.get_attribute("open") is None
    assert tab.inner_text("form.pick [role=status]") == ""  # no row is shown yet
    tab.select_option("#firm-1", "contested")
    assert fold.get_attribute("open") is not None
    assert 0 < fold.locator("li:not([hidden])").count() < 24
    assert "of 24 rows shown" in tab.inner_text("form.pick [role=status]")
    tab.goto((site / "round/index.html").as_uri() + "?firm-1=contested")
    assert fold.get_attribute("open") is not None


@pytest.mark.browser
def test_a_place_of_which_nothing_is_known_is_not_compared_as_one_without_need(
    tab: Any, address: str
) -> None:
    def emptied(route: Any) -> None:
        """Take all that is known of one place."""
        path, shard = json.loads(f"[{route.fetch().text().partition('(')[2].rpartition(')')[0]}]")
        shard["T01000004"].update(unknown=True, strong=[], great=[], standings=[], types=[])
        body = f"wardmote.put({json.dumps(path)},{json.dumps(shard)});"
        route.fulfill(body=body, content_type="text/javascript")

    tab.route("**/data/places/patch25/T010000.js?*", emptied)
    tab.goto(f"{address}/compare/index.html#level=patch25&a=T01000004&b=T01000167")
    tab.wait_for_selector("table.compared-places")
    for row in tab.locator("table.compared-places tbody tr").all()[:2]:
        assert "nothing can be said of it" in row.locator("td").first.inner_text()


BOXES = """() => [...document.querySelectorAll('button, input, select, textarea, .map-buttons, nav')].filter((one) =>
    one.getClientRects().length && !one.closest('thead')).map((one) => one.id || one.className || one.textContent)"""
"""What can only be pressed or typed into, and yet stands on paper."""

CUT = """() => [...document.querySelectorAll('main *')].filter((one) => one.scrollHeight > one.clientHeight + 1
    && ['auto', 'scroll', 'hidden'].includes(getComputedStyle(one).overflowY)
    && one.clientHeight > 1).map((one) => one.className || one.tagName)"""
"""Boxes that cut what they hold."""


@pytest.mark.browser
def test_paper_says_what_was_set_and_leaves_out_what_can_only_be_pressed(browser: Any, address: str) -> None:
    tab = browser.new_page(viewport={"width": 700, "height": 1000})
    for path, ready in (
        ("whatif/index.html#share=200000&places=10", "#result h3"),
        ("map/index.html#only=both", "html[data-map=drawn]"),
        ("find.html#how=near&km=3&of=T01000007&level=patch25", "#custom-result table"),
        ("table/index.html", "#table-form:not([hidden])"),
        ("round/index.html", "form.pick:not([hidden])"),
        ("place/patch25/T01000004.html", "h1"),
    ):
        tab.emulate_media(media="screen")
        tab.goto(f"{address}/{path}")
        tab.wait_for_selector(ready, timeout=30_000)
        tab.wait_for_timeout(1000)  # the what-if page names all places when the hand rests
        tab.emulate_media(media="print")
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert tab.evaluate(BOXES) == [], path
        assert tab.evaluate(CUT) == [], path
        assert tab.evaluate("document.documentElement.scrollWidth <= 700"), path
        text = tab.inner_text("main")
        if path.startswith("whatif"):
            assert re.search(r"The settings\n+Weights: .*\n+Set of weights: As published\n+Income: 35%", text)
            assert "Places in all, at most: 10 places" in text
            assert "per cent of neighbourhoods: 20%\n" in text
            assert f"{address}/{path}" in text
            assert "Coming in (16)" in text
        if path.startswith("map"):
            # The picture as it stood, and what was picked out, in words.
            assert tab.is_visible("#printed")
            assert not tab.is_visible("#map")
            tones = (
                "(one) => new Set(one.getContext('2d').getImageData(0, 0, one.width, one.height).data).size"
            )
            assert tab.eval_on_selector("#printed", tones) > 20
            assert "only doubly disadvantaged" in text
            assert "only funded" not in text
            assert "Choose a place" not in text  # nobody can on paper
        if path.startswith("find"):
            assert "From a file" not in text
            assert "within 3 km of the middle point of" in text
        if path.startswith("table"):
            assert tab.locator("#places tbody tr").count() == 360
            # A button in a head is drawn on the first sheet alone.
            assert tab.evaluate("getComputedStyle(document.querySelector('th button')).display") == "contents"
            tab.evaluate("dispatchEvent(new Event('afterprint'))")
            assert tab.locator("#places tbody tr").count() == 200
    tab.close()


PHRASES = {
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "summary",
    "label",
    "button",
    "a",
    "span",
    "strong",
    "legend",
    "caption",
}
"""Elements in which no block may stand; headings may in a summary, and anything that their own parents allow in links."""

BLOCKS = {
    "p",
    "div",
    "section",
    "ul",
    "ol",
    "dl",
    "table",
    "figure",
    "form",
    "details",
    "h1",
    "h2",
    "h3",
    "h4",
    "nav",
    "main",
}

PARENTS = {
    "li": {"ul", "ol"},
    "tr": {"thead", "tbody", "tfoot"},
    "td": {"tr"},
    "th": {"tr"},
    "dt": {"dl", "div"},
    "dd": {"dl", "div"},
    "caption": {"table"},
    "summary": {"details"},
    "figcaption": {"figure"},
    "legend": {"fieldset"},
    "option": {"select", "optgroup", "datalist"},
}
"""In what an element stands (HTML, Living Standard, §4)."""


def faults(text: str) -> list[str]:
    """Return what is wrong with the structure of a page."""
    page = Outline(re.sub(r"(?i)<!doctype[^>]*>", "", text))
    found: list[str] = []
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    found += [f"id {id_} twice" for id_ in sorted({id_ for id_ in ids if ids.count(id_) > 1})]
    for one in page.elements:
        for name in ("for", "aria-labelledby", "aria-describedby", "aria-controls", "list"):
            found += [
                f"{name}={id_} names nothing"
                for id_ in one.attributes.get(name, "").split()
                if id_ not in ids
            ]
        link = one.attributes.get("href", "")
        if link.startswith("#") and len(link) > 1 and one.tag == "a" and html.unescape(link[1:]) not in ids:
            found.append(f"{link} leads nowhere")
        parent = one.parent.tag if one.parent else ""
        if parent not in PARENTS.get(one.tag, {parent}):
            found.append(f"<{one.tag}> in <{parent}>")
        if one.tag in BLOCKS and parent in PHRASES and not (parent == "summary" and one.tag.startswith("h")):
            found.append(f"<{one.tag}> in <{parent}>")
        if one.tag in {"a", "button", "form", "label"} and one.above(one.tag):
            found.append(f"<{one.tag}> within another")
        if parent in {"ul", "ol"} and one.tag != "li":
            found.append(f"<{one.tag}> in <{parent}>")
    for table in page.find("table"):
        captions = [one for one in table.children if one.tag == "caption" and one.all_text().strip()]
        found += [] if len(captions) == 1 else ["a table without a caption"]
    found += [
        f"<th> without scope: {one.all_text()}" for one in page.find("th") if "scope" not in one.attributes
    ]
    levels = [int(one.tag[1]) for one in page.elements if re.fullmatch("h[1-6]", one.tag)]
    found += (
        []
        if levels.count(1) == 1 and levels[:1] == [1]
        else [f"headings begin {levels[:3]}, {levels.count(1)} of them h1"]
    )
    found += [f"h{a} is followed by h{b}" for a, b in pairwise(levels) if b > a + 1]
    whole = page.find("html")
    found += [] if whole and whole[0].attributes.get("lang") else ["no language"]
    found += (
        [] if len(page.find("title")) >= 1 and len(page.find("main")) == 1 else ["no title, or not one main"]
    )
    return found


def test_pages_of_every_kind_are_well_formed(site: Path, kinds: list[str]) -> None:
    found = {path: faults((site / path).read_text(encoding="utf-8")) for path in kinds}
    assert {path: said for path, said in found.items() if said} == {}
    assert len(found) >= 20


def test_the_check_of_pages_finds_faults() -> None:
    broken = (
        '<html><main><h1>A</h1><p id="a"><p id="a">x</p></p><h3>B</h3>'
        "<table><tr><th>x</th></tr></table><ul><p>y</p></ul></main></html>"
    )
    said = faults(broken)
    for one in (
        "id a twice",
        "<p> in <p>",
        "h1 is followed by h3",
        "a table without a caption",
        "<tr> in <table>",
        "<p> in <ul>",
        "no language",
    ):
        assert one in said
