"""Invented studies of hubs in other counties: what pooling should find in them is planted, as everything in Aldmere is.

Twelve studies of one strategy and one outcome, so that they can be pooled, drawn as a forest and a funnel, and put together with the
programme of this county; two findings on other outcomes, one of them of harm; and what people told.
"""

from __future__ import annotations

import numpy as np

from wardmote.toy.county import SEED

MEAN = 0.15
"""Mean of the true effects of the invented studies, in standard deviations of belonging: what pooling should find."""

SPREAD = 0.08
"""Standard deviation of true effects between studies: hubs do not do the same everywhere."""

PEOPLE = (180, 240, 300, 360, 420, 520, 640, 780, 950, 1200, 1600, 2400)
"""People in each study, both arms together: small ones and large ones, as bodies of evidence are."""

DESIGNS = ("matched", "DiD", "cluster_RCT", "DiD")
"""Designs, in turn: one in four assigns by chance."""

PLACES = ("deprived_neighbourhood", "deprived_neighbourhood", "urban", "rural")
"""Kinds of place, in turn with a shift, so that design and place do not go together."""

COUNTRIES = ("Aldmere", "Norland (invented)", "Ostrey (invented)")
"""Where the studies were done, in turn."""

_COLUMNS = (
    "study_id", "authors", "year", "title_short", "country", "place_type", "strategy", "intervention", "population", "outcome",
    "design", "effect_metric", "effect", "se", "n", "direction_better", "result", "seen", "risk_of_bias", "note", "finding",
    "context", "confidence",
)  # fmt: skip


def finding_rows(seed: int = SEED) -> list[dict[str, str]]:
    """Return the invented findings as rows of the file that the study reads.

    Args:
        seed: Seed of what is drawn; the same seed gives the same rows.
    """
    rng = np.random.default_rng([seed, 2024])
    rows = []
    for i, people in enumerate(PEOPLE):
        error = 2 / people**0.5  # of a standardised mean difference between two halves of the people
        effect = round(MEAN + SPREAD * rng.standard_normal() + error * rng.standard_normal(), 3)
        low, high = effect - 1.96 * error, effect + 1.96 * error
        rows.append(
            _row(
                study_id=f"invented{2008 + i}",
                authors=f"Invented study {i + 1}",
                year=str(2008 + i),
                title_short="Hubs and belonging",
                country=COUNTRIES[i % 3],
                place_type=PLACES[(i + i // 4) % 4],
                intervention="A place to meet, run by residents",
                population="Adults nearby",
                outcome="belonging",
                design=DESIGNS[i % 4],
                effect_metric="SMD",
                effect=f"{effect:.3f}",
                se=f"{error:.3f}",
                n=str(people),
                result="benefit" if low > 0 else "harm" if high < 0 else "none",
                risk_of_bias="low" if DESIGNS[i % 4] == "cluster_RCT" else "some",
                note="invented",
            )
        )
    common = {
        "country": "Aldmere",
        "place_type": "deprived_neighbourhood",
        "seen": "exact",
        "note": "invented",
    }
    rows.append(
        _row(
            **common, study_id="invented2021", authors="Invented study 13", year="2021", title_short="When hubs close",
            intervention="Hubs closed to save money", population="Older adults nearby", outcome="loneliness", design="DiD",
            result="harm", risk_of_bias="some",
        )
    )  # fmt: skip
    rows.append(
        _row(
            **common, study_id="invented2022", authors="Invented study 14", year="2022", title_short="Voices from hubs",
            outcome="belonging", design="qualitative", finding="People came for something to do and stayed for one another.",
            context="interviews in six hubs", confidence="moderate",
        )
    )  # fmt: skip
    return rows


def _row(**given: str) -> dict[str, str]:
    """Return a row with every column, empty where nothing is given."""
    usual = {"strategy": "places_spaces", "direction_better": "yes", "seen": "exact"}
    return {name: given.get(name, usual.get(name, "")) for name in _COLUMNS}
