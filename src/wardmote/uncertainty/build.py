"""From tables to worlds: every index of a section with all its variants evaluated, or everything that is wrong at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from wardmote.engine import Plan, compile_index, evaluate
from wardmote.engine.built import BuiltIndex, compute_index, with_codes
from wardmote.engine.inputs import gather, surroundings
from wardmote.engine.stream import Variant
from wardmote.errors import InputError, Problem, StudyError, WardmoteError
from wardmote.methods import sampling
from wardmote.study import IndexSpec, UncertaintySpec
from wardmote.uncertainty.errors import leaf_errors
from wardmote.uncertainty.factors import Target, check_uncertainty, read_factors, targets_of, variant_specs
from wardmote.uncertainty.worlds import IndexWorlds

if TYPE_CHECKING:
    import pandas as pd

    from wardmote.levels import Level


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
    failed: list[WardmoteError] = []
    built = {name: _built(tables, indices[name], name, failed) for name in spec.indices if name in indices}
    factors, _ = read_factors(spec, where)
    sound = [one for one in factors if not any(problem.where.startswith(one.where) for problem in problems)]
    plans = {name: one.plan for name, (_, one) in built.items() if one is not None}
    specs = {name: built[name][0] for name in plans}
    targets, more = targets_of(sound, plans, specs)
    # Where an indicator had to be left aside, a factor that names it touches nothing, and not by its own fault.
    problems += [] if failed else more
    found: dict[str, Prepared] = {}
    for name, (one, index) in built.items():
        if index is None:
            continue
        try:
            found[name] = _prepare_one(tables, spec, one, index, targets[name], where=where, seed=seed)
        except WardmoteError as error:
            failed.append(error)
    _refuse(problems, failed, where)
    return found


def refuse_uncertainty(
    areas: pd.DataFrame,
    memberships: pd.DataFrame,
    indicators: pd.DataFrame,
    values: pd.DataFrame,
    priorities: pd.DataFrame,
    *,
    spec: UncertaintySpec,
    uncertainty: str,
    indices: Mapping[str, IndexSpec],
    seed: int = 0,
    boundaries: pd.DataFrame | None = None,
    levels: Mapping[str, Level] | None = None,
) -> None:
    """Raise all that `find_uncertainty` would refuse before it draws; nothing where all is sound.

    Args:
        areas, memberships, indicators, values, priorities, spec, uncertainty, indices, seed, boundaries, levels: As there.

    Raises:
        WardmoteError: Settings that cannot be, and what the data refuse, all together.
    """
    prepare(
        Tables(areas, memberships, indicators, values, priorities, boundaries),
        spec,
        uncertainty,
        indices,
        seed,
    )


def _refuse(problems: list[Problem], failed: list[WardmoteError], where: str) -> None:
    """Raise settings' problems and the data's together, each once: what a choice may not be is told with the settings."""
    told = {(problem.where.removeprefix(f"{where}: "), problem.what) for problem in problems}
    more = [
        problem
        for problem in _first_of_each(failed)
        if (problem.where, problem.what.partition(", with ")[0]) not in told
    ]
    if problems or more:
        raise (StudyError if problems else type(failed[0]))([*problems, *more])


def _built(
    tables: Tables, spec: IndexSpec, index: str, failed: list[WardmoteError]
) -> tuple[IndexSpec, BuiltIndex | None]:
    """Return an index. Where it is refused, add why; where that is for indicators that do not vary, return it without them.

    So all else that is wrong is told at the same time.
    """
    given = (tables.areas, tables.memberships, tables.indicators, tables.values, tables.priorities)
    try:
        return spec, compute_index(*given, spec=spec, index=index, boundaries=tables.boundaries)
    except WardmoteError as error:
        failed.append(error)
    try:
        inputs = gather(
            compile_index(spec, index=index), spec, tables.areas, tables.memberships, tables.values
        )
        flat = [
            name for name, leaf in inputs.leaves.items() if np.nanmin(leaf.column) == np.nanmax(leaf.column)
        ]
        if not flat:
            return spec, None
        changed = {**spec.overrides, **{f"leave_out.{name}": True for name in flat}}
        without = spec.model_copy(update={"overrides": changed})
        return without, compute_index(*given, spec=without, index=index, boundaries=tables.boundaries)
    except WardmoteError:
        return spec, None


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
            placed = [with_codes(problem, built.inputs) for problem in error.problems]
            errors.append(type(error)(replace(p, what=f"{p.what}, with {told}") for p in placed))
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
