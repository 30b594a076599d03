"""The library of findings that ships: its counts are those of the notes that it was compiled with, and its marks are kept.

Source: the compilers' own page of coverage (127 findings from 88 studies or reviews; 95 with a point estimate, 38 with an interval,
15 with a standard error; benefit 68, none 35, mixed 14, harm 10;
seen: abstract 89, secondary 23, exact 15; belonging 1, turnout 1, trust 2).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from wardmote.study import SynthesisSpec
from wardmote.synthesis.answers import SynthesisTables, find_synthesis
from wardmote.synthesis.library import read_evidence

STRATEGIES = {
    "befriending_linking": 7, "groups_activities": 9, "volunteering_mutual_aid": 6, "places_spaces": 9, "resident_led_decision": 20,
    "regeneration_area": 19, "skills_jobs": 6, "income_finance": 2, "green_climate": 12, "contact_cohesion": 20, "arts_culture": 8,
    "digital": 3, "safety": 6,
}  # fmt: skip
OUTCOMES = {
    "belonging": 1, "trust": 2, "loneliness": 9, "social_networks": 4, "participation": 10, "turnout": 1, "wellbeing": 12,
    "mental_health": 25, "physical_health": 13, "crime": 13, "employment": 8, "poverty_income": 4, "education": 6, "prejudice": 17,
    "housing": 2,
}  # fmt: skip
"""The compilers' table of coverage: findings by strategy and by outcome."""


@pytest.fixture(scope="module")
def library() -> SynthesisTables:
    spec = SynthesisSpec(title="What works", country="UK")
    return find_synthesis(spec=spec, synthesis="works", evidence=read_evidence(Path(), spec))


def test_counts(library: SynthesisTables) -> None:
    effects = library.effects
    assert (len(effects), len(library.studies)) == (127, 88)
    assert int(effects["printed"].notna().sum()) == 95
    assert int(effects["printed_low"].notna().sum()) == 38
    assert effects["result"].value_counts().to_dict() == {"benefit": 68, "none": 35, "mixed": 14, "harm": 10}
    assert effects["seen"].value_counts().to_dict() == {"abstract": 89, "secondary": 23, "exact": 15}
    assert int((effects["role"] == "review").sum()) == 36
    cells = library.gap_map
    for kind, counts in (("strategy", STRATEGIES), ("outcome", OUTCOMES)):
        found = cells.groupby(kind)["findings"].sum().astype(int).to_dict()
        assert {name: number for name, number in found.items() if number} == counts


def test_nothing_unverified_is_shown_as_verified(library: SynthesisTables) -> None:
    effects = library.effects
    second_hand = effects[effects["seen"] == "secondary"]
    assert second_hand["check"].notna().all()
    leading = library.gap_map[library.gap_map["unchecked"] > 0]
    assert not leading["strength"].isin(["high", "moderate"]).any()
    # No risk of bias was assessed, so nothing can be high.
    assert not (library.gap_map["strength"] == "high").any()


def test_its_gaps_are_told(library: SynthesisTables) -> None:
    told = " ".join(library.findings["sentence"])
    for words in (
        "belonging (one finding)",
        "trust (two findings)",
        "voting (one finding)",
        "Risk of bias was not assessed",
        "Ten findings of harm, from seven interventions: ",
    ):
        assert words in told


def test_published_figures_stand_as_printed(library: SynthesisTables) -> None:
    answers = library.syntheses.set_index(["strategy", "outcome", "subgroup"])
    # Shekelle and others 2024, abstract: −0.27 (−0.48 to −0.08) on loneliness, less is better.
    row = answers.loc[("groups_activities", "loneliness", "shekelle2024")]
    assert (row["effect"], row["low"], row["high"], row["studies"]) == (0.27, 0.08, 0.48, 11)
    # Eight contact trials whose effects and errors the authors of Paluck, Green and Green (2019) posted, two of one study.
    pooled = answers.loc[("contact_cohesion", "prejudice", "all")]
    assert (pooled["model"], pooled["studies"], pooled["effects"]) == ("three-level", 7, 8)
    assert pooled["low"] < pooled["effect"] < pooled["high"]


def test_what_overlaps_is_never_pooled_as_independent(library: SynthesisTables) -> None:
    effects = library.effects.set_index("effect")
    # The eight contact trials are held by the review of the same authors: one or the other, never both in one pool.
    held = effects[effects["use"].str.contains("also held by the review paluck2019")]
    assert len(held) == 8
    assert (effects.loc[effects["role"] == "review", "use"].str.startswith("pooled")).sum() == 0
    pooled = effects[effects["use"].str.startswith("pooled")]
    # Whatever is pooled: no two rows of different studies that speak of the same people.
    shared = pooled[pooled["trial"].notna()]
    assert shared.groupby("trial")["study"].nunique().le(1).all()
    # Five trials and programmes that several publications speak of (each publication says so itself).
    by_trial = effects[effects["trial"].notna()].groupby("trial")["study"].agg(lambda one: sorted(set(one)))
    assert by_trial.to_dict() == {
        "big-local": ["cic2023", "popay2023"],
        "community-youth-development-study": ["hawkins2013", "oesterle2015"],
        "district-approach": ["jongeneel2016", "kramer2015"],
        "moving-to-opportunity": ["chetty2016", "kessler2014", "ludwig2012"],
        "philadelphia-vacant-lots": ["branas2018", "south2018"],
    }
    assert any("11 studies speak of the same people" in one for one in library.findings["sentence"])


def test_every_row_that_its_compilers_doubt_carries_a_mark(library: SynthesisTables) -> None:
    effects = library.effects
    doubted = (
        effects["note"]
        .fillna("")
        .str.contains(
            "design inferred|general knowledge|author|derived here|difference = 97", case=False, regex=True
        )
    )
    # "Authors" also stand in notes that doubt nothing: per authors (of a review), author-posted data.
    doubted &= ~effects["note"].fillna("").str.contains("per authors|author-posted")
    assert doubted.sum() >= 20
    assert effects.loc[doubted, "check"].notna().all(), effects.loc[
        doubted & effects["check"].isna(), ["effect", "note"]
    ]


def test_its_terms_travel_with_it(library: SynthesisTables) -> None:
    row = library.sources.iloc[0]
    assert (row["source"], row["access"]) == ("works-community-action", "open")
    assert row["licence"] == "MIT"
    assert (row["rows_read"], row["rows_kept"]) == (127, 127)
