"""Coverage of 95% intervals and false alarms of pooling, over 500 invented bodies of evidence."""

from __future__ import annotations

import numpy as np
import pytest

from wardmote.methods.multilevel import fit, nested_components, robust, sampling_covariance
from wardmote.methods.pooling import pool

pytestmark = pytest.mark.long
WORLDS = 500
# Two standard errors of a share of 0.95 over 500 worlds are 0.02: what lies within 93–97% cannot be told from 95%.
BAND = (0.93, 0.97)


@pytest.mark.parametrize("mean", [0.0, 0.3])
def test_knapp_hartung_holds_its_level(mean: float) -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(WORLDS):
        v = rng.uniform(0.01, 0.2, 10)
        y = mean + rng.normal(size=10) * np.sqrt(v + 0.05)
        found = pool(y, v, test="knapp-hartung")
        hits += bool(found.low[0] <= mean <= found.high[0])
    assert BAND[0] <= hits / WORLDS <= BAND[1]


def test_robust_errors_hold_their_level_where_the_working_model_is_wrong() -> None:
    rng = np.random.default_rng(12)
    study = np.repeat(np.arange(25), 4)
    hits = 0
    for _ in range(WORLDS):
        v = np.repeat(rng.uniform(0.02, 0.2, 25), 4)
        shared = rng.normal(size=25)[study]  # errors correlate by 0.9; the working model supposes 0.4
        noise = np.sqrt(v) * (np.sqrt(0.9) * shared + np.sqrt(0.1) * rng.normal(size=100))
        y = 0.2 + 0.2 * rng.normal(size=25)[study] + noise
        model = fit(y, sampling_covariance(v, study, 0.4), study, nested_components(study))
        found = robust(model)
        hits += bool(found.low[0] <= 0.2 <= found.high[0])
    assert BAND[0] <= hits / WORLDS <= BAND[1]
