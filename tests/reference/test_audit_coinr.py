"""The audit of COINr's ASEM example, from raw indicators in long tables, against COINr's own figures.

Source: COINr 1.1.14, `build_example_coin()`: `get_cronbach`, `get_corr_fam` (Pearson, of the aggregated scores), `get_PCA` by group and
`remove_elements` at level 2 (mean absolute rank shift of the index), each with 17 significant digits. 1e-9: sums are added in another
order, and eigenvectors carry the rounding of their solver.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wardmote.audit import find_audit
from wardmote.methods.coherence import alpha, correlations, dimensions
from wardmote.study import AuditSpec, IndexSpec
from wardmote.tables import empty, frame

pytestmark = pytest.mark.mirror
FOLDER = "composite/coinr_reference"
CONNECTIVITY = ["Physical", "ConEcFin", "Political", "Instit", "P2P"]
SUSTAINABILITY = ["Environ", "Social", "SusEcFin"]
TOLERANCE = 1e-9


def read(mirror: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(mirror / FOLDER / f"{name}.csv", skipinitialspace=True)


def spec_of(meta: pd.DataFrame) -> IndexSpec:
    nodes = meta[meta["Type"].isin(["Indicator", "Aggregate"])].sort_values("Level", ascending=False)
    tree = [
        {
            "node": row.iCode.lower(),
            "parent": row.Parent.lower() if isinstance(row.Parent, str) else "",
            "weight": row.Weight,
            # COINr's direction 1 is "better"; ours is "more need".
            "direction": -int(row.Direction) if row.Type == "Indicator" else None,
        }
        for row in nodes.itertuples()
    ]
    divided = meta[meta["Type"] == "Indicator"].dropna(subset=["Denominator"])
    steps: list[dict[str, object]] = [
        {
            "id": f"by-{name.lower()}",
            "on": [one.lower() for one in rows["iCode"]],
            "do": "denominate",
            "by": name,
        }
        for name, rows in divided.groupby("Denominator")
    ]
    steps += [
        {"id": "fill", "on": "leaves", "do": "impute", "method": "group-mean", "within": "continent"},
        {"id": "treat", "on": "leaves", "do": "treat", "method": "skew-kurt", "winmax": 5},
        {"id": "scale", "on": "leaves", "do": "normalise", "method": "minmax"},
        {"id": "combine", "on": "branches", "do": "aggregate", "method": "arithmetic"},
    ]
    return IndexSpec.model_validate({"tree": tree, "steps": steps, "higher": "better", "level": "country"})


def audited(mirror: Path) -> pd.DataFrame:
    meta = pd.read_csv(mirror / "composite/ASEM_iMeta.csv")
    raw = read(mirror, "default_Raw").set_index("uCode")
    data = pd.read_csv(mirror / "composite/ASEM_iData.csv").set_index("uCode").loc[raw.index]
    leaves = meta[meta["Type"] == "Indicator"]
    columns = {code.lower(): raw[code] for code in leaves["iCode"]}
    columns |= {name: data[name] for name in leaves["Denominator"].dropna().unique()}
    n, k = len(raw), len(columns)
    values = frame(
        "values",
        {
            "indicator": np.repeat(list(columns), n),
            "level": ["country"] * (n * k),
            "area": np.tile(raw.index.to_numpy(), k),
            "period": ["2018"] * (n * k),
            "value": np.concatenate([column.to_numpy(float) for column in columns.values()]),
        },
    )
    named = {
        "indicator": list(columns),
        "title": list(columns),
        "direction": [1] * k,
        "source": ["coinr"] * k,
    }
    country = {"level": ["country"] * n, "area": raw.index.to_numpy()}
    continent = {"parent_level": ["continent"] * n, "parent": data["EurAsia_group"].to_numpy()}
    return find_audit(
        frame("areas", country),
        frame("memberships", {**country, **continent, "weight": np.ones(n)}),
        frame("indicators", named),
        values,
        empty("priorities"),
        scores=empty("scores"),
        spec=AuditSpec(index="asem", by="scores"),
        audit="asem",
        indices={"asem": spec_of(meta)},
    ).audit


def test_the_audit_of_asem_gives_coinrs_figures(mirror: Path) -> None:
    found = audited(mirror).set_index(["test", "item"])["value"]
    cronbach = read(mirror, "cronbach").set_index("what")["alpha"]
    assert found["reliability", "physical"] == pytest.approx(cronbach["Physical_indicators"], abs=TOLERANCE)
    family = read(mirror, "corr_pearson_family")
    for row in family[family["Var1"] == "Sub-index"].itertuples():
        value = found["correlation with parent", row.Var2.lower()]
        assert value == pytest.approx(row.Correlation, abs=TOLERANCE), row.Var2
    removed = read(mirror, "remove_elements_L2_MAD").set_index("el")["MAD"]
    for element in CONNECTIVITY + SUSTAINABILITY:
        assert found["left out: ranks", element.lower()] == pytest.approx(removed[element], abs=TOLERANCE), (
            element
        )


def test_measures_of_coherence_are_coinrs(mirror: Path) -> None:
    meta = pd.read_csv(mirror / "composite/ASEM_iMeta.csv")
    scores = read(mirror, "default_Aggregated").set_index("uCode").astype(float, errors="ignore")
    leaves = meta[meta["Type"] == "Indicator"]["iCode"].tolist()
    cronbach = read(mirror, "cronbach").set_index("what")["alpha"]
    assert alpha(scores[leaves].to_numpy(float).T) == pytest.approx(cronbach["all_indicators"], abs=TOLERANCE)
    pillars = CONNECTIVITY + SUSTAINABILITY
    assert alpha(scores[pillars].to_numpy(float).T) == pytest.approx(cronbach["pillars"], abs=TOLERANCE)
    family = read(mirror, "corr_pearson_family")
    for row in family[family["Var1"] == "Index"].itertuples():
        r = correlations(scores["Index"].to_numpy(float), scores[row.Var2].to_numpy(float))[0, 0]
        assert r == pytest.approx(row.Correlation, abs=TOLERANCE), row.Var2
    loadings = read(mirror, "pca_L2_weights").set_index("iCode")["Weight"]
    for group in (CONNECTIVITY, SUSTAINABILITY):
        first = dimensions(scores[group].to_numpy(float).T).loadings
        theirs = loadings[group].to_numpy()
        # An eigenvector has no sign of its own, and R leaves it to its linear algebra library.
        np.testing.assert_allclose(first, theirs * np.sign(first @ theirs), atol=TOLERANCE)
