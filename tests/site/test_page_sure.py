"""What the first page says of how sure ranks are, where that has been worked out."""

from __future__ import annotations

import re

import pytest
from page_outline import Outline

from wardmote.workspace import Workspace


@pytest.fixture(scope="module")
def drawn(html: str, workspace: Workspace) -> tuple[Outline, Workspace]:
    """The invented county's first page, whose uncertainty has been worked out, and its tables."""
    return Outline(html), workspace


def words_of(outline: Outline, section: str) -> str:
    found = next(e for e in outline.find("section") if e.attributes.get("id") == section)
    return re.sub(r"\s+", " ", found.all_text())


def test_all_that_uncertainty_found_stands_where_the_page_says_how_sure_it_is(
    drawn: tuple[Outline, Workspace],
) -> None:
    outline, workspace = drawn
    findings = workspace.read("findings")
    sentences = findings.loc[findings["stage"] == "uncertainty", "sentence"].tolist()
    told = words_of(outline, "sure")
    assert len(sentences) > 4
    for sentence in sentences:
        assert sentence in told
    # Probability is said of sampling alone, and only where nothing else varies.
    assert "sampling error alone" in told
    assert "choices of method alone" in told
    assert "so intervals are lower bounds" in told


def test_the_findings_say_how_many_of_the_list_are_firm(drawn: tuple[Outline, Workspace]) -> None:
    outline, workspace = drawn
    findings = workspace.read("findings")
    joint = findings["sentence"].str.contains("in the same worlds of both indices")
    sentence = findings.loc[(findings["stage"] == "need") & joint, "sentence"].iloc[0]
    told = words_of(outline, "found")
    assert sentence in told
    assert "No interval is available" not in told
    assert "no rank carries an interval" not in words_of(outline, "sure")


def test_ranks_of_larger_areas_stand_on_the_page_with_their_intervals(
    drawn: tuple[Outline, Workspace],
) -> None:
    outline, workspace = drawn
    table = next(e for e in outline.find("table") if "How firm the order" in e.children[0].text)
    shown = [[cell.all_text() for cell in row.children] for row in table.children[2].children]
    ends = workspace.read("summary_ranks").query("index == 'deprivation' and level == 'borough25'")
    ends = ends[(ends["component"] == "both") & (ends["coverage"] == ends["coverage"].max())]
    told = {row.area: f"{row.rank_low:.0f} to {row.rank_high:.0f}" for row in ends.itertuples()}
    summaries = workspace.read("summaries").query(
        "index == 'deprivation' and node == 'deprivation' and level == 'borough25' and measure == 'average score'"
    )
    ranks = dict(zip(summaries["area"], summaries["rank"], strict=True))
    assert [(code, int(rank), between) for _, code, rank, between in shown] == [
        (code, int(rank), told[code]) for code, rank in sorted(ranks.items(), key=lambda one: one[1])
    ]
    drawing = next(
        e for e in outline.find("svg") if e.attributes.get("aria-labelledby", "").startswith("order")
    )
    # Each area has a dot at its rank, left to right as ranks rise.
    dots = [float(e.attributes["cx"]) for e in drawing.children if e.tag == "circle"]
    assert len(dots) == len(shown)
    assert dots == sorted(dots)
