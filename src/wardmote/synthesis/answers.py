"""The synthesis stage: all findings of a body of evidence, pooled answers, and the map of what is known and what is not."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wardmote.errors import InputError, Problem
from wardmote.study import SynthesisSpec
from wardmote.synthesis import telling
from wardmote.synthesis.findings import Finding, judge, study_of
from wardmote.synthesis.here import updates
from wardmote.synthesis.library import Row
from wardmote.synthesis.pooled import answers
from wardmote.synthesis.strength import Answer, agreeing, strength
from wardmote.tables import frame

if TYPE_CHECKING:
    import pandas as pd

Cell = tuple[str, str]
"""A strategy and an outcome."""


@dataclass(frozen=True, slots=True)
class SynthesisTables:
    """A body of evidence.

    Attributes:
        sources: Table `sources`: the library and files that findings are from, with their terms.
        studies: Table `studies`.
        effects: Table `effects`.
        accounts: Table `accounts`.
        syntheses: Table `syntheses`.
        gap_map: Table `gap_map`: every pair of strategy and outcome, looked at or not.
        findings: Table `findings`.
    """

    sources: pd.DataFrame
    studies: pd.DataFrame
    effects: pd.DataFrame
    accounts: pd.DataFrame
    syntheses: pd.DataFrame
    gap_map: pd.DataFrame
    findings: pd.DataFrame


def find_synthesis(
    impacts: pd.DataFrame | None = None, *, spec: SynthesisSpec, synthesis: str, evidence: Mapping[str, Any]
) -> SynthesisTables:
    """Return all findings of a body of evidence, what they say together, and where nobody has looked.

    Args:
        impacts: Table `impacts` of the programmes that `spec.here` names, or None where there are none.
        spec: The section.
        synthesis: Its name in the study.
        evidence: Rows, records and words from `wardmote.synthesis.library.read_evidence`.

    Returns:
        The tables. Every row of the files is in `effects` or `accounts`, every record in `studies`; effects in `syntheses` are turned
        so that positive is better. Findings without a size keep their direction and are counted.

    Raises:
        InputError: Anything that `wardmote.synthesis.findings.judge` refuses, or strategies and outcomes that the taxonomy lacks.
    """
    taxonomy = evidence["taxonomy"]
    _check_spec(spec, synthesis, taxonomy)
    found, accounts = judge(evidence["rows"], taxonomy, convert_odds=spec.convert_odds)
    strategies = spec.strategies or list(taxonomy["strategies"])
    outcomes = spec.outcomes or list(taxonomy["outcomes"])
    found = [one for one in found if one.strategy in strategies and one.outcome in outcomes]
    accounts = [row for row in accounts if row["strategy"] in strategies and row["outcome"] in outcomes]
    by_cell: dict[Cell, list[Finding]] = {}
    for one in found:
        by_cell.setdefault((one.strategy, one.outcome), []).append(one)
    answered = {cell: answers(part, spec) for cell, part in by_cell.items()}
    updated, told_here = updates(impacts, answered, spec, synthesis, taxonomy)
    cells = [
        _cell((strategy, outcome), by_cell, answered, accounts, taxonomy=taxonomy, spec=spec)
        for strategy in strategies
        for outcome in outcomes
    ]
    studies = _studies(synthesis, found, accounts, evidence["records"])
    title = spec.title or f"the body of evidence “{synthesis}”"
    told = telling.findings_of(
        title,
        cells,
        findings=found,
        studies=len({one.study for one in found} | {study_of(row) for row in accounts}),
        records=len(evidence["records"]),
        titles={name: one["title"] for name, one in taxonomy["outcomes"].items()},
        doubles=evidence.get("doubles", 0),
        unstated=[one["name"] for one in evidence.get("sources", []) if one["note"]],
    )
    told += told_here
    for cell, new in updated:
        answered[cell] = [*answered[cell], new]
    return SynthesisTables(
        sources=_sources(synthesis, evidence.get("sources", []), found, accounts),
        studies=studies,
        effects=_effects(synthesis, found, answered),
        accounts=_accounts(synthesis, accounts),
        syntheses=_syntheses(synthesis, answered),
        gap_map=_gap_map(synthesis, cells),
        findings=frame(
            "findings",
            {
                "stage": ["synthesis"] * len(told),
                "id": [synthesis] * len(told),
                "position": list(range(1, len(told) + 1)),
                "sentence": [one[0] for one in told],
                "value": [one[1] for one in told],
                "source_table": [one[2] for one in told],
            },
        ),
    )


def _sources(
    synthesis: str, described: Sequence[Mapping[str, Any]], found: Sequence[Finding], accounts: Sequence[Row]
) -> pd.DataFrame:
    """Return the table `sources`: one row for the library and for each file of findings."""
    kept = [row["library"] for row in (*(one.row for one in found), *accounts)]
    names = ("publisher", "title", "address", "licence", "access", "vintage", "sha256", "rows_read", "note")
    return frame(
        "sources",
        {
            "source": _source_ids(synthesis, [one["name"] for one in described]),
            **{name: [one[name] for one in described] for name in names},
            "rows_kept": [kept.count(one["name"]) for one in described],
        },
    )


def _source_ids(synthesis: str, files: Sequence[str]) -> list[str]:
    """Return a name for each file, its letters and figures after the section's; files that differ in other marks alone are numbered."""
    found: list[str] = []
    for file in files:
        plain = f"{synthesis}-{re.sub(r'[^A-Za-z0-9]+', '-', file)}"
        same = sum(re.sub(r"-no-[0-9]+$", "", one) == plain for one in found)
        found.append(f"{plain}-no-{same + 1}" if same else plain)
    return found


def _check_spec(spec: SynthesisSpec, synthesis: str, taxonomy: Mapping[str, Any]) -> None:
    """Refuse strategies and outcomes that the taxonomy lacks."""
    problems = [
        Problem(
            f"study.toml, synthesis.{synthesis}.{part}",
            "the taxonomy has no such word",
            name,
            ", ".join(taxonomy[part]),
        )
        for part in ("strategies", "outcomes")
        for name in getattr(spec, part)
        if name not in taxonomy[part]
    ]
    if problems:
        raise InputError(problems)


def _cell(
    cell: Cell,
    by_cell: Mapping[Cell, Sequence[Finding]],
    answered: Mapping[Cell, Sequence[Answer]],
    accounts: Iterable[Row],
    *,
    taxonomy: Mapping[str, Any],
    spec: SynthesisSpec,
) -> dict[str, Any]:
    """Return what is known of one strategy and outcome, as a row of the gap map and with the leading effect."""
    part = by_cell.get(cell, [])
    lead = next(iter(answered.get(cell, [])), None)
    strong = "no study"
    reasons: tuple[str, ...] = ()
    others: list[Finding] = []
    if part and lead is None:
        strong = "no estimate"
    elif lead is not None:
        behind = {one.effect for one in lead.findings}
        others = [one for one in part if one.effect not in behind]
        strong, reasons = strength(lead, country=spec.country, places=spec.places, others=others)
    results = [one.result for one in part]
    if lead is not None:
        word = telling.answer_word(lead)
        # One study among several must not speak for all of them.
        if lead.model == "single study" and any(one.result != agreeing(lead) for one in others):
            word = "several ways"
    elif not part:
        word = "nobody has looked"
    else:
        word = "one way only" if len(set(results)) == 1 else "several ways"
    strategy, outcome = (
        taxonomy[kind][name] for kind, name in zip(("strategies", "outcomes"), cell, strict=True)
    )
    return {
        "strategy": cell[0],
        "outcome": cell[1],
        "strategy_title": strategy["title"],
        "outcome_title": outcome["title"],
        "core": bool(outcome.get("core", False)),
        "studies": len({one.study for one in part}),
        "reviews": len({one.study for one in part if one.role == "review"}),
        "findings": len(part),
        "accounts": sum((row["strategy"], row["outcome"]) == cell for row in accounts),
        **{word: results.count(word) for word in ("benefit", "none", "mixed", "harm")},
        "unsized": sum(not one.sized for one in part),
        "unchecked": sum(bool(one.check) for one in part),
        "answer": word,
        "strength": strong,
        "reasons": "; ".join(reasons) or None,
        "sentence": telling.cell_sentence(strategy["title"], outcome, part, lead, word=word, strong=strong),
        "effect": lead.effect if lead else math.nan,
    }


def _gap_map(synthesis: str, cells: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the table `gap_map`."""
    columns = {name: [cell[name] for cell in cells] for name in cells[0] if name != "effect"}
    return frame("gap_map", {"synthesis": [synthesis] * len(cells), **columns})


def _syntheses(synthesis: str, answered: Mapping[Cell, Sequence[Answer]]) -> pd.DataFrame:
    """Return the table `syntheses`."""
    rows = [(cell, place, answer) for cell, part in answered.items() for place, answer in enumerate(part)]
    every = [answer for _, _, answer in rows]
    numbers = (
        "prediction_low", "prediction_high", "tau2", "tau2_low", "tau2_high", "i2", "q", "q_p", "leave_low", "leave_high",
        "egger_p", "trimmed", "selected",
    )  # fmt: skip
    names = ("model", "scale", "effect", "standard_error", "low", "high", "df", "studies")
    return frame(
        "syntheses",
        {
            "synthesis": [synthesis] * len(rows),
            "strategy": [cell[0] for cell, _, _ in rows],
            "outcome": [cell[1] for cell, _, _ in rows],
            "subgroup": [_subgroup(answer) for answer in every],
            **{name: [getattr(answer, name) for answer in every] for name in names},
            **{name: [answer.numbers.get(name, math.nan) for answer in every] for name in numbers},
            "effects": [len(answer.findings) for answer in every],
            "leads": [place == 0 for _, place, _ in rows],
            "note": [answer.note or None for answer in every],
        },
    )


def _subgroup(answer: Answer) -> str:
    """Return the name of an answer's subgroup; with its scale where several scales have one pooling each."""
    if answer.model in ("single study", "published review", "updated here") or answer.scale.startswith(
        "standardised"
    ):
        return answer.subgroup
    return f"{answer.subgroup}, {answer.scale}"


def _effects(
    synthesis: str, found: Sequence[Finding], answered: Mapping[Cell, Sequence[Answer]]
) -> pd.DataFrame:
    """Return the table `effects`."""
    pooled = {
        one.effect
        for part in answered.values()
        for answer in part
        if len(answer.findings) > 1 and not answer.model.startswith("updated")
        for one in answer.findings
    }
    held = {name: one.effect for one in found if one.role == "review" for name in one.includes}

    def text(name: str) -> list[str | None]:
        return [one.row.get(name) or None for one in found]

    return frame(
        "effects",
        {
            "synthesis": [synthesis] * len(found),
            **{
                name: [getattr(one, name) for one in found]
                for name in ("effect", "study", "strategy", "outcome", "design")
            },
            "trial": text("trial"),
            "intervention": text("intervention"),
            "population": text("population"),
            "metric": text("effect_metric"),
            "printed": [one.printed for one in found],
            "printed_low": [one.low for one in found],
            "printed_high": [one.high for one in found],
            "n": [one.n for one in found],
            "k": [one.k for one in found],
            "result": [one.result for one in found],
            "scale": [one.scale or None for one in found],
            "estimate": [one.estimate for one in found],
            "standard_error": [one.error for one in found],
            "how": [one.how for one in found],
            "role": [one.role for one in found],
            "use": [_use(one, pooled, held) for one in found],
            "risk_of_bias": [one.risk for one in found],
            "seen": text("seen"),
            "check": [one.check or None for one in found],
            "cost": text("cost"),
            "address": text("source_url"),
            "note": text("note"),
        },
    )


def _use(one: Finding, pooled: set[str], held: Mapping[str, str]) -> str:
    """Return how a finding was used."""
    if one.effect in pooled:
        also = f"; also held by the review {held[one.effect]}" if one.effect in held else ""
        return f"pooled{also}"
    if not one.sized:
        return "listed with its direction"
    return "stands by itself" if one.role == "study" else "stands beside, as a review"


def _accounts(synthesis: str, rows: Sequence[Row]) -> pd.DataFrame:
    """Return the table `accounts`."""

    def text(name: str) -> list[str | None]:
        return [row.get(name) or None for row in rows]

    return frame(
        "accounts",
        {
            "synthesis": [synthesis] * len(rows),
            "account": text("study_id"),
            "study": [study_of(row) for row in rows],
            **{
                name: text(name)
                for name in ("strategy", "outcome", "finding", "context", "confidence", "check")
            },
            "address": text("source_url"),
        },
    )


def _studies(
    synthesis: str, found: Sequence[Finding], accounts: Sequence[Row], records: Sequence[Row]
) -> pd.DataFrame:
    """Return the table `studies`: one row a study, from its first row; records that are still to be read at the end."""
    first: dict[str, Row] = {}
    counts: dict[str, int] = {}
    for name, row in [(one.study, one.row) for one in found] + [(study_of(row), row) for row in accounts]:
        first.setdefault(name, row)
        counts[name] = counts.get(name, 0) + 1
    for record in records:
        name, number = record["study"], 1
        while name in first and counts.get(name, 0) == 0:  # two records of one author and year
            number += 1
            name = f"{record['study']}-{number}"
        first.setdefault(name, record)
    rows = list(first.values())

    def text(name: str) -> list[str | None]:
        return [row.get(name) or None for row in rows]

    return frame(
        "studies",
        {
            "synthesis": [synthesis] * len(rows),
            "study": list(first),
            "authors": text("authors"),
            "year": [int(row["year"]) if row.get("year", "").isdecimal() else None for row in rows],
            "title": text("title_short"),
            "address": text("doi_or_url"),
            "country": text("country"),
            "place_type": text("place_type"),
            "library": [row["library"] for row in rows],
            "findings": [counts.get(name, 0) for name in first],
        },
    )
