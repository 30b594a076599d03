"""The economic cost of conflict in the Basque Country: Catalonia .851 and Madrid .149.

Abadie and Gardeazabal (2003), American Economic Review 93: 113–132, p. 117 and table 3, with the predictors of the Synth package
(Abadie, Diamond and Hainmueller 2011, Journal of Statistical Software 42(13), section 3).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from wardmote.methods.synthetic import nested_control

pytestmark = pytest.mark.mirror

SCHOOL = ["school.illit", "school.prim", "school.med", "school.high"]
SECTORS = ["agriculture", "energy", "industry", "construction", "services.venta", "services.nonventa"]


def test_weights_of_the_basque_country(mirror: Path) -> None:
    data = pd.read_csv(mirror / "evaluation" / "synth_basque.csv").astype({"year": int})
    data = data[data["regionno"] != 1]  # Spain as a whole
    data["school.high"] = data["school.high"] + data["school.post.high"]
    data[SCHOOL] = 100 * data[SCHOOL].div(data[SCHOOL].sum(axis=1, min_count=4), axis=0)

    def mean(name: str, first: int, last: int) -> pd.Series:
        return data[data["year"].between(first, last)].groupby("regionno")[name].mean()

    rows = [mean(name, 1964, 1969) for name in [*SCHOOL, "invest"]]
    rows += [mean("gdpcap", 1960, 1969), *(mean(f"sec.{name}", 1961, 1969) for name in SECTORS)]
    rows += [mean("popdens", 1969, 1969)]
    outcome = data.pivot(index="year", columns="regionno", values="gdpcap")
    x, y = pd.concat(rows, axis=1).T.to_numpy(), outcome.to_numpy()
    own = outcome.columns == 17
    fitted = (outcome.index >= 1960) & (outcome.index <= 1969)
    found = nested_control(
        y[:, own][:, 0], y[:, ~own], 15, predictors=x[:, own][:, 0], donor_predictors=x[:, ~own], fit=fitted
    )
    names = data.drop_duplicates("regionno").set_index("regionno")["regionname"]
    weights = {names[key]: w for key, w in zip(outcome.columns[~own], found.weights, strict=True)}
    # Printed to three digits; the region's other weights are 0.
    assert weights.pop("Cataluna") == pytest.approx(0.851, abs=5e-4)
    assert weights.pop("Madrid (Comunidad De)") == pytest.approx(0.149, abs=5e-4)
    assert max(weights.values()) < 5e-4
    # The Synth package's loss: mean squared gap 0.00886 over 1960–1969.
    assert (found.gap[fitted] ** 2).mean() == pytest.approx(0.00886, abs=1e-5)
