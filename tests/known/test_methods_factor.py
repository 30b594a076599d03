"""One-factor weights of the English indices, from the published underlying indicators (File 8 of 2019 and 2025).

The published technical reports say that indicators are turned to normal scores and weighed by maximum likelihood factor
analysis; they print no weights to five decimals. The figures here are those under which the published domain scores follow
(rank correlation above 0.99999 with the published Health and Crime domains).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wardmote.methods import aggregate, normalise, ranks, weigh

pytestmark = pytest.mark.mirror

HALF_UNIT = 0.5e-5 + 1e-6
"""The weights are written with five decimals; 1e-6 more for the end of an iterative search."""

HEALTH_2025 = {
    "years_of_potential_life_lost_indicator": 0.23998,
    "comparative_illness_and_disability_ratio_indicator": 0.29362,
    "acute_morbidity_indicator": 0.22198,
    "mental_health_indicator": 0.24442,
}
CRIME_2025 = {
    "violence_with_injury_rate_per_1_000_at_risk_population": 0.15101,
    "violence_without_injury_rate_per_1_000_at_risk_population": 0.15406,
    "stalking_and_harassment_rate_per_1_000_at_risk_population": 0.13234,
    "burglary_rate_per_1_000_at_risk_properties": 0.07446,
    "theft_rate_per_1_000_at_risk_population": 0.09688,
    "criminal_damage_rate_per_1_000_at_risk_population": 0.14362,
    "public_order_and_possession_of_weapons_rate_per_1_000_at_risk_population": 0.14486,
    "anti_social_behaviour_rate_per_1_000_at_risk_population": 0.10277,
}
HEALTH_2019 = {
    "years_of_potential_life_lost_indicator": 0.27125,
    "comparative_illness_and_disability_ratio_indicator": 0.30025,
    "acute_morbidity_indicator": 0.25603,
    "mood_and_anxiety_disorders_indicator": 0.17247,
}
CASES = [
    (
        "imd2025_england_lsoa21_indicators_file8",
        HEALTH_2025,
        "imd2025_england_lsoa21",
        "Health_rank",
        0.9999999,
    ),
    ("imd2025_england_lsoa21_indicators_file8", CRIME_2025, "imd2025_england_lsoa21", "Crime_rank", 0.99999),
    (
        "imd2019_england_lsoa11_indicators_file8",
        HEALTH_2019,
        "imd2019_england_lsoa11_combined",
        "Health_rank",
        0.99999999,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=["health 2025", "crime 2025", "health 2019"])
def test_factor_weights_and_domain(mirror: Path, case: tuple[str, dict[str, float], str, str, float]) -> None:
    file, expected, published, column, agreement = case
    indicators = pd.read_parquet(mirror / "deprivation" / f"{file}.parquet")
    code = indicators.columns[0]
    names = list(expected)
    scores = normalise.rank_normal(indicators[names].to_numpy(dtype=float).T, missing="zero", names=names)
    weights = weigh.factor(scores, names=names)
    assert np.abs(weights - list(expected.values())).max() <= HALF_UNIT
    domain = ranks.average_rank(aggregate.total(scores, weights))
    official = pd.read_parquet(mirror / "deprivation" / f"{published}.parquet").set_index(code)
    theirs = ranks.average_rank(-official.loc[indicators[code], column].to_numpy(dtype=float))
    # Spearman: the published domain is a rank.
    assert np.corrcoef(domain, theirs)[0, 1] >= agreement


def test_one_factor_of_an_exact_model_is_recovered() -> None:
    # A correlation matrix made from loadings has exactly these loadings at its maximum.
    loadings = np.array([0.9, 0.7, 0.5, 0.4])
    matrix = np.outer(loadings, loadings)
    np.fill_diagonal(matrix, 1)
    model = weigh.one_factor(matrix)
    # The search stops where the objective (order 1) is flat to rounding, so about sqrt(1e-16) from the maximum.
    np.testing.assert_allclose(model.loadings, loadings, atol=1e-6)
    assert model.converged
    assert not model.at_bound
