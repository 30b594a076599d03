"""The invented county in a dozen sentences: what ``wardmote demo`` prints of all that it found, question by question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wardmote.toy.programme import planted_average
from wardmote.words import figure

if TYPE_CHECKING:
    import pandas as pd

QUESTIONS: tuple[tuple[str, str, str, str], ...] = (
    ("Where is need greatest?", "index", "deprivation", "has the largest share"),
    ("How sure is that?", "uncertainty", "main", "choices and sampling error: of"),
    ("Who is doubly disadvantaged?", "need", "double", "are doubly disadvantaged"),
    ("How sure is that?", "need", "double", "in the same worlds"),
    ("What would residents weigh?", "comparison", "residents", "leaves"),
    ("Who is funded?", "allocate", "gatherings", "are funded, with"),
    ("How firm is that?", "allocate", "gatherings", "drawn worlds"),
    ("What did the programme change?", "evaluate", "hubs", "than would be expected without"),
    ("Was it worth its money?", "evaluate", "hubs", "each pound brought"),
    ("What works elsewhere, and here?", "synthesis", "elsewhere", "in studies elsewhere, together"),
    ("What does nobody know yet?", "synthesis", "works", "pairs of strategy and outcome"),
)
"""A question, and the finding that answers it: its stage, its section, and words that only it has."""

NAIVE = "compared with areas never supported; no covariates; near areas kept"
"""The specification that a hasty reader would choose: all other areas, as they are."""


def tell_story(findings: pd.DataFrame, impacts: pd.DataFrame) -> tuple[str, ...]:
    """Return the dozen sentences, each after its question.

    Args:
        findings: Table `findings` of the county's study.
        impacts: Its table `impacts`.

    Returns:
        One line a question whose finding is there, and before the programme's effect what a naive comparison would have said, since
        the planted effect is known.
    """
    told: list[str] = []
    for question, stage, section, words in QUESTIONS:
        mine = findings[(findings["stage"] == stage) & (findings["id"] == section)].sort_values("position")
        found = next((text for text in mine["sentence"] if words in text), "")
        if stage == "evaluate" and not any("naively" in line for line in told):
            told += _naive(impacts)
        told += [f"{question} {found}"] if found else []
    return tuple(told)


def _naive(impacts: pd.DataFrame) -> list[str]:
    """Return what a naive comparison says beside what was planted; nothing where it was not made."""
    mine = impacts[(impacts["programme"] == "hubs") & (impacts["specification"] == NAIVE)]
    if not len(mine):
        return []
    one = mine.iloc[0]
    return [
        f"What did the programme change, asked naively? Against all other neighbourhoods as they are, it seems to be"
        f" {figure(float(one['effect']), 2)} percentage points ({figure(float(one['low']), 2)} to {figure(float(one['high']), 2)}):"
        f" wrong, since {figure(planted_average(), 2)} were planted."
    ]
