"""Official sets read from the mirror: counts as published, and one area by hand.

Counts: ONS, 33,755 LSOAs of 2021 in England and 1,917 in Wales, 32,844 and 1,909 in 2011; 296 lower-tier authorities in England in 2024,
317 in 2019; English indices of deprivation 2025 and 2019, File 7; the change look-up of LSOAs (33,647 unchanged, 1,900 split rows).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from wardmote import tables
from wardmote.levels import LEVELS
from wardmote.sources import SOURCES, SourceTables, get_source, read_source
from wardmote.study import SourceSpec

ROWS = {
    "imd-england-2025": {"values": 16 * 33755},
    "imd-england-2025-subdomains": {"values": 12 * 33755},
    "imd-england-2025-indicators": {"values": 28 * 33755},
    "imd-england-2019": {"values": 11 * 32844, "membership_facts": 32844},
    "imd-england-2019-subdomains": {"values": 6 * 32844},
    "imd-england-2019-indicators": {"values": 28 * 32844},
    "imd-england-2019-population": {"values": 5 * 32844},
    "imd-england-2019-transformed": {"values": 7 * 32844},
    "cni-2023": {"values": 9 * 33755},
    "lsoa21-msoa21": {"area_facts": 35672 + 7264, "membership_facts": 35672},
    "lsoa21-ward24-lad24": {"membership_facts": 2 * 35672 + 7536},
    "lad24-rgn24": {"area_facts": 296 + 9, "membership_facts": 296},
    "lsoa11-msoa11": {"area_facts": 34753 + 7201, "membership_facts": 34753},
    "lsoa11-lad19": {"membership_facts": 34753},
    "lad19-rgn19": {"membership_facts": 317},
    "lsoa11-lsoa21": {"membership_facts": 35795},
    "msoa21-names": {"area_facts": 7264},
    "msoa21-pcon24-approximate": {"membership_facts": 6856},
    "boundaries-lsoa21": {"boundaries": 35672},
    "boundaries-msoa21": {"boundaries": 7264},
    "boundaries-lad24": {"boundaries": 361},
    "boundaries-lsoa11": {"boundaries": 34753},
    "boundaries-msoa11": {"boundaries": 7201},
    "boundaries-lad19": {"boundaries": 382},
    "boundaries-ward21": {"boundaries": 8694},
    "census-2021-population": {"area_facts": 35672},
    "census-2021-households": {"area_facts": 35672},
    "population-mid-2020": {"area_facts": 34753},
    "rural-urban-2021": {"classes": 2 * 35672},
    "rural-urban-2011": {"classes": 2 * 34753},
    "wellbeing-2021": {"values": 4 * 382},
    "loneliness-2021": {"values": 33755},
}


def read_set(name: str, mirror: Path, folder: Path) -> SourceTables:
    spec = SourceSpec(use=name)
    files = get_source(name, spec, study_folder=folder, raw_folder=folder / "raw", mirror=mirror)
    return read_source(name, spec, files, levels=LEVELS)


def test_every_set_is_counted_here() -> None:
    assert set(ROWS) == set(SOURCES)


@pytest.mark.mirror
@pytest.mark.parametrize("name", ROWS)
def test_rows_of_a_set(name: str, mirror: Path, tmp_path: Path) -> None:
    result = read_set(name, mirror, tmp_path)
    for table, count in ROWS[name].items():
        assert len(getattr(result, table)) == count
    for table in ("sources", "mendings", "area_facts", "indicators"):
        tables.check(table, getattr(result, table))
    dropped = result.mendings.loc[
        result.mendings["kind"].isin(["rows of other levels", "rows of notes", "empty rows"]), "cells"
    ]
    row = result.sources.iloc[0]
    assert row["rows_read"] == row["rows_kept"] + int(dropped.sum())
    assert row["access"] == ("derived-only" if name == "cni-2023" else "open")


@pytest.mark.mirror
def test_one_area_of_the_indices(mirror: Path, tmp_path: Path) -> None:
    """City of London 001A: 26,525th of 33,755 in 2025 and 29,199th of 32,844 in 2019 (File 7)."""
    for name, expected in (
        (
            "imd-england-2025",
            {"imd2025-rank": 26525, "imd2025-score": 8.742, "imd2025-living-environment-rank": 244},
        ),
        ("imd-england-2019", {"imd2019-rank": 29199, "imd2019-score": 6.208, "imd2019-income-score": 0.007}),
    ):
        frame = read_set(name, mirror, tmp_path / name).values
        found = frame[frame["area"] == "E01000001"].set_index("indicator")["value"]
        assert {indicator: found[indicator] for indicator in expected} == expected


@pytest.mark.mirror
def test_people_and_shares(mirror: Path, tmp_path: Path) -> None:
    """Census 2021: 56.5 million residents and 23.4 million households in England (ONS, first results)."""
    for name, column, millions in (
        ("census-2021-population", "population", 56.5),
        ("census-2021-households", "households", 23.4),
    ):
        facts = read_set(name, mirror, tmp_path).area_facts
        english = facts[facts["area"].str.startswith("E")]
        assert len(english) == 33755
        assert english[column].sum() / 1e6 == pytest.approx(millions, abs=0.05)
    shares = read_set("lsoa11-lsoa21", mirror, tmp_path).membership_facts.groupby("area")["weight"].sum()
    assert shares.min() == pytest.approx(1.0)
    assert shares.max() == pytest.approx(1.0)


@pytest.mark.mirror
def test_suppressed_well_being(mirror: Path, tmp_path: Path) -> None:
    """The file marks missing estimates with "na": five authorities for three questions, nine for anxiety."""
    frame = read_set("wellbeing-2021", mirror, tmp_path).values
    assert (frame["status"] == "suppressed").sum() == 24
    assert set(frame["period"]) == {"2020-04/2021-03"}
