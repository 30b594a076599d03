"""Where the lines of an audit come from, test by test: a publication, a custom of the field, or a choice that can be argued with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wardmote.study import AuditLimits

LINES: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        "data for indicators": (
            ("available",),
            "JRC, COIN Tool, frequent questions: at least 65% by indicator",
        ),
        "data for areas": (("available",), "JRC, COIN Tool, frequent questions: at least 65% by unit"),
        "skewness and kurtosis": (("skewness", "kurtosis"), "custom of the JRC's audits; COINr"),
        "outliers": (("outliers",), "Tukey 1977, p. 44, for far out; the share is a choice"),
        "correlation with siblings": (("weak", "redundant", "opposed"), "custom of the JRC's audits"),
        "correlation with parent": (("weak", "opposed"), "custom of the JRC's audits"),
        "own parent": ((), "the higher of two correlations, which needs no choice"),
        "one dimension": (("dimensions",), "Kaiser 1960"),
        "reliability": (("reliability",), "Nunnally 1978, p. 245"),
        "correlation with the rest": (("opposed",), "Cohen 1988, p. 79: 0.1 is a small correlation"),
        "link to another measure": (("opposed",), "Cohen 1988, p. 79: 0.1 is a small correlation"),
        "link inside a class": (("opposed",), "Cohen 1988, p. 79: 0.1 is a small correlation"),
        "weight and influence": (
            ("influence",),
            "Paruolo, Saisana and Saltelli 2013 for the comparison; half or double is a choice",
        ),
        "left out: ranks": (
            ("rank_shift",),
            "Saisana, Saltelli and Tarantola 2005 for the measure; a tenth of the areas is a choice",
        ),
        "left out: greatest need": (("tenth",), "a choice: one in four"),
        "driver of ranks": (("driver",), "Sobol for the measure; more than all others together is a choice"),
        "intervals of ranks": (
            ("deciles", "wide"),
            "the share is reported in the JRC's audits; two deciles and one in four are choices",
        ),
        "added value": (("added",), "as for parts that say the same: custom of the JRC's audits"),
    }
)
"""By test: the limits of `AuditLimits` that it uses, and where these come from. docs/methods/audit.md gives the references in full."""


def line_from(test: str, limits: AuditLimits) -> str:
    """Return where the line of a test comes from.

    Args:
        test: The test, a key of `LINES`.
        limits: The lines that are drawn; a study that draws one of its own is told so.
    """
    names, source = LINES[test]
    usual = AuditLimits()
    own = [name for name in names if getattr(limits, name) != getattr(usual, name)]
    return "set in this study" if own else source
