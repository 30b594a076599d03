"""The audit of CNI 2023 finds by itself that Civic Assets runs against deprivation.

Source: the files of the Community Needs Index 2023 (OCSI, Local Trust), of the English Indices of Deprivation 2025 and of the
rural-urban classification of 2021; the correlations were worked out from these by scipy beside our own code.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from imd_tables import NO_PRIORITIES, areas_of, cni_2023, imd_2025, recipe
from scipy.stats import spearmanr

from wardmote.audit import AuditTables, find_audit
from wardmote.index import build_index
from wardmote.study import AuditSpec
from wardmote.tables import check, concat, empty, frame

pytestmark = pytest.mark.mirror


def england(mirror: Path, classes: str = "ruc21-rural") -> AuditTables:
    file, of_cni, cni = cni_2023(mirror)
    _, of_imd, imd = imd_2025(mirror)
    areas = areas_of("lsoa21", file["lsoa21_code"])
    indices = {"cni": recipe("cni-2023"), "imd": recipe("imd-england-2025")}
    tables = (
        areas,
        empty("memberships"),
        concat("indicators", [of_cni, of_imd]),
        concat("values", [cni, imd]),
    )
    scores = build_index(*tables, NO_PRIORITIES, spec=indices["imd"], index="imd").scores
    rural = pd.read_parquet(mirror / "geography/lookups/ruc21_lsoa21.parquet")
    schemes = frame(
        "classes",
        {
            "scheme": ["ruc21-rural"] * len(rural),
            "level": ["lsoa21"] * len(rural),
            "area": rural["lsoa21_code"].to_numpy(),
            "class": rural["ruc"].to_numpy(),
            "source": ["rural"] * len(rural),
        },
    )
    spec = AuditSpec(index="cni", against=["imd"], classes=classes)
    return find_audit(
        *tables, NO_PRIORITIES, scores=scores, classes=schemes, spec=spec, audit="cni", indices=indices
    )


def test_civic_assets_runs_against_deprivation_in_towns_and_not_in_the_country(mirror: Path) -> None:
    found = england(mirror)
    check("audit", found.audit)
    lines = found.audit.set_index(["test", "item"])
    overall = lines.loc[("link to another measure", "civic-assets × imd")]
    # The figure of the domain notes: Spearman with IMD 2025, three decimals.
    assert overall["result"] == "flagged"
    assert round(overall["value"], 3) == -0.147
    urban = lines.loc[("link inside a class", "civic-assets × imd in Urban")]
    rural = lines.loc[("link inside a class", "civic-assets × imd in Rural")]
    assert urban["result"] == "flagged"
    assert urban["value"] == pytest.approx(-0.14, abs=0.005)
    assert rural["result"] == "passed"
    assert abs(rural["value"]) < 0.03
    links = found.audit[found.audit["test"] == "link to another measure"]
    assert links[links["result"] == "flagged"]["item"].tolist() == ["civic-assets × imd"]
    told = found.findings["sentence"].tolist()
    assert any("Civic assets runs against" in text and "−0.147" in text for text in told)


def test_links_are_scipys_rank_correlations(mirror: Path) -> None:
    file, _, _ = cni_2023(mirror)
    imd = pd.read_parquet(mirror / "deprivation/imd2025_england_lsoa21.parquet").set_index("lsoa21_code")
    rank = imd.loc[file["lsoa21_code"], "IMD_rank"].to_numpy()
    lines = england(mirror).audit.set_index(["test", "item"])["value"]
    theirs = spearmanr(file["Civic Assets Domain Rank"], rank).statistic
    # 1e-4: the published IMD rank comes from scores printed with three decimals, ours from scores in full.
    assert lines["link to another measure", "civic-assets × imd"] == pytest.approx(theirs, abs=1e-4)
    pair = spearmanr(file["Civic Assets Domain Rank"], file["Connectedness Domain Rank"]).statistic
    # 1e-12: the same ranks, added in another order.
    assert lines["correlation with siblings", "civic-assets × connectedness"] == pytest.approx(
        pair, abs=1e-12
    )


def test_an_unknown_classification_is_refused(mirror: Path) -> None:
    from wardmote.errors import InputError

    with pytest.raises(InputError, match="ruc21-rural"):
        england(mirror, classes="ruc99")
