"""What varies: the factors of a study, read, held against the indices that they speak of, and refused together before any work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from wardmote.engine import Plan, compile_index, resolve
from wardmote.engine.rules import ESTIMATED
from wardmote.errors import Problem, StudyError, WardmoteError
from wardmote.methods import sampling
from wardmote.study import FactorSpec, IndexSpec, UncertaintySpec

Kind = Literal["weights", "choice", "leave_out", "values"]

HEADS: Mapping[str, Kind] = {
    "weights": "weights",
    "steps": "choice",
    "leave_out": "leave_out",
    "values": "values",
}
"""Kind of a factor by the first word of its path."""

COUNTS = ("binomial", "poisson", "beta-binomial")
"""Errors that are drawn from counts."""

MOST_VARIANTS = 256
"""Combinations of choices that one index is compiled for: each is evaluated once on the data before any draw, and with more than
this most would be drawn a few times only. A limit on work, not on meaning."""

_TAKES: Mapping[Kind, frozenset[str]] = {
    "weights": frozenset({"spread", "concentration", "between", "area"}),
    "choice": frozenset({"choices", "p"}),
    "leave_out": frozenset({"p"}),
    "values": frozenset(
        {
            "error", "numerator", "denominator", "approximate", "through", "sd", "clustering", "coverage",
            "group", "correlation",
        }
    ),
}  # fmt: skip

_SUM_TOLERANCE = 1e-9
"""Probabilities are written in decimals: this accepts 0.1 ten times, and no mistake that a person would make."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of a section.

    Attributes:
        path: Its path, which names it in tables.
        kind: weights, choice, leave_out or values.
        spec: What the study says of it.
        rest: The path after its first word: nodes, a step, an indicator.
        where: Where it stands, for problems.
    """

    path: str
    kind: Kind
    spec: FactorSpec
    rest: str
    where: str

    @property
    def component(self) -> Literal["sampling", "method"]:
        """Whether it belongs to sampling error or to choices of method."""
        return "sampling" if self.kind == "values" else "method"

    @property
    def title(self) -> str:
        """How pages call it."""
        return self.spec.title or self.path

    @property
    def probabilities(self) -> tuple[float, ...]:
        """Probabilities of the choices."""
        if isinstance(self.spec.p, list):
            return tuple(self.spec.p)
        return tuple(1 / len(self.spec.choices) for _ in self.spec.choices)


@dataclass(frozen=True, slots=True)
class Target:
    """What one factor touches in one index.

    Attributes:
        factor: The factor.
        nodes: Nodes whose weights vary, that may be left out, or leaves whose values vary; () for a choice.
        step: The step of a choice, "" else.
        fields: For each choice, the fields of the step that it sets.
    """

    factor: Factor
    nodes: tuple[str, ...] = ()
    step: str = ""
    fields: tuple[Mapping[str, Any], ...] = ()


def read_factors(spec: UncertaintySpec, where: str) -> tuple[tuple[Factor, ...], list[Problem]]:
    """Return the factors of a section and what is wrong with each by itself.

    Args:
        spec: The section.
        where: Its name, for problems.
    """
    factors: list[Factor] = []
    problems: list[Problem] = []
    seen: set[tuple[str, str]] = set()
    for place, one in enumerate(spec.factors, start=1):
        if not one.path:  # left aside as unreadable; see wardmote.study.aside
            continue
        here = f"{where}.factors {place} ({one.path})"
        head, _, rest = one.path.partition(".")
        if head not in HEADS or not rest:
            expected = "weights.…, steps.…, leave_out.… or values.…"
            problems.append(Problem(here, "the path leads nowhere", one.path, expected))
            continue
        if (one.path, one.index) in seen:
            problems.append(Problem(here, "the factor stands twice", one.path))
        seen.add((one.path, one.index))
        factor = Factor(one.path, HEADS[head], one, rest, here)
        problems += _settings_problems(factor)
        factors.append(factor)
    return tuple(factors), problems


def _settings_problems(factor: Factor) -> list[Problem]:
    """Return settings that a kind of factor does not take, lacks, or that cannot be."""
    spec, here = factor.spec, factor.where
    given = spec.model_fields_set - {"path", "index", "title"}
    problems = [
        Problem(
            f"{here}.{name}", f"a factor of {factor.path.partition('.')[0]} has no such setting", name,
            ", ".join(sorted(_TAKES[factor.kind])),
        )
        for name in sorted(given - _TAKES[factor.kind])
    ]  # fmt: skip
    judge = {
        "weights": _judge_weights,
        "choice": _judge_choice,
        "leave_out": _judge_leave,
        "values": _judge_values,
    }
    return problems + [
        Problem(f"{here}{at}", what, got, expected, _REMEDIES.get(at, "Correct the factor, or remove it."))
        for at, what, got, expected in judge[factor.kind](spec)
    ]


_REMEDIES: Mapping[str, str] = {
    ".p": "Correct p; choices without p are equally likely.",
    ".choices": "State two or more, or remove the factor.",
    ".error": "State the error that the values have, or remove the factor.",
}
"""What to do, by the setting at fault."""


Judged = list[tuple[str, str, str, str]]


def _judge_weights(spec: FactorSpec) -> Judged:
    ways = [n for n in ("spread", "concentration", "between") if getattr(spec, n)]
    found: Judged = []
    if len(ways) != 1:
        found.append(
            (
                "",
                "it is not said how the weights vary",
                ", ".join(ways),
                "one of spread, concentration, between",
            )
        )
    if spec.between and (len(spec.between) != 2 or spec.between.count("official") != 1):
        expected = '"official" and one source of priorities'
        found.append((".between", "two sets of weights are needed", ", ".join(spec.between), expected))
    return found


def _judge_choice(spec: FactorSpec) -> Judged:
    found: Judged = []
    if len(spec.choices) < 2:
        found.append(
            (".choices", "there is nothing to choose from", str(spec.choices), "two choices or more")
        )
    if spec.p is None:
        return found
    if not isinstance(spec.p, list) or len(spec.p) != len(spec.choices):
        found.append(
            (
                ".p",
                "there is not one probability for each choice",
                str(spec.p),
                f"{len(spec.choices)} numbers",
            )
        )
    elif min(spec.p) < 0 or abs(sum(spec.p) - 1) > _SUM_TOLERANCE:
        found.append(
            (
                ".p",
                "the probabilities do not sum to 1",
                f"{sum(spec.p):g}",
                "numbers of 0 or more that sum to 1",
            )
        )
    return found


def _judge_leave(spec: FactorSpec) -> Judged:
    if isinstance(spec.p, float) and 0 < spec.p <= 1:
        return []
    return [
        (
            ".p",
            "it is not said how likely something is left out",
            str(spec.p),
            "a probability above 0, at most 1",
        )
    ]


def _judge_values(spec: FactorSpec) -> Judged:
    found: Judged = []
    if spec.error is None:
        return [
            (".error", "it is not said what error the values have", "", "binomial, poisson, beta-binomial, …")
        ]
    if (spec.error == "sd") != (spec.sd is not None):
        found.append(
            (".sd", "the standard deviation is of error sd, and only of it", str(spec.sd), "both or neither")
        )
    if (spec.error == "beta-binomial") != (spec.clustering is not None):
        found.append(
            (
                ".clustering",
                "clustering is of error beta-binomial, and only of it",
                str(spec.clustering),
                "both",
            )
        )
    if spec.error not in COUNTS and (spec.numerator or spec.denominator):
        found.append(
            (
                ".numerator",
                f"error {spec.error} looks at no counts",
                spec.numerator or spec.denominator,
                "none",
            )
        )
    if bool(spec.group) != (spec.correlation is not None):
        found.append((".group", "a group and its correlation belong together", spec.group, "both or neither"))
    return found


def target_of(factor: Factor, plan: Plan, spec: IndexSpec) -> Target | None:
    """Return what a factor touches in an index, or None where the index has nothing of it.

    Args:
        factor: The factor.
        plan: The index as it is.
        spec: Its spec.
    """
    if factor.spec.index and factor.spec.index != plan.index:
        return None
    if factor.kind == "choice":
        return _choice_target(factor, spec)
    if factor.kind == "values":
        by_indicator = tuple(leaf for leaf in plan.leaves if plan.nodes[leaf].indicator == factor.rest)
        nodes = by_indicator or tuple(n for n in _nodes(plan, factor.rest) if n in plan.leaves)
    else:
        nodes = tuple(name for name in _nodes(plan, factor.rest) if name != plan.root)
    return Target(factor, nodes) if nodes else None


def _nodes(plan: Plan, word: str) -> tuple[str, ...]:
    try:
        return resolve(plan, word)
    except StudyError:
        return ()


def _choice_target(factor: Factor, spec: IndexSpec) -> Target | None:
    """Return the step and fields of a choice; ``steps.ID`` takes whole tables, ``steps.ID.FIELD`` values.

    A table that names a method says all of its settings: those of the step's own method do not carry over.
    """
    steps = {step.id: step for step in spec.steps}
    if factor.rest in steps:
        step, tables = steps[factor.rest], []
        own = step.model_fields_set - {"id", "on", "per", "do", "method"}
        for one in factor.spec.choices:
            table = dict(one) if isinstance(one, Mapping) else {"": one}
            about = type(step).model_fields
            usual = {name: about[name].get_default(call_default_factory=True) for name in sorted(own)}
            tables.append({**usual, **table} if "method" in table else table)
        return Target(factor, step=factor.rest, fields=tuple(tables))
    name, _, field = factor.rest.rpartition(".")
    if name in steps:
        return Target(factor, step=name, fields=tuple({field: one} for one in factor.spec.choices))
    return None


def targets_of(
    factors: Sequence[Factor], plans: Mapping[str, Plan], specs: Mapping[str, IndexSpec]
) -> tuple[dict[str, tuple[Target, ...]], list[Problem]]:
    """Return what all factors touch, by index, and which touch nothing or the same thing twice.

    Args:
        factors: The factors.
        plans: The indices as they are.
        specs: Their specs.
    """
    problems: list[Problem] = []
    found: dict[str, list[Target]] = {name: [] for name in plans}
    for factor in factors:
        touched = {name: target_of(factor, plan, specs[name]) for name, plan in plans.items()}
        for name, target in touched.items():
            if target is not None:
                found[name].append(target)
                problems += _misfits(target, plans[name])
        if not any(touched.values()):
            problems.append(
                Problem(
                    factor.where,
                    "no index of the section has this",
                    factor.rest,
                    _expected(factor, plans),
                    "Name one of these, or remove the factor.",
                )
            )
    for name, targets in found.items():
        problems += _clashes(name, targets)
    return {name: tuple(targets) for name, targets in found.items()}, problems


def _expected(factor: Factor, plans: Mapping[str, Plan]) -> str:
    """Return what a factor's path might have named."""
    names: list[str] = []
    for plan in plans.values():
        if factor.kind == "choice":
            names += plan.steps
        elif factor.kind == "values":
            names += [plan.nodes[leaf].indicator for leaf in plan.leaves]
        else:
            names += [name for name in plan.nodes if name != plan.root]
    return "one of " + ", ".join(dict.fromkeys(names))


def _misfits(target: Target, plan: Plan) -> list[Problem]:
    """Return why a factor cannot touch these nodes."""
    factor = target.factor
    if factor.kind not in ("weights", "leave_out"):
        return []
    estimated = {name for op in plan.of_kind("weigh") if op.method in ESTIMATED for name in op.targets}
    odd = [name for name in target.nodes if plan.nodes[name].parent in estimated]
    alone = [n for n in target.nodes if len(plan.nodes[plan.nodes[n].parent].children) < 2]
    problems = []
    if odd:
        what = "these weights are estimated from the data"
        problems.append(Problem(factor.where, what, ", ".join(odd), "nodes whose weights are stated"))
    if alone:
        problems.append(Problem(factor.where, "an only child has no weight to speak of", ", ".join(alone)))
    return problems


def _clashes(index: str, targets: Iterable[Target]) -> list[Problem]:
    """Return factors that would change the same thing."""
    problems, seen = [], dict[tuple[str, str], str]()
    for target in targets:
        things: list[tuple[str, str]] = [(target.factor.kind, name) for name in target.nodes]
        things += sorted({(f"step {target.step}", field) for fields in target.fields for field in fields})
        for thing in things:
            if thing in seen:
                what = f"{seen[thing]} varies the same in {index}"
                problems.append(Problem(target.factor.where, what, thing[1], "each thing in one factor"))
                break
            seen[thing] = target.factor.path
    return problems


def variant_specs(spec: IndexSpec, targets: Iterable[Target], where: str) -> dict[tuple[int, ...], IndexSpec]:
    """Return the spec of an index under each combination of its choices, by the position of each choice.

    Args:
        spec: The index.
        targets: What the factors touch in it; those that are no choices are passed over.
        where: The section, for problems.

    Raises:
        StudyError: There are too many combinations.
    """
    chosen = [target for target in targets if target.factor.kind == "choice"]
    sizes = [len(target.fields) for target in chosen]
    codes = list(product(*(range(size) for size in sizes)))
    if len(codes) > MOST_VARIANTS:
        got = f"{len(codes)} = {' × '.join(map(str, sizes))}"
        remedy = "Give fewer choices, or name those that go together as tables of one step."
        raise StudyError(
            Problem(where, "there are too many combinations of choices", got, f"{MOST_VARIANTS}", remedy)
        )
    found = {}
    for code in codes:
        changes = {
            f"steps.{target.step}.{field}": value
            for target, at in zip(chosen, code, strict=True)
            for field, value in target.fields[at].items()
        }
        found[code] = (
            spec.model_copy(update={"overrides": {**spec.overrides, **changes}}) if changes else spec
        )
    return found


def check_uncertainty(
    spec: UncertaintySpec, uncertainty: str, indices: Mapping[str, IndexSpec]
) -> list[Problem]:
    """Return everything that is wrong with a section and needs no data: nothing where it is sound.

    Args:
        spec: The section.
        uncertainty: Its name.
        indices: The study's indices.
    """
    where = f"uncertainty.{uncertainty}"
    factors, problems = read_factors(spec, where)
    if spec.sensitivity & (spec.sensitivity - 1):
        problems.append(
            Problem(
                f"{where}.sensitivity", "the size is no power of two", str(spec.sensitivity), "such as 128"
            )
        )
    specs = {name: indices[name] for name in spec.indices if name in indices}
    if len(specs) < len(spec.indices):
        return problems  # what the factors name may belong to the index that is not there; whoever reads the study tells of it
    problems += _level_problems(spec, specs, where)
    plans: dict[str, Plan] = {}
    for name, one in specs.items():
        try:
            plans[name] = compile_index(one, index=name)
        except WardmoteError:
            return problems  # the index's own problems are told by whoever compiles the study
    targets, more = targets_of(factors, plans, specs)
    problems += more
    problems += _matrix_problems(spec, targets, plans, where)
    for name in plans:
        problems += _variant_problems(specs[name], name, targets[name], where)
    return problems


def _level_problems(spec: UncertaintySpec, indices: Mapping[str, IndexSpec], where: str) -> list[Problem]:
    """Return levels whose summaries are asked for and that no index of the section summarises."""
    asked = list(spec.summarise) if isinstance(spec.summarise, dict) else []
    there = list(dict.fromkeys(level for one in indices.values() for level in one.summarise.levels))
    return [
        Problem(
            f"{where}.summarise", "no index of the section summarises at this level", level, ", ".join(there)
        )
        for level in asked
        if level not in there
    ]


def _matrix_problems(
    spec: UncertaintySpec, targets: Mapping[str, Sequence[Target]], plans: Mapping[str, Plan], where: str
) -> list[Problem]:
    """Return matrices of correlations that are none, and names in them whose values no factor varies."""
    varied = {
        target.factor.spec.through or plans[name].nodes[leaf].indicator
        for name, some in targets.items()
        for target in some
        if target.factor.kind == "values"
        for leaf in target.nodes
    }
    problems = []
    for place, one in enumerate(spec.correlations, start=1):
        here = f"{where}.correlations {place}"
        unused = [name for name in one.indicators if name not in varied]
        if unused:
            expected = f"of {', '.join(sorted(varied)) or 'none'}"
            problems.append(
                Problem(f"{here}.indicators", "no factor varies these", ", ".join(unused), expected)
            )
        try:
            sampling.correlated(0, one.indicators, one.matrix)
        except WardmoteError as error:
            problems += [
                Problem(f"{here}.matrix", p.what, p.got, p.expected, p.remedy) for p in error.problems
            ]
    return problems


def _variant_problems(spec: IndexSpec, index: str, targets: tuple[Target, ...], where: str) -> list[Problem]:
    """Return problems of an index under any of its choices, each told once."""
    found: dict[str, Problem] = {}
    try:
        variants = variant_specs(spec, targets, where)
    except StudyError as error:
        return list(error.problems)
    for one in variants.values():
        try:
            compile_index(one, index=index)
        except WardmoteError as error:
            for problem in error.problems:
                told = Problem(
                    f"{where}: {problem.where}", problem.what, problem.got, problem.expected, problem.remedy
                )
                found.setdefault(str(told), told)
    return list(found.values())
