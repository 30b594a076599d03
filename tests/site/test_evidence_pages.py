"""Pages of evidence: cards, the map of gaps, what was tried here, and strategies on the profiles of places."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from wardmote.publish import publish_site
from wardmote.publish.page import gather
from wardmote.publish.place_strategies import DEPRIVED, Strategies, Strategist
from wardmote.publish.places import Atlas, read_atlas
from wardmote.publish.practice import card_path
from wardmote.publish.reading import FrameTables
from wardmote.study import Study
from wardmote.tables import TABLES, frame
from wardmote.workspace import Workspace

SVG = "{http://www.w3.org/2000/svg}"


def text_of(path: Path) -> str:
    return html.unescape(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def evidence(page: Path) -> str:
    return text_of(page.parent / "evidence" / "index.html")


def test_each_strategy_has_a_card_that_says_all_it_must(
    page: Path, workspace: Workspace, evidence: str
) -> None:
    cells = workspace.read("gap_map")
    effects = workspace.read("effects")
    for body, strategy in cells[["synthesis", "strategy"]].drop_duplicates().itertuples(index=False):
        path = card_path(body, strategy)
        assert f'href="../{path}"' in evidence
        card = text_of(page.parent / path)
        for heading in ("What it is", "What was found", "What does it cost?"):
            assert f"<h2>{heading}</h2>" in card
        mine = effects[(effects["synthesis"] == body) & (effects["strategy"] == strategy)]
        for row in mine[mine["result"] == "harm"].itertuples():
            assert f"Harm: {row.intervention}" in card
        # Two minutes at 240 words a minute; reasons, plots and tables are for those who want more.
        words = re.sub(
            r"<details>.*?</details>|<[^>]+>",
            " ",
            card[card.index("<article") : card.index("</article>")],
            flags=re.S,
        )
        assert len(words.split()) <= 480, path


def test_the_map_of_gaps_has_a_mark_for_each_pair_that_somebody_looked_at(
    workspace: Workspace, evidence: str
) -> None:
    cells = workspace.read("gap_map")
    for body in cells["synthesis"].unique():
        mine = cells[cells["synthesis"] == body]
        found = re.search(rf'<svg[^>]*labelledby="gaps-{body}-title.*?</svg>', evidence, re.S)
        assert found is not None
        tree = ElementTree.fromstring(found[0])
        marks = [
            one for one in tree.iter() if "gap-" in one.get("class", "") and one.get("class") != "gap-core"
        ]
        assert len(marks) == int((mine["findings"] > 0).sum())
        box = [float(x) for x in tree.get("viewBox", "").split()]
        assert all(float(one.get("cx", "1")) < box[2] for one in marks)
        assert f"nobody at {int((mine['findings'] == 0).sum())}" in (tree.findtext(f"{SVG}desc") or "")


def test_what_was_tried_here_stands_beside_what_others_found(
    page: Path, workspace: Workspace, evidence: str
) -> None:
    told = workspace.read("findings", where={"stage": "synthesis", "id": "elsewhere"})["sentence"]
    update = next(one for one in told if "in studies elsewhere, together" in one)
    card = text_of(page.parent / card_path("elsewhere", "places_spaces"))
    new = workspace.read("syntheses", where={"model": "updated here"}).iloc[0]
    for where in (evidence, card):
        assert update in where
        drawn = re.search(r'<svg[^>]*labelledby="here-elsewhere.*?</svg>', where, re.S)
        assert drawn is not None
        assert f"Both together: {new['effect']:.2f} ({new['low']:.2f} to {new['high']:.2f})" in drawn[0]
        assert "impacts/hubs.html" in where
    assert "pounds of wellbeing" in card


def test_every_finding_stands_on_the_page_of_the_library(page: Path, workspace: Workspace) -> None:
    effects = workspace.read("effects")
    for body in effects["synthesis"].unique():
        rows = text_of(page.parent / "evidence" / body / "findings.html").count('<tr><th scope="row">')
        assert rows == int((effects["synthesis"] == body).sum())


def test_findings_that_may_not_be_shown_are_not_told_as_if_there_were_none(
    workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    tables = {name: workspace.read(name) for name in TABLES}
    cells = tables["gap_map"]
    harms = int(cells[(cells["synthesis"] == "works") & (cells["strategy"] == "places_spaces")]["harm"].sum())
    assert harms > 0
    # What the licence of a file withholds reaches no page.
    for name in ("effects", "studies", "accounts"):
        tables[name] = tables[name].iloc[:0]
    pages = study.publish.model_copy(update={"pages": ["evidence"]})
    made = publish_site(tables, study.model_copy(update={"publish": pages}), tmp_path / "site").parent
    card = text_of(made / card_path("works", "places_spaces"))
    assert "Single findings may not be shown under the licence of their file." in card
    assert f"{harms} concluded harm" in card
    index = text_of(made / "evidence" / "index.html")
    for untrue in ("No finding of this library says", "No cost is recorded", "All 0 findings"):
        assert untrue not in card + index


def test_cards_say_designs_and_countries_in_words(page: Path) -> None:
    cards = [text_of(path) for path in (page.parent / "evidence").glob("*/*.html")]
    assert any("randomised trial of groups" in card for card in cards)
    for raw in ("cluster_RCT", "meta_analysis", "multi (", "one way only", ">DiD<"):
        assert not [card for card in cards if raw in re.sub(r"<a .*?</a>", "", card)], raw


# ---- profiles of places


@pytest.fixture(scope="session")
def frames(workspace: Workspace) -> dict[str, pd.DataFrame]:
    return {name: workspace.read(name) for name in TABLES if not TABLES[name].sensitive}


@pytest.fixture(scope="session")
def strategist(frames: dict[str, pd.DataFrame], study: Study) -> Callable[..., tuple[Strategist, Atlas]]:
    """Return what says which strategies were studied in places like one, with some tables changed."""

    def of(**changed: pd.DataFrame) -> tuple[Strategist, Atlas]:
        _, found = gather(FrameTables({**frames, **changed}), study)
        atlas = read_atlas(found)
        return Strategist(atlas, found), atlas

    return of


def place_of(atlas: Atlas, *, deprived: bool) -> int:
    tenths = atlas.indices[0].decile[0]
    return next(i for i, tenth in enumerate(tenths) if (tenth <= 3) == deprived)


def body(found: tuple[Strategies, ...], title: str) -> Strategies:
    return next(one for one in found if title in one.title)


def test_strategies_are_matched_by_stated_facts_and_stand_by_name(
    strategist: Callable[..., tuple[Strategist, Atlas]], frames: dict[str, pd.DataFrame]
) -> None:
    says, atlas = strategist()
    level = atlas.base.level.name
    found = body(says.of(level, place_of(atlas, deprived=True)), "real studies")
    studies, effects = (frames[name][frames[name]["synthesis"] == "works"] for name in ("studies", "effects"))
    like = set(studies[studies["place_type"] == DEPRIVED]["study"])
    counts = effects[effects["study"].isin(like)].groupby("strategy").size()
    assert not found.carrying  # no pooled finding of the library leaves out no effect in a new place
    assert len(found.others) == len(counts)
    assert [line.title for line in found.others] == sorted(line.title for line in found.others)
    by_path = {line.path: line for line in found.others}
    for strategy, number in counts.items():
        assert by_path[card_path("works", str(strategy))].studied.startswith(f"{number} of ")
    assert "whether it is urban or rural is not stated" in " ".join(found.alike)
    assert any("no cost recorded" in line.cost for line in found.others)
    hubs = body(says.of(level, place_of(atlas, deprived=True)), "Hubs elsewhere")
    assert "pounds of wellbeing for each pound" in hubs.others[0].cost


def test_a_place_that_no_study_is_like_is_told_so(
    strategist: Callable[..., tuple[Strategist, Atlas]],
) -> None:
    says, atlas = strategist()
    found = body(says.of(atlas.base.level.name, place_of(atlas, deprived=False)), "real studies")
    assert not found.others
    assert "no study counts as from a place like this" in " ".join(found.alike)
    assert "Area regeneration" in found.elsewhere


def test_withheld_findings_are_not_told_as_studied_elsewhere(
    strategist: Callable[..., tuple[Strategist, Atlas]], frames: dict[str, pd.DataFrame]
) -> None:
    says, atlas = strategist(effects=frames["effects"].iloc[:0], studies=frames["studies"].iloc[:0])
    found = body(says.of(atlas.base.level.name, place_of(atlas, deprived=True)), "real studies")
    assert not found.others
    assert "Area regeneration" in found.closed
    assert not found.elsewhere


def test_classes_of_places_count_where_they_are_stated(
    strategist: Callable[..., tuple[Strategist, Atlas]], frames: dict[str, pd.DataFrame]
) -> None:
    areas = frames["areas"][frames["areas"]["level"] == "patch25"]["area"].tolist()
    classes = {
        "scheme": ["kind"] * len(areas),
        "level": ["patch25"] * len(areas),
        "area": areas,
        "class": ["Rural" if i % 2 else "Urban" for i in range(len(areas))],
        "source": ["people"] * len(areas),
    }
    says, atlas = strategist(classes=frame("classes", classes))
    at = atlas.base.at
    rural, urban = (body(says.of("patch25", at[areas[i]]), "real studies") for i in (1, 0))
    assert "it is rural" in rural.alike[0]
    assert "it is urban" in urban.alike[0]
    assert "a town or city" in urban.alike[1]
    region = body(says.of("part25", 0), "real studies")
    assert "it is not among the three tenths" in region.alike[0]


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.05, 0.25, "would gain on belonging (0.05 to 0.25"),
        (-0.3, -0.1, "would lose on belonging (−0.30 to −0.10"),
    ],
)
def test_evidence_that_carries_over_is_set_apart(
    strategist: Callable[..., tuple[Strategist, Atlas]],
    frames: dict[str, pd.DataFrame],
    low: float,
    high: float,
    told: str,
) -> None:
    table: Any = frames["syntheses"].copy()
    pooled = (table["synthesis"] == "elsewhere") & table["leads"]
    table.loc[pooled, "prediction_low"], table.loc[pooled, "prediction_high"] = low, high
    says, atlas = strategist(
        syntheses=frame("syntheses", {name: table[name].array for name in table.columns})
    )
    found = body(says.of(atlas.base.level.name, place_of(atlas, deprived=True)), "Hubs elsewhere")
    assert told in found.carrying[0].carries
    assert not found.others
    # The pages of places are made anew when the evidence changes.
    assert says.mark != strategist()[0].mark


def test_the_profile_of_a_place_shows_them(page: Path, study: Study) -> None:
    profile = text_of(page.parent / "place" / "patch25" / "T01000297.html")
    assert "What was tried in places like this" in profile
    assert 'href="../../evidence/elsewhere/places-spaces.html"' in profile
    assert "not by rank" in profile
    assert study.synthesis
