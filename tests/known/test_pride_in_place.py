"""Pride in Place, Phase 2, England: the published list against the rules that were recovered from it, from the official files.

The published list and what is known of its rules: register ``pride-in-place-phase-2-england`` and the preset of that name.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from wardmote.pipeline import run

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "pride-in-place"


@pytest.fixture(scope="module")
def folder(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("pride")
    shutil.copy(EXAMPLE / "study.toml", where / "study.toml")
    run(where, mirror=mirror)
    return where


@pytest.fixture(scope="module")
def decisions(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "out" / "tables" / "decisions.allocate.phase-2.parquet")


@pytest.fixture(scope="module")
def compared(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "out" / "tables" / "rule_comparison.allocate.phase-2.parquet")


def value(compared: pd.DataFrame, rules: str, measure: str) -> float:
    rows = compared[(compared["rules"] == rules) & (compared["measure"] == measure)]
    return float(rows["value"].iloc[0])


@pytest.mark.mirror
def test_at_least_142_of_the_146_published_places_are_reproduced(decisions: pd.DataFrame) -> None:
    """142 and 143 were found by two independent tries with the same approximate look-up of constituencies."""
    assert decisions["funded"].sum() == 146
    assert decisions["published"].sum() == 146
    assert (decisions["funded"] & decisions["published"]).sum() >= 142


@pytest.mark.mirror
def test_every_published_place_that_is_missed_is_explained(decisions: pd.DataFrame, folder: Path) -> None:
    missed = decisions[decisions["published"] & ~decisions["funded"]]
    # All of them lie on the border of two constituencies, where the look-up is approximate: another place of the same one leads.
    assert set(missed["decided_by"]) == {"group cap reached"}
    findings = pd.read_parquet(folder / "out" / "tables" / "findings.allocate.phase-2.parquet")["sentence"]
    for code in missed["area"]:
        assert findings.str.contains(f"({code})", regex=False).sum() == 1


@pytest.mark.mirror
def test_61_without_the_two_rules_71_and_114_with_one_of_them(compared: pd.DataFrame) -> None:
    """As recovered from the lists: none 61, one place for each constituency alone 113, no place in Phase 1 constituencies alone 71.

    113 was found with Queensway under a code that stands twice in the source; with its own code it is one more.
    """
    measure = "published places reproduced"
    assert value(compared, "no cap and no list", measure) == 61
    assert value(compared, "without the cap by constituency", measure) == 71
    assert value(compared, "without the rule “a constituency that holds a place of Phase 1”", measure) in (
        113,
        114,
    )


@pytest.mark.mirror
def test_what_the_rules_passed_over_is_told(compared: pd.DataFrame, decisions: pd.DataFrame) -> None:
    weakest = decisions.loc[decisions["funded"], "score"].min()
    passed = decisions[~decisions["funded"] & (decisions["score"] > weakest)]
    assert value(compared, "stated", "places of greater need passed over") == len(passed)
    assert value(compared, "stated", "people in places passed over") == passed["population"].sum()
    assert 2_000_000 < passed["population"].sum() < 3_000_000


@pytest.mark.mirror
def test_the_reconstruction_says_what_it_is(folder: Path) -> None:
    findings = pd.read_parquet(folder / "out" / "tables" / "findings.allocate.phase-2.parquet")["sentence"]
    said = findings[findings.str.contains("reconstruction, recovered by fit")].iloc[0]
    assert "the ministry's own methodology note stands above it" in said


@pytest.mark.mirror
def test_regional_counts_are_the_published_ones(compared: pd.DataFrame) -> None:
    """The published list: North West 38, West Midlands 22, Yorkshire and The Humber 21 … London 2; four misses move at most four."""
    published = {
        "North West": 38,
        "West Midlands": 22,
        "Yorkshire and The Humber": 21,
        "South East": 14,
        "London": 2,
    }
    for name, number in published.items():
        assert abs(value(compared, "stated", f"places, rgn24: {name}") - number) <= 4
