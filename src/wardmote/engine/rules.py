"""Which settings each method of a step takes, and how the words of a study become the names of `wardmote.methods`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Rule:
    """What one method of one kind of step takes.

    Attributes:
        name: Name of the function in the registry of `wardmote.methods`, or "" where the engine does it.
        takes: Settings of the step that the method takes, each with the argument that it becomes.
        needs: Settings that must be given.
    """

    name: str
    takes: Mapping[str, str]
    needs: tuple[str, ...] = ()


def _rule(name: str, takes: str = "", needs: str = "") -> Rule:
    pairs = (part.partition(":") for part in takes.split())
    return Rule(name, MappingProxyType({field: to or field for field, _, to in pairs}), tuple(needs.split()))


_LIMITS = "winmax max_skew max_kurt"

RULES: Mapping[tuple[str, str], Rule] = MappingProxyType(
    {
        ("denominate", ""): _rule("", "by scale", "by"),
        ("screen", ""): _rule("", "what min_available", "what min_available"),
        ("impute", "mean"): _rule("mean"),
        ("impute", "median"): _rule("median"),
        ("impute", "group-mean"): _rule("group_mean", "within", "within"),
        ("impute", "group-median"): _rule("group_median", "within", "within"),
        ("impute", "parent"): _rule("parent", "within", "within"),
        ("impute", "neighbours"): _rule("neighbours"),
        ("impute", "constant"): _rule("constant", "value", "value"),
        ("treat", "skew-kurt"): _rule("skew_kurt", f"{_LIMITS} then lam:power"),
        ("treat", "winsorise"): _rule("winsorise", _LIMITS),
        ("treat", "log-ct"): _rule("log_ct"),
        ("treat", "log-ct-plus"): _rule("log_ct_plus"),
        ("treat", "log-ct-orig"): _rule("log_ct_orig"),
        ("treat", "log-gii"): _rule("log_gii"),
        ("treat", "box-cox"): _rule("box_cox", "lam:power"),
        ("shrink", "empirical-bayes"): _rule("empirical_bayes", "towards", "towards"),
        ("normalise", "minmax"): _rule("minmax", "lower upper"),
        ("normalise", "zscore"): _rule("zscore", "mean sd"),
        ("normalise", "rank"): _rule("rank"),
        ("normalise", "percentile-rank"): _rule("percentile_rank"),
        ("normalise", "borda"): _rule("borda"),
        ("normalise", "rank-normal"): _rule("rank_normal", "missing"),
        ("normalise", "exponential"): _rule("exponential"),
        ("normalise", "distance-to-max"): _rule("distance_to_max"),
        ("normalise", "distance-to-reference"): _rule("distance_to_reference", "reference cap", "reference"),
        ("normalise", "distance-to-target"): _rule("distance_to_target", "target cap", "target"),
        ("normalise", "fraction-of-max"): _rule("fraction_of_max"),
        ("normalise", "goalposts"): _rule("goalposts", "low high scale truncate", "low high"),
        ("normalise", "none"): _rule("none"),
        ("weigh", "given"): _rule("given", "weights", "weights"),
        ("weigh", "equal"): _rule("equal"),
        ("weigh", "pca"): _rule("pca"),
        ("weigh", "factor"): _rule("factor"),
        ("weigh", "balanced"): _rule("correlation_balanced"),
        ("weigh", "priorities"): _rule("", "source area", "source"),
        ("aggregate", "arithmetic"): _rule("arithmetic", "missing min_available"),
        ("aggregate", "geometric"): _rule("geometric", "missing min_available"),
        ("aggregate", "harmonic"): _rule("harmonic", "missing min_available"),
        ("aggregate", "generalised"): _rule("generalised", "missing min_available power", "power"),
        ("aggregate", "mazziotta-pareto"): _rule("mazziotta_pareto", "missing min_available sign:penalty"),
        ("aggregate", "sum"): _rule("sum", "missing"),
        ("aggregate", "copeland"): _rule("copeland", "max_areas"),
    }
)
"""Every method that a step can name, by (kind of step, method)."""

ESTIMATED: frozenset[str] = frozenset({"pca", "factor", "balanced"})
"""Ways of weighing that look at the values of the children."""

WORDS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("rank_normal", "missing"): "keep",
        ("rank_normal", "middle"): "zero",
        ("sum", "missing"): "keep",
    }
)
"""Values of settings that a method calls otherwise, by (function, the study's word)."""


MEANS: frozenset[str] = frozenset({"arithmetic", "geometric", "harmonic", "generalised", "mazziotta_pareto"})
"""Aggregates that pass over a missing child unless told how many must be there."""


def argument(function: str, value: object) -> object:
    """Return a setting as the method wants it: its own word where it has one, hyphens as underscores.

    Args:
        function: Name in the registry of `wardmote.methods`.
        value: The setting as the study has it; only texts are changed.
    """
    if not isinstance(value, str):
        return value
    return WORDS.get((function, value), value.replace("-", "_"))
