"""From tables to worlds: every index of a section with all its variants evaluated, or everything that is wrong at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from wardmote.engine import Plan, compile_index, evaluate
from wardmote.engine.built import BuiltIndex, compute_index
from wardmote.engine.inputs import surroundings
from wardmote.engine.stream import Variant
from wardmote.errors import InputError, Problem, StudyError, WardmoteError
from wardmote.methods import sampling
from wardmote.study import IndexSpec, UncertaintySpec
from wardmote.uncertainty.errors import leaf_errors
from wardmote.uncertainty.factors import Target, check_uncertainty, read_factors, targets_of, variant_specs
from wardmote.uncertainty.worlds import IndexWorlds

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables that an index is calculated from."""

    areas: pd.DataFrame
    memberships: pd.DataFrame
    indicators: pd.DataFrame
    values: pd.DataFrame
    priorities: pd.DataFrame
    boundaries: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """One index ready to be drawn.

    Attributes:
        spec: Its spec.
        built: The index as it is.
        worlds: What may vary in it.
    """

    spec: IndexSpec
    built: BuiltIndex
    worlds: IndexWorlds


def prepare(
    tables: Tables, spec: UncertaintySpec, uncertainty: str, indices: Mapping[str, IndexSpec], seed: int
) -> dict[str, Prepared]:
    """Return every index of a section, ready to be drawn.

    Args:
        tables: The tables.
        spec: The section.
        uncertainty: Its name.
        indices: The study's indices.
        seed: Seed of the study.

    Raises:
        StudyError: Factors or settings that cannot be; all together.
        WardmoteError: An index, an error or a combination of choices that the data refuse; all together, before any draw.
    """
    where = f"uncertainty.{uncertainty}"
    problems = check_uncertainty(spec, uncertainty, indices)
    if problems:
        raise StudyError(problems)
    specs = {name: indices[name] for name in spec.indices}
    built = {
        name: compute_index(
            tables.areas, tables.memberships, tables.indicators, tables.values, tables.priorities,
            spec=one, index=name, boundaries=tables.boundaries,
        )
        for name, one in specs.items()
    }  # fmt: skip
    factors, _ = read_factors(spec, where)
    targets, problems = targets_of(factors, {name: one.plan for name, one in built.items()}, specs)
    found: dict[str, Prepared] = {}
    failed: list[WardmoteError] = []
    for name, one in built.items():
        try:
            found[name] = _prepare_one(tables, spec, specs[name], one, targets[name], where=where, seed=seed)
        except WardmoteError as error:
            failed.append(error)
            problems += error.problems
    if problems:
        raise (type(failed[0]) if failed else StudyError)(problems)
    return found


def _prepare_one(
    tables: Tables,
    spec: UncertaintySpec,
    index: IndexSpec,
    built: BuiltIndex,
    targets: tuple[Target, ...],
    *,
    where: str,
    seed: int,
) -> Prepared:
    """Return one index ready to be drawn."""
    base = Variant(built.plan, built.evaluation, built.surroundings)
    errors: list[WardmoteError] = []
    variants: dict[tuple[int, ...], Variant] = {}
    for codes, one in variant_specs(index, targets, where).items():
        try:
            variants[codes] = _variant(tables, one, built, base)
        except WardmoteError as error:
            told = _choices_in_words(targets, codes)
            errors.append(type(error)(replace(p, what=f"{p.what}, with {told}") for p in error.problems))
    found = {}
    try:
        found = leaf_errors(
            base,
            built.inputs,
            targets,
            values=tables.values,
            seed=seed,
            correlations=spec.correlations,
            where=where,
        )
    except WardmoteError as error:
        errors.append(error)
    residents: Mapping[str, Mapping[str, float]] = {}
    try:
        residents = {
            target.factor.path: _stated(tables, target) for target in targets if target.factor.spec.between
        }
    except WardmoteError as error:
        errors.append(error)
    if errors:
        raise type(errors[0])(_first_of_each(errors))
    ordered = {leaf: found[leaf] for leaf in built.plan.leaves if leaf in found}
    keys = sampling.cell_keys(built.inputs.codes.to_pylist())
    return Prepared(index, built, IndexWorlds(base, variants, targets, ordered, residents, keys, seed))


def _variant(tables: Tables, spec: IndexSpec, built: BuiltIndex, base: Variant) -> Variant:
    """Return the index under one combination of choices, evaluated on the data as they are."""
    absent = [leaf for leaf, why in built.plan.left_out.items() if why == "no data"]
    leaves = [name for name in absent if all(node.parent != name for node in spec.tree)]
    plan: Plan = compile_index(spec, index=built.plan.index, directions=built.directions, absent=leaves)
    if plan == base.plan:
        return base
    around = surroundings(
        plan, built.inputs, values=tables.values, priorities=tables.priorities, boundaries=tables.boundaries
    )
    block = np.stack([built.inputs.leaves[leaf].column for leaf in plan.leaves])
    return Variant(
        plan, evaluate(plan, dict(zip(plan.leaves, block, strict=True)), surroundings=around), around
    )


def _choices_in_words(targets: tuple[Target, ...], codes: tuple[int, ...]) -> str:
    chosen = [target for target in targets if target.factor.kind == "choice"]
    told = []
    for target, code in zip(chosen, codes, strict=True):
        told += [f"{target.step}.{field} = {value}" for field, value in target.fields[code].items()]
    return ", ".join(told)


def _first_of_each(errors: list[WardmoteError]) -> list[Problem]:
    """Return all problems; the same one under several combinations of choices is told once."""
    found: dict[tuple[str, str], Problem] = {}
    for error in errors:
        for problem in error.problems:
            found.setdefault((problem.where, problem.what.partition(", with ")[0]), problem)
    return list(found.values())


def _stated(tables: Tables, target: Target) -> dict[str, float]:
    """Return the weights that people stated for a factor's nodes."""
    spec, table = target.factor.spec, tables.priorities
    source = next(name for name in spec.between if name != "official")
    rows = table[table["source"] == source] if len(table) else table
    if spec.area:
        rows = rows[rows["area"] == spec.area]
    areas = sorted(set(rows["area"].tolist())) if len(rows) else []
    here = target.factor.where
    if len(areas) > 1:
        raise InputError(
            Problem(
                f"{here}.area",
                f"{source} holds the priorities of several areas",
                ", ".join(areas[:5]),
                "one area",
            )
        )
    found = dict(zip(rows["priority"].tolist(), rows["weight"].tolist(), strict=True)) if areas else {}
    absent = [node for node in target.nodes if not found.get(node, -1) >= 0]
    if absent or sum(found[node] for node in target.nodes) <= 0:
        what = f"{source} has no weight for {', '.join(absent)}" if absent else "the weights sum to 0"
        raise InputError(Problem(here, what, expected="a weight of each node that the factor varies"))
    return {node: float(found[node]) for node in target.nodes}
