"""Pages of programmes: they say what the tables say, row by row, and draw it with words for those who cannot see."""

from __future__ import annotations

import csv
import html
import io
import math
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from wardmote.evaluate import declaration
from wardmote.publish import publish_site
from wardmote.publish.impacts import ALIKE, plain
from wardmote.publish.plots import funnel
from wardmote.publish.trials import FULL, Dot, by_year, curve, likeness, side_by_side, steps
from wardmote.study import Study
from wardmote.workspace import Workspace

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="session")
def whole(page: Path) -> str:
    return html.unescape((page.parent / "impacts" / "hubs.html").read_text(encoding="utf-8"))


def test_the_menu_leads_there_and_the_answer_stands_first(
    page: Path, workspace: Workspace, whole: str
) -> None:
    assert 'href="impacts/index.html"' in page.read_text(encoding="utf-8")
    index = html.unescape((page.parent / "impacts" / "index.html").read_text(encoding="utf-8"))
    findings = workspace.read("findings", where={"stage": "evaluate"})
    for table in ("impacts", "worths"):
        sentence = next(iter(findings[findings["source_table"] == table]["sentence"]))
        told = plain(sentence, "Neighbourhood hubs")
        assert told in index
        assert whole.index(told) < whole.index("What changed, year by year")
    assert "The plainest comparison, with all other areas as they are, would have said" in whole


def test_every_test_of_trust_stands_there_with_its_verdict(workspace: Workspace, whole: str) -> None:
    checks = workspace.read("impact_checks")
    areas = workspace.read("areas")
    names = dict(zip(areas["area"], areas["name"], strict=True))
    for sentence, item in zip(checks["sentence"], checks["item"], strict=True):
        if item != "slope noticed":  # told in the sentence before it
            # Pages call areas by their names.
            assert re.sub(r"T01\d{6}", lambda code: names[code[0]], plain(sentence)) in whole
    shown = whole[whole.index('id="trust"') : whole.index('id="worth"')]
    assert not re.search(r"T01\d{6}", shown)
    flagged = checks[checks["result"] == "flagged"]["test"].nunique()
    assert whole.count("⚑ flagged</span>") == flagged > 0


def test_every_assumption_stands_there_with_its_source(workspace: Workspace, whole: str) -> None:
    worths = workspace.read("worths")
    assumed = worths[worths["origin"] != "calculated"]
    assert len(assumed) > 5
    for source in assumed["source"]:
        assert source in whole


def test_what_was_declared_and_added_is_told(
    study: Study, workspace: Workspace, whole: str, tmp_path: Path
) -> None:
    spec = study.programme["hubs"]
    assert declaration(spec) in whole
    assert "No earlier checksum stands in the study" in whole
    assert "48 neighbourhoods, from 2018, 2020 and 2022" in whole
    for declared, said in (
        (declaration(spec)[:12], "It is the same that was recorded"),
        ("0" * 12, "It has changed"),
    ):
        added = spec.added.model_copy(update={"estimators": ["two by two"], "why": "a reader asked"})
        changed = spec.model_copy(update={"declared": declared, "added": added})
        pages = study.publish.model_copy(update={"pages": ["impacts"]})
        other = study.model_copy(update={"programme": {"hubs": changed}, "publish": pages})
        made = publish_site(workspace, other, tmp_path / declared)
        text = (made.parent / "impacts" / "hubs.html").read_text(encoding="utf-8")
        assert said in text
        assert "Two by two." in text
        assert "Why: a reader asked." in text
        # The only kind of page that was asked for, so that areas lead nowhere.
        assert "place/patch25" not in text


def test_drawings_stand_above_their_tables(workspace: Workspace, whole: str) -> None:
    impacts = workspace.read("impacts")
    main = impacts[impacts["specification"] == "main"]
    years = main[(main["estimator"] == "staggered") & (main["estimand"] == "dynamic")]
    drawn = {
        name: ElementTree.fromstring(re.search(rf'<svg[^>]*labelledby="{name}-hubs.*?</svg>', whole, re.S)[0])  # type: ignore[index]
        for name in ("years", "ways", "alike", "choices")
    }
    assert len(drawn["years"].findall(f"{SVG}circle")) == len(years)
    marks = drawn["choices"].findall(f"{SVG}circle") + drawn["choices"].findall(
        f"{SVG}path[@class='strip-dot']"
    )
    curve_rows = impacts[impacts["status"] == "check"]
    choices = {part for one in curve_rows["specification"] for part in one.split("; ")}
    assert len(marks) == len(curve_rows) * (1 + len(choices))
    for name, tree in drawn.items():
        assert tree.find(f"{SVG}title") is not None
        described = tree.findtext(f"{SVG}desc") or ""
        after = whole[whole.index(f'labelledby="{name}-hubs') :]
        assert "<table>" in after[: after.index("</details>")]
        assert len(described) > 20
    for effect in years["effect"]:
        assert f"{abs(effect):.2f}" in (drawn["years"].findtext(f"{SVG}desc") or "")


@pytest.mark.parametrize(
    "name", ["impacts", "impact_checks", "balances", "comparators", "treatments", "worths"]
)
def test_the_rows_can_be_taken(page: Path, workspace: Workspace, whole: str, name: str) -> None:
    path = f"impacts/hubs/{name}.csv"
    assert f'href="../{path}"' in whole
    rows = list(csv.DictReader(io.StringIO((page.parent / path).read_text(encoding="utf-8"))))
    assert len(rows) == len(workspace.read(name))


def test_a_study_without_a_programme_has_no_such_page(
    workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    none = study.model_copy(update={"programme": {}, "synthesis": {}})
    made = publish_site(workspace, none, tmp_path / "site")
    assert not (made.parent / "impacts").exists()
    assert "impacts/index.html" not in made.read_text(encoding="utf-8")


# ---- drawings by themselves


@pytest.mark.parametrize(
    ("low", "high", "ticks"), [(0, 1, 6), (-3.2, 11.1, 4), (0.001, 0.0019, 5), (-250, 1000, 3)]
)
def test_axes_have_round_numbers_inside_their_ends(low: float, high: float, ticks: int) -> None:
    found = steps(low, high)
    assert len(found) >= ticks - 1
    assert low - 1e-9 <= found[0] < found[-1] <= high + 1e-9
    step = found[1] - found[0]
    # 1, 2, 5 or 10 times a power of ten.
    assert round(step / 10 ** math.floor(math.log10(step) + 1e-9), 6) in (1, 2, 5)


def places(drawn: str) -> list[tuple[float, float]]:
    tree = ElementTree.fromstring(drawn)
    return [(float(one.get("cx", "nan")), float(one.get("cy", "nan"))) for one in tree.iter(f"{SVG}circle")]


def test_estimates_without_an_interval_are_drawn_and_said() -> None:
    nan = math.nan
    dots = [Dot("a <way>", -1.0, nan, nan, main=True), Dot("another", 2.0, 1.0, 3.0)]
    drawn = str(side_by_side("s", "Ways", dots))
    assert "a <way>: −1.00; another: 2.00 (1.00 to 3.00)" in "".join(ElementTree.fromstring(drawn).itertext())
    assert drawn.count('class="interval"') == 1
    years = str(by_year("y", "Years", [(-1, dots[0]), (0, dots[1])], 1.5))
    (before, low), (after, high) = places(years)
    assert before < after
    assert low > high  # −1 lies below 2
    assert 'class="dot-before"' in years


def test_likeness_puts_what_is_alike_inside_its_band() -> None:
    drawn = str(likeness("l", "Alike", [("Age", -0.8, 0.05), ("Rent", 0.3, -0.09)], ALIKE))
    band = ElementTree.fromstring(drawn).find(f"{SVG}rect")
    assert band is not None
    left, width = float(band.get("x", "0")), float(band.get("width", "0"))
    after = [x for i, (x, _) in enumerate(places(drawn)) if i % 2]
    before = [x for i, (x, _) in enumerate(places(drawn)) if not i % 2]
    assert all(left <= x <= left + width for x in after)
    assert not any(left <= x <= left + width for x in before)


def test_a_curve_marks_the_choices_of_each_estimate() -> None:
    rows = [
        (Dot(f"row {i}", i / 3, i / 3 - 1, i / 3 + 1, main=i == 2), frozenset({"a" if i % 2 else "b"}))
        for i in range(4)
    ]
    drawn = str(curve("c", "Choices", rows, ["a", "b"]))
    # A point for the choice that was not made, a full dot for the one that was: one of each in every column.
    assert drawn.count('class="dot-none"') == 4
    assert drawn.count('class="strip-dot"') == 1


def test_minus_signs_are_true_ones_and_titles_are_not_said_twice() -> None:
    assert (
        plain("Hubs: between -2.78 and 10.07; E-1 and 2013-15 stay", "Hubs")
        == "Between −2.78 and 10.07; E-1 and 2013-15 stay."
    )


LONG = "A randomised trial of befriending by telephone for older people who live alone, Northern Ireland 2019"


def texts_of(drawn: str, kind: str) -> list[Any]:
    """Return the words of a drawing that are of one kind."""
    tree = ElementTree.fromstring(drawn)
    return [one for one in tree.iter(f"{SVG}text") if kind in (one.get("class") or "").split()]


def test_no_line_of_a_scale_crosses_the_words() -> None:
    """Lines from top to foot of a forest plot went through the names of findings."""
    dots = [Dot("Short", 0.2, -0.1, 0.5), Dot(LONG, -0.3, -0.6, 0.0), Dot("All", 0.1, 0.0, 0.2, main=True)]
    for drawn in (
        str(side_by_side("s", "Ways", dots, (-0.2, 0.4), unit="points", better=True)),
        str(likeness("l", "Alike", [("Age", -0.8, 0.05), (LONG, 0.3, -0.09)], ALIKE)),
    ):
        tree = ElementTree.fromstring(drawn)
        lines = [
            [float(number) for number in re.findall(r"-?[\d.]+", one.get("d") or "")][1:]
            for one in tree.iter(f"{SVG}path")
            if one.get("class") in ("zero", "grid")
        ]
        assert any(one.get("class") == "zero" for one in tree.iter(f"{SVG}path"))
        # Words reach from 14 above their foot (in the letters of phones) to 4 below it.
        words = [(float(one.get("y")) - 14, float(one.get("y")) + 4) for one in tree.iter(f"{SVG}text")]
        assert not [
            (line, word) for line in lines for word in words if line[0] < word[1] and word[0] < line[1]
        ]


def test_a_long_name_is_wrapped_and_cut_and_told_whole() -> None:
    drawn = str(side_by_side("s", "Ways", [Dot(LONG, 1.0, 0.5, 1.5), Dot("Other", 1.0, 0.5, 1.5)]))
    shown = texts_of(drawn, "label")
    assert len(shown) == 3
    assert all(len((one[-1].tail if len(one) else one.text) or "") <= FULL for one in shown)
    # Its number stands on a line of its own, below.
    numbers = [float(one.get("y")) for one in texts_of(drawn, "over") if one.get("text-anchor") == "end"]
    assert numbers[0] > float(shown[1].get("y"))
    assert ElementTree.fromstring(drawn).find(f".//{SVG}text/{SVG}title").text == LONG  # type: ignore[union-attr]
    feet = [float(one.get("y")) for one in shown]
    assert feet == sorted(feet)


@pytest.mark.parametrize("better", [True, False, None])
def test_a_scale_says_its_unit_what_nought_means_and_which_way_is_better(better: bool | None) -> None:
    dots = [Dot("One", 0.2, -0.1, 0.5), Dot("Two", 0.3, 0.1, 0.5, main=True)]
    flat = [
        one.text for one in texts_of(str(side_by_side("s", "t", dots, unit="points", better=better)), "value")
    ]
    assert "no difference" in flat
    assert "points" in flat
    assert ("better →" in flat, "← better" in flat) == (better is True, better is False)
    upright = [(-1, dots[0]), (0, dots[1])]
    rows = [(dot, frozenset({"a"})) for dot in dots]
    for drawn in (
        by_year("y", "t", upright, 0.2, unit="points", better=better),
        curve("c", "t", rows, ["a"], unit="points", better=better),
    ):
        told = [one.text for one in texts_of(str(drawn), "value")]
        assert {True: "↑ better, points", False: "↓ better, points", None: "points"}[better] in told
        assert "0: no difference" in told
    apart = [one.text for one in texts_of(str(likeness("l", "t", [("Age", 0.5, 0.0)], ALIKE)), "value")]
    assert "standard deviations apart" in apart
    assert "no difference" in apart


def test_the_pages_say_which_way_is_better(whole: str) -> None:
    """In the county more people who belong is better, and its effects are above nought."""
    assert "better →" in whole
    assert "↑ better, percentage points" in whole
    assert "← better" not in whole


def test_a_funnel_has_a_scale_and_its_words_stand_clear_of_it() -> None:
    drawn = str(funnel("f", "t", [(0.1, 0.05), (0.3, 0.2), (-0.2, 0.15)], 0.12, unit="standardised"))
    told = {one.text: float(one.get("y")) for one in texts_of(drawn, "value")}
    assert {"standardised", "better →", "no difference"} <= set(told)
    ends = [float(n) for n in re.findall(r"V([\d.]+)", drawn)]
    assert told["less precise"] - 14 >= max(ends) - 1
    assert told["more precise"] + 4 <= min(y for _, y in places(drawn))
