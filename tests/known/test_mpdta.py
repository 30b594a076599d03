"""Minimum wages and teen employment (mpdta): the example of Callaway and Sant'Anna's own package.

Figures: vignette "Getting started with the did package" (did 2.1, 2023) and the data's README; 500 counties, 2003–2007. Standard
errors are analytic; the vignette's are bootstrapped and differ in the fourth digit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wardmote.methods.differences import NEVER, average, group_time_effects
from wardmote.methods.imputation import imputation_effects

pytestmark = pytest.mark.mirror

# As published: four decimals, so half a unit of the last.
PRINTED = 5e-5


@pytest.fixture(scope="module")
def panel(mirror: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    data = pd.read_csv(mirror / "evaluation" / "mpdta.csv")
    outcome = data.pivot(index="year", columns="countyreal", values="lemp")
    county = data.drop_duplicates("countyreal").set_index("countyreal").loc[outcome.columns]
    start = np.where(county["first.treat"] == 0, NEVER, county["first.treat"].astype(int) - 2003)
    return outcome.to_numpy(), start, county["lpop"].to_numpy()[None]


def test_effects_by_group_and_year(panel: tuple[np.ndarray, ...]) -> None:
    cells = group_time_effects(panel[0], panel[1])
    found = {
        (g + 2003, t + 2003): e
        for g, t, e in zip(cells.group.tolist(), cells.time.tolist(), cells.effect, strict=True)
    }
    published = {
        (2004, 2004): -0.0105, (2004, 2005): -0.0704, (2004, 2006): -0.1373, (2004, 2007): -0.1008,
        (2006, 2004): 0.0065, (2006, 2005): -0.0028, (2006, 2006): -0.0046, (2006, 2007): -0.0412,
        (2007, 2004): 0.0305, (2007, 2005): -0.0027, (2007, 2006): -0.0311, (2007, 2007): -0.0261,
    }  # fmt: skip
    assert found == pytest.approx(published, abs=PRINTED)


def test_simple_average_and_its_error(panel: tuple[np.ndarray, ...]) -> None:
    simple = average(group_time_effects(panel[0], panel[1]))
    assert simple.effect[0] == pytest.approx(-0.0400, abs=PRINTED)
    assert simple.standard_error()[0] == pytest.approx(0.0120, abs=PRINTED)


def test_groups(panel: tuple[np.ndarray, ...]) -> None:
    groups = average(group_time_effects(panel[0], panel[1]), "group")
    assert groups.effect == pytest.approx([-0.0797, -0.0229, -0.0261], abs=PRINTED)
    assert groups.overall.effect[0] == pytest.approx(-0.0310, abs=PRINTED)


def test_event_study(panel: tuple[np.ndarray, ...]) -> None:
    dynamic = average(group_time_effects(panel[0], panel[1]), "dynamic")
    assert dynamic.at.tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert dynamic.effect == pytest.approx(
        [0.0305, -0.0006, -0.0245, -0.0199, -0.0510, -0.1373, -0.1008], abs=PRINTED
    )
    assert dynamic.standard_error()[3:] == pytest.approx([0.0118, 0.0169, 0.0364, 0.0344], abs=PRINTED)
    assert dynamic.overall.effect[0] == pytest.approx(-0.0772, abs=PRINTED)
    assert dynamic.overall.standard_error()[0] == pytest.approx(0.0200, abs=PRINTED)


def test_doubly_robust_with_population(panel: tuple[np.ndarray, ...]) -> None:
    simple = average(group_time_effects(panel[0], panel[1], covariates=panel[2]))
    assert simple.effect[0] == pytest.approx(-0.0418, abs=PRINTED)
    assert simple.standard_error()[0] == pytest.approx(0.0115, abs=PRINTED)


def test_imputation(panel: tuple[np.ndarray, ...]) -> None:
    """-.0477 (.0132): Borusyak, Jaravel and Spiess's estimator as two other packages compute it."""
    simple = imputation_effects(panel[0], panel[1])
    assert simple.effect[0] == pytest.approx(-0.0477, abs=PRINTED)
    assert simple.standard_error()[0] == pytest.approx(0.0132, abs=PRINTED)
