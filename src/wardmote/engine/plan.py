"""Compiling an index: from the study's words to a frozen plan of operations on named columns, or all problems at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from wardmote.engine.overrides import Changes, apply_overrides
from wardmote.engine.rules import ESTIMATED, MEANS, RULES, argument
from wardmote.errors import Problem, StudyError
from wardmote.study import IndexSpec, NodeSpec, On, Step, WeighStep

ROOT_WORD = "root"


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a compiled tree.

    Attributes:
        name: Its name.
        parent: The node above it, "" at the root.
        children: Nodes below it that are used, in the order of the file; () for a leaf.
        depth: 0 at the root.
        title: Its title.
        indicator: Indicator of a leaf, "" for a branch.
        period: Period of a leaf's values, "" for the only one.
        direction: 1: higher means more need, -1: less; of a branch, how its own score enters its parent.
        sign: What its values are multiplied with when they are first normalised: the direction, turned round for leaves of an
            index where higher means better.
        weight: Weight in its parent before any weigh step.
        origin: Where that weight comes from: recipe or study.
    """

    name: str
    parent: str
    children: tuple[str, ...]
    depth: int
    title: str
    indicator: str
    period: str
    direction: int
    sign: int
    weight: float
    origin: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method with one set of settings, applied to some nodes at once.

    Attributes:
        step: Identifier of the step that it belongs to.
        position: Place of that step in the recipe, from 0.
        kind: denominate, screen, impute, treat, shrink, normalise, weigh or aggregate.
        method: The method as the study names it, "" where the kind has one only.
        function: Name in the registry of `wardmote.methods`.
        targets: Nodes that it works on; for weigh and aggregate the branches, deepest first.
        settings: Arguments of the method.
        signs: For normalise: what each target is multiplied with (its sign the first time, 1 after).
    """

    step: str
    position: int
    kind: str
    method: str
    function: str
    targets: tuple[str, ...]
    settings: Mapping[str, Any]
    signs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled index: what `evaluate` follows, for one world or for many.

    Attributes:
        index: Name of the index.
        higher: need or better: what a higher score means.
        root: Name of the root.
        nodes: Nodes in use, root first, each parent before its children, children in the order of the file.
        leaves: Leaves in use, in that order.
        branches: Branches in use, deepest first.
        operations: What is done, in order.
        steps: Identifiers of all steps, in order.
        left_out: Nodes that are not used, each with its reason: "left out" (asked for) or "no data".
        combined: The operation that computes each branch.
        altered: Branches whose value is changed again between their aggregation and their parent's.
    """

    index: str
    higher: str
    root: str
    nodes: Mapping[str, Node]
    leaves: tuple[str, ...]
    branches: tuple[str, ...]
    operations: tuple[Operation, ...]
    steps: tuple[str, ...]
    left_out: Mapping[str, str]
    combined: Mapping[str, Operation]
    altered: frozenset[str]

    def step_position(self, step: str) -> int:
        """Return the place of a step, from 0, for `evaluate(..., start=…)`.

        Raises:
            StudyError: The plan has no such step.
        """
        if step not in self.steps:
            raise StudyError(
                Problem(f"index.{self.index}", "no such step", got=step, expected=", ".join(self.steps))
            )
        return self.steps.index(step)

    def of_kind(self, kind: str) -> tuple[Operation, ...]:
        """Return the operations of one kind, in order."""
        return tuple(operation for operation in self.operations if operation.kind == kind)


@dataclass(slots=True)
class _Draft:
    """What compiling gathers while it walks through a spec; never leaves this module."""

    where: str
    spec: IndexSpec
    problems: list[Problem] = field(default_factory=list)
    parents: dict[str, str] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    root: str = ""

    def problem(self, place: str, what: str, got: str = "", expected: str = "", remedy: str = "") -> None:
        self.problems.append(Problem(f"{self.where}.{place}", what, got, expected, remedy))

    def below(self, node: str) -> list[str]:
        """Return a node and all below it, parents first."""
        found = [node]
        for name in found:
            found.extend(self.children.get(name, ()))
        return found

    def depth(self, node: str) -> int:
        return 0 if not self.parents[node] else 1 + self.depth(self.parents[node])

    def order(self, node: str) -> list[str]:
        """Return a node and all below it, depth first, in the order of the file."""
        return [node, *(name for child in self.children.get(node, ()) for name in self.order(child))]


def compile_index(
    spec: IndexSpec,
    *,
    index: str = "index",
    directions: Mapping[str, int] | None = None,
    absent: Iterable[str] = (),
) -> Plan:
    """Return the plan of an index, after every check that needs no values.

    Args:
        spec: The index, its recipe merged in (see `wardmote.study.read_study`).
        index: Its name in the study, for errors.
        directions: Direction (1 or -1) by indicator; a direction in the tree wins. None compiles without them, every
            indicator taken as 1: enough to check a study before data are there.
        absent: Leaves that have no data and shall be left out; a branch that loses all its leaves is left out with them.

    Returns:
        The plan. Deterministic: the same spec gives the same plan.

    Raises:
        StudyError: Every problem of the spec at once: unknown, doubled, circular or unrooted nodes; unknown or unused
            overrides; unknown nodes in `on`; a method's setting that it lacks or needs; weights that are negative or sum
            to 0; an order of steps that cannot be followed; an indicator of direction -1 that is never turned round.
    """
    changes = apply_overrides(spec, f"index.{index}")
    draft = _Draft(f"index.{index}", changes.spec, list(changes.problems))
    before = len(draft.problems)
    _read_tree(draft)
    if len(draft.problems) > before:  # without a tree, nothing that follows can be judged
        raise StudyError(draft.problems)
    _check_numbers(draft)
    _targets(draft, draft.spec.summarise.nodes, "summarise.nodes")
    if draft.spec.similar.count:
        _targets(draft, draft.spec.similar.on, "similar.on")
    left_out = _left_out(draft, changes, absent)
    nodes = _nodes(draft, changes, left_out, directions)
    operations = _operations(draft, nodes, left_out)
    walk = _Walk(draft, nodes, directions is not None)
    for operation in operations:
        walk.take(operation)
    walk.finish()
    if draft.problems:
        raise StudyError(draft.problems)
    branches = sorted((n for n in nodes if nodes[n].children), key=lambda n: -nodes[n].depth)
    return Plan(
        index=index,
        higher=spec.higher,
        root=draft.root,
        nodes=MappingProxyType(nodes),
        leaves=tuple(name for name, node in nodes.items() if not node.children),
        branches=tuple(branches),
        operations=tuple(walk.operations),
        steps=tuple(step.id for step in draft.spec.steps),
        left_out=MappingProxyType(left_out),
        combined=MappingProxyType(walk.combined),
        altered=frozenset(walk.altered),
    )


def _read_tree(draft: _Draft) -> None:
    """Fill in parents, children and root, or say what is wrong with the tree."""
    tree = draft.spec.tree
    if not tree:
        draft.problem("tree", "the index has no tree", expected="a recipe, or at least one node")
        return
    names = [node.node for node in tree]
    for name in sorted({name for name in names if names.count(name) > 1}):
        draft.problem(f"tree.{name}", "the node stands more than once", remedy="Give each node its own name.")
    known = set(names)
    for node in tree:
        draft.parents[node.node] = node.parent
        if node.parent and node.parent not in known:
            draft.problem(f"tree.{node.node}", "its parent is no node", node.parent, ", ".join(names))
        draft.children.setdefault(node.parent, []).append(node.node)
    roots = draft.children.pop("", [])
    if len(roots) != 1:
        got = ", ".join(roots) or "no node without a parent"
        draft.problem("tree", "an index has exactly one root", got, "one node without a parent")
        return
    draft.root = roots[0]
    reached = set(draft.below(draft.root)) if not draft.problems else known
    for name in names:
        if name not in reached:
            draft.problem(
                f"tree.{name}", "the node hangs in a circle", remedy="Let its parents lead to the root."
            )
    for node in tree:
        if node.indicator and draft.children.get(node.node):
            draft.problem(f"tree.{node.node}", "a branch has no indicator of its own", node.indicator)


def _check_numbers(draft: _Draft) -> None:
    """Say which weights cannot be, which step identifiers stand twice, which indicators go to no leaf."""
    for node in draft.spec.tree:
        if not 0 <= node.weight < float("inf"):
            draft.problem(
                f"tree.{node.node}",
                "the weight is not a weight",
                f"{node.weight:g}",
                "0 or more",
                "State a direction of -1 instead of a negative weight.",
            )
    steps = [step.id for step in draft.spec.steps]
    for name in sorted({name for name in steps if steps.count(name) > 1}):
        draft.problem(f"steps.{name}", "two steps have this id", remedy="Give each step its own id.")
    for name in draft.spec.indicators:
        if name not in draft.parents or draft.children.get(name):
            draft.problem(f"indicators.{name}", "no such leaf", name)


def _left_out(draft: _Draft, changes: Changes, absent: Iterable[str]) -> dict[str, str]:
    """Return nodes that are not used, with the reason; branches without leaves follow their leaves."""
    reasons: dict[str, str] = {}
    for node in changes.left_out:
        if node not in draft.parents or node == draft.root:
            what = "no such node to leave out" if node != draft.root else "the root cannot be left out"
            draft.problem(f"overrides.leave_out.{node}", what, node, ", ".join(draft.parents))
            continue
        reasons.update(dict.fromkeys(draft.below(node), "left out"))
    reasons.update({leaf: "no data" for leaf in absent if leaf not in reasons})
    for node in sorted(draft.children, key=draft.depth, reverse=True):
        below = draft.children[node]
        if node not in reasons and all(child in reasons for child in below):
            reasons[node] = "no data" if "no data" in {reasons[child] for child in below} else "left out"
    if draft.root in reasons:
        leaves = ", ".join(name for name in reasons if name not in draft.children)
        draft.problem("tree", "no leaf is left", leaves, "data for at least one leaf")
    return reasons


def _nodes(
    draft: _Draft, changes: Changes, left_out: Mapping[str, str], directions: Mapping[str, int] | None
) -> dict[str, Node]:
    """Return the nodes in use, root first."""
    stated: dict[str, NodeSpec] = {node.node: node for node in draft.spec.tree}
    nodes: dict[str, Node] = {}
    for name in draft.order(draft.root):
        if name in left_out:
            continue
        given = stated[name]
        children = tuple(child for child in draft.children.get(name, ()) if child not in left_out)
        leaf = not draft.children.get(name)
        indicator = draft.spec.indicators.get(name, given.indicator or name) if leaf else ""
        direction: int | None = given.direction
        if direction is None and leaf and directions is not None:
            direction = directions.get(indicator)
            if direction not in (-1, 1):
                draft.problem(
                    f"tree.{name}",
                    "the direction of its indicator is not known",
                    indicator,
                    "1 or -1",
                    "State it at the source, or in the tree.",
                )
        used = direction if direction in (-1, 1) else 1
        turned = leaf and draft.spec.higher == "better"
        nodes[name] = Node(
            name=name,
            parent=given.parent,
            children=children,
            depth=draft.depth(name),
            title=given.title or name,
            indicator=indicator,
            period=given.period,
            direction=used,
            sign=-used if turned else used,
            weight=given.weight,
            origin=changes.origin.get(name, "recipe" if draft.spec.recipe else "study"),
        )
    return nodes


def resolve(plan: Plan, on: On) -> tuple[str, ...]:
    """Return the nodes of a plan that words such as "children of root" mean, in their order, each once.

    Args:
        plan: The plan.
        on: One word or node name, or a list of them.

    Raises:
        StudyError: A word means nothing in this tree.
    """
    draft = _Draft(f"index.{plan.index}", IndexSpec())
    draft.root = plan.root
    draft.parents = {name: node.parent for name, node in plan.nodes.items()}
    draft.parents.update(dict.fromkeys(plan.left_out, ""))
    draft.children = {name: list(node.children) for name, node in plan.nodes.items() if node.children}
    found = _targets(draft, on, "on")
    if draft.problems:
        raise StudyError(draft.problems)
    return tuple(name for name in found if name not in plan.left_out)


def _targets(draft: _Draft, on: On, place: str) -> list[str]:
    """Return what words mean in the whole tree, or say which mean nothing."""
    found: dict[str, None] = {}
    for word in [on] if isinstance(on, str) else on:
        names = _word(draft, word)
        if not names:
            draft.problem(
                place,
                "no such node",
                word,
                'a node, or "leaves", "branches", "root", "depth N", "children of NODE", "leaves of NODE"',
            )
        found.update(dict.fromkeys(names))
    return list(found)


def _word(draft: _Draft, word: str) -> list[str]:
    """Return the nodes that one word means, none where it means nothing."""
    if word in draft.parents:
        return [word]
    order = draft.order(draft.root)
    kind, _, node = word.partition(" of ")
    node = draft.root if node == ROOT_WORD and ROOT_WORD not in draft.parents else node
    if kind in ("children", "leaves") and node in draft.parents:
        if kind == "children":
            return list(draft.children.get(node, ()))
        return [name for name in draft.order(node) if name not in draft.children]
    if word.startswith("depth ") and word[6:].isdigit():
        return [name for name in order if draft.depth(name) == int(word[6:])]
    match word:
        case "leaves":
            return [name for name in order if name not in draft.children]
        case "branches":
            return [name for name in order if name in draft.children]
        case "root":
            return [draft.root]
    return []


def _operations(draft: _Draft, nodes: Mapping[str, Node], left_out: Mapping[str, str]) -> list[Operation]:
    """Return all steps as operations: targets with the same method and settings together."""
    operations: list[Operation] = []
    for position, step in enumerate(draft.spec.steps):
        place = f"steps.{step.id}"
        targets = _targets(draft, step.on, f"{place}.on")
        for name in step.per:
            if name not in targets:
                draft.problem(f"{place}.per.{name}", "the step does not work on this node", name)
        groups: dict[str, tuple[Step, list[str]]] = {}
        for name in targets:
            own = _own_step(draft, step, name, place)
            groups.setdefault(repr(own), (own, []))[1].append(name)
        for own, names in groups.values():
            operation = _operation(draft, own, position, [n for n in names if n not in left_out], nodes)
            if operation and operation.targets:
                operations.append(operation)
    return operations


def _own_step(draft: _Draft, step: Step, node: str, place: str) -> Step:
    """Return the step with a node's own parameters."""
    own = step.per.get(node)
    if not own:
        return step.model_copy(update={"per": {}}) if step.per else step
    given = {**step.model_dump(exclude_unset=True), **own, "per": {}}
    try:
        return type(step).model_validate(given)
    except ValueError as error:
        detail = str(error).splitlines()[-2].strip() if len(str(error).splitlines()) > 1 else str(error)
        draft.problem(f"{place}.per.{node}", "the parameters are not possible", str(own), detail)
        return step


_COMMON = frozenset({"id", "on", "per", "do", "method"})


def _operation(
    draft: _Draft, step: Step, position: int, targets: Sequence[str], nodes: Mapping[str, Node]
) -> Operation | None:
    """Return one operation after its settings were held against what its method takes."""
    method = getattr(step, "method", "")
    rule = RULES[(step.do, method)]
    place = f"steps.{step.id}"
    called = f"{step.do} {method}".strip()
    # A field left at its default says nothing: specs that were written out and read back hold all of them.
    given = {
        name: getattr(step, name)
        for name, about in sorted(type(step).model_fields.items())
        if name not in _COMMON
        and getattr(step, name) not in (None, about.get_default(call_default_factory=True))
    }
    for name in given:
        if name not in rule.takes:
            draft.problem(
                f"{place}.{name}",
                f"{called} has no such setting",
                name,
                ", ".join(rule.takes) or "none",
                "Remove it, or choose another method.",
            )
    for name in rule.needs:
        if given.get(name) in (None, "", {}):
            draft.problem(f"{place}.{name}", f"{called} needs this setting", expected=name)
    if isinstance(step, WeighStep) and step.weights:
        _check_stated(draft, step, targets, nodes)
    settings = {rule.takes[n]: argument(rule.name, v) for n, v in given.items() if n in rule.takes}
    for literal in ("within", "towards", "by", "source", "area", "reference", "what"):
        if literal in settings:  # names, not words of a method
            settings[literal] = given[literal]
    if step.do == "aggregate":
        _aggregate_settings(draft, rule.name, settings, place)
    ordered = tuple(targets)
    if step.do in ("weigh", "aggregate"):
        ordered = tuple(sorted(targets, key=lambda name: -nodes[name].depth))
    return Operation(step.id, position, step.do, method, rule.name, ordered, MappingProxyType(settings))


def _aggregate_settings(draft: _Draft, function: str, settings: dict[str, Any], place: str) -> None:
    """Turn the words about missing children and penalties into what the methods take."""
    if function in MEANS and settings.get("missing") == "missing" and "min_available" in settings:
        draft.problem(
            f"{place}.missing",
            "`missing` and `min_available` both say what to do without a child",
            remedy="Keep one of them.",
        )
    if function in MEANS and settings.pop("missing", "skip") == "missing":
        settings["min_available"] = 1.0
    if function == "mazziotta_pareto":
        # Uneven needs count as more need, uneven goods as less good, unless the study says otherwise.
        sign = settings.get("penalty", -1 if draft.spec.higher == "better" else 1)
        settings["penalty"] = "up" if sign == 1 else "down"


def _check_stated(draft: _Draft, step: WeighStep, targets: Sequence[str], nodes: Mapping[str, Node]) -> None:
    """Say which stated weights are of no child, negative, or sum to 0."""
    children = [child for name in targets for child in draft.children.get(name, ())]
    place = f"steps.{step.id}.weights"
    for name, weight in step.weights.items():
        if name not in children:
            draft.problem(f"{place}.{name}", "it is no child of the weighed nodes", name, ", ".join(children))
        elif not 0 <= weight < float("inf"):
            draft.problem(f"{place}.{name}", "the weight is not a weight", f"{weight:g}", "0 or more")
    for name in targets:
        used = nodes[name].children
        if used and sum(step.weights.get(child, nodes[child].weight) for child in used) == 0:
            draft.problem(place, f"the weights of the children of {name} sum to 0", expected="a sum above 0")


class _Walk:
    """Follows the steps without values: knows at each point which node has a value and which way it points."""

    def __init__(self, draft: _Draft, nodes: Mapping[str, Node], directed: bool) -> None:
        self.draft = draft
        self.nodes = nodes
        self.directed = directed
        self.ready = {name for name, node in nodes.items() if not node.children}
        self.normalised: set[str] = set()
        self.used: set[str] = set()
        self.weighed: set[str] = set()
        self.altered: set[str] = set()
        self.combined: dict[str, Operation] = {}
        self.operations: list[Operation] = []

    def take(self, operation: Operation) -> None:
        """Add one operation, or say why it cannot be done here."""
        place = f"steps.{operation.step}"
        for name in operation.targets:
            self._judge(operation, name, place)
        if operation.kind == "normalise":
            signs = tuple(
                1 if name in self.normalised else self.nodes[name].sign for name in operation.targets
            )
            self.normalised.update(operation.targets)
            operation = Operation(
                operation.step,
                operation.position,
                operation.kind,
                operation.method,
                operation.function,
                operation.targets,
                operation.settings,
                signs,
            )
        if operation.kind in ("normalise", "treat", "impute", "shrink"):
            unchanged = operation.method == "none" and set(operation.signs) == {1}
            self.altered.update(() if unchanged else (n for n in operation.targets if self.nodes[n].children))
        self.operations.append(operation)

    def _judge(self, operation: Operation, name: str, place: str) -> None:
        """Say why one target cannot be worked on here; note what the operation makes of it."""
        node, problem = self.nodes[name], self.draft.problem
        if operation.kind in ("weigh", "aggregate"):
            if not node.children:
                problem(place, f"{operation.kind} works on branches, and {name} is a leaf", name)
            elif operation.kind == "aggregate":
                self._combine(operation, node, place)
            else:
                self._weigh(operation, node, place)
        elif operation.kind in ("denominate", "screen", "shrink") and node.children:
            problem(place, f"{operation.kind} works on leaves, and {name} is a branch", name)
        elif name not in self.ready:
            problem(place, f"{name} has no value yet", expected="an aggregate step for it before this step")
        elif node.parent in self.combined and name in self.used:
            problem(
                place,
                f"{name} has already entered {node.parent}, so the step would change nothing",
                remedy="Put the step before the aggregation.",
            )

    def _weigh(self, operation: Operation, node: Node, place: str) -> None:
        problem = self.draft.problem
        self.weighed.add(node.name)
        if node.name in self.combined:
            problem(place, f"{node.name} is weighed after it was aggregated", remedy="Put it before.")
        late = [child for child in node.children if child not in self.ready]
        if late and operation.method in ESTIMATED:
            problem(place, f"children of {node.name} have no value yet", ", ".join(late))

    def _combine(self, operation: Operation, node: Node, place: str) -> None:
        problem = self.draft.problem
        if node.name in self.combined:
            problem(place, f"{node.name} is aggregated twice", remedy="Remove one of the two steps.")
        late = [child for child in node.children if child not in self.ready]
        if late:
            problem(
                place, f"children of {node.name} have no value yet", ", ".join(late), "aggregates below first"
            )
        for child in node.children:
            if child in self.ready:
                self._check_turned(child, f"{place}", f"before {node.name} is aggregated")
        if node.name not in self.weighed and sum(self.nodes[c].weight for c in node.children) == 0:
            problem(place, f"the weights of the children of {node.name} sum to 0", expected="a sum above 0")
        self.ready.add(node.name)
        self.used.update(node.children)
        self.combined[node.name] = operation

    def _check_turned(self, name: str, place: str, when: str) -> None:
        if self.directed and self.nodes[name].sign == -1 and name not in self.normalised:
            self.draft.problem(
                place,
                f"{name} runs against the index and is never turned round",
                "a direction of -1"
                if self.nodes[name].direction == -1
                else "a direction of 1 where higher means better",
                f"a normalise step on it {when}",
            )

    def finish(self) -> None:
        """Say what is still missing after the last step."""
        root = self.draft.root
        for name, node in self.nodes.items():
            if node.children and name not in self.combined:
                self.draft.problem(
                    f"tree.{name}", "no step aggregates it", expected="an aggregate step", remedy="Add one."
                )
        if root in self.nodes:
            self._check_turned(root, f"tree.{root}", "at last")
