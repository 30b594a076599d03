"""A fair lottery at the line: exact chances, the same caps in every draw, a draw that anyone can repeat.

Chances are whole multiples of one 2³²nd, so that every step is exact. The draw pairs places and lets one of each pair take as much
of the other's chance as fits (the pivotal method), first inside the smallest groups, then between what is left of them, and so
upwards: each place keeps its chance, and each group receives the sum of its chances rounded down or up, so never more than a
whole cap that the chances keep, nor less than a whole minimum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise, permutations, product
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.apportion import apportion, whole_weights
from wardmote.methods.checks import BoolArray, FloatArray, IntArray

UNIT = 2**32
"""What a chance of 1 is in whole units: finer than any chance that can be stated, and two of them fit a 64-bit number."""

EXACT_ORDERS = 1_000
"""Most orders of places that :func:`joint_chances` goes through one by one (six places in one group have 720); about two seconds."""


@dataclass(frozen=True, slots=True)
class Design:
    """A lottery that is ready to be drawn.

    Attributes:
        chance: Chance of each contested place in units of 1/:data:`UNIT`, shape (n,), adding up to ``places``·UNIT.
        groups: Nested groups of each place, the widest first, shape (levels, n); each level's groups lie inside the level before.
        places: Places to be drawn.
    """

    chance: IntArray
    groups: IntArray
    places: int

    @property
    def probability(self) -> FloatArray:
        """Return the chance of each place as a number from 0 to 1, shape (n,); exact, since UNIT is a power of 2."""
        return self.chance / UNIT


@dataclass(frozen=True, slots=True)
class Estimate:
    """A Horvitz–Thompson estimate with its uncertainty.

    Attributes:
        value: The estimate, in the outcome's unit.
        standard_error: Its standard error, or None where the design does not allow one.
        method: How the standard error was found, or why there is none.
    """

    value: float
    standard_error: float | None
    method: str


def design(
    weight: npt.ArrayLike,
    places: int,
    groups: Sequence[npt.ArrayLike] = (),
    caps: Sequence[npt.ArrayLike | None] = (),
) -> Design:
    """Return the lottery that shares ``places`` among contested places in proportion to weight, under the caps.

    From the widest groups to single places, what a group receives is shared among its parts in proportion to their total weight,
    clipped at what each part can take: a place at 1, a group at its cap or the number of its places.

    Args:
        weight: Weight of each contested place, shape (n,), > 0: equal, or the share of draws in which it was funded.
        places: Places left at the line, 0 to n.
        groups: Groupings, each shape (n,) with group numbers 0 to G − 1, in any order; for any two, each group of the one must
            lie inside a group of the other (region and authority; not authority and constituency).
        caps: For each grouping the places left in each group, shape (G,), or None for no cap.

    Returns:
        The design. Chances add up to ``places`` exactly. A chance of 1 is a place that is sure.

    Raises:
        MethodError: Groupings that cut across each other; caps that leave fewer places than are to be drawn; bad weights.
    """
    sizes = whole_weights(weight)
    n = len(sizes)
    problems = []
    if n == 0 or min(sizes, default=0) <= 0:
        problems.append(
            Problem("lottery", "a contested place has no weight", "", "weights > 0 for at least one place")
        )
    if not 0 <= places <= n:
        problems.append(Problem("lottery", "places do not fit", str(places), f"0 to {n}"))
    if len(groups) != len(caps):
        problems.append(
            Problem("lottery", "each grouping needs its caps, or None", f"{len(groups)} and {len(caps)}")
        )
    if problems:
        raise MethodError(problems)
    nested, limits = _nested([np.asarray(g, dtype=np.int64) for g in groups], caps, n)
    tree = _tree(nested, limits, 0, np.arange(n), None)
    if tree.room < places:
        raise MethodError(
            Problem(
                "lottery",
                "the caps leave too few places",
                f"{tree.room} below {places}",
                "",
                "Raise a cap or draw fewer.",
            )
        )
    chance = np.zeros(n, dtype=np.int64)
    _share(tree, places * UNIT, sizes, chance)
    return Design(chance, nested, places)


def seed_for(round_id: str, public: str, codes: Sequence[str]) -> str:
    """Return the seed of a public draw: SHA-256 of the round, the public randomness and the codes of the contested areas.

    The text that is hashed is ``round_id``, ``public`` and the codes in ascending order, one a line, in UTF-8, without a last line
    feed. The public string (a lottery's numbers, a closing index) is named before it is known, so that nobody can choose the seed.

    Args:
        round_id: The round's id.
        public: The public randomness, as it was published.
        codes: Codes of the contested areas, in any order, all different.

    Returns:
        64 hexadecimal digits.

    Raises:
        MethodError: An empty part, a line feed inside one, or a code twice.
    """
    parts = [round_id, public, *sorted(codes)]
    if any(not part or "\n" in part for part in parts) or len(set(codes)) != len(codes) or not codes:
        raise MethodError(
            Problem(
                "lottery seed",
                "a part is empty, repeated or has a line feed",
                "",
                "one line for each part, codes once",
            )
        )
    return sha256("\n".join(parts).encode()).hexdigest()


def draw_public(plan: Design, seed: str, codes: Sequence[str]) -> BoolArray:
    """Return the result of the public draw, which anyone can repeat with a list of codes and SHA-256.

    1. Places are put in order of ``SHA-256(seed + ":" + code)`` inside their groups, and groups in order of
       ``SHA-256(seed + ":group:" + first code in the group)`` inside theirs.
    2. In that order each place meets what is left of the group so far (chances a and b, in units of 2⁻³²). With p = min(UNIT − a, b) and
       q = min(a, UNIT − b), a whole number u = SHA-256(seed + ":step:" + k) modulo (p + q), where k counts meetings from 0, decides: if
       u < q then a rises and b falls by p, else a falls and b rises by q. The one that is neither 0 nor UNIT goes on.
    3. At the end of a group what is left of it meets what is left of the group around it.

    Args:
        plan: The design.
        seed: From :func:`seed_for`.
        codes: Code of each contested place, shape (n,), in the order of the design.

    Returns:
        Drawn or not, shape (n,); ``plan.places`` are. The remainder of a 256-bit number favours none by more than 2⁻²²³.

    Raises:
        MethodError: Codes do not fit the design.

    Source:
        J.-C. Deville and Y. Tillé (1998), "Unequal probability sampling without replacement through a splitting method", *Biometrika*
        85 (pivotal); A. Srinivasan (2001), *FOCS 2001*, and R. Gandhi et al. (2006), *Journal of the ACM* 53 (dependent rounding; sums of
        nested groups rounded down or up); G. Chauvet (2012), *Bernoulli* 18 (order within groups).
    """
    n = len(plan.chance)
    if len(codes) != n or len(set(codes)) != n:
        raise MethodError(
            Problem("lottery", "codes do not fit the design", str(len(codes)), f"{n} different codes")
        )

    def number(text: str) -> int:
        return int(sha256(f"{seed}:{text}".encode()).hexdigest(), 16)

    keys: list[tuple[int, ...]] = []
    first = [
        {int(g): min(c for c, own in zip(codes, level, strict=True) if own == g) for g in np.unique(level)}
        for level in plan.groups
    ]
    for i, code in enumerate(codes):
        around = [number(f"group:{first[k][int(level[i])]}") for k, level in enumerate(plan.groups)]
        keys.append((*around, number(code)))
    order = np.array(sorted(range(n), key=lambda i: keys[i]), dtype=np.int64)[None, :]
    steps = iter(range(n * (len(plan.groups) + 2)))

    def decide(total: IntArray, asked: BoolArray) -> IntArray:
        # Only real meetings use up a number, so that a person can follow the count.
        return np.array([number(f"step:{next(steps)}") % int(total[0]) if asked[0] else 0])

    drawn: BoolArray = _pivot(plan, order, decide)[0]
    return drawn


def draws(plan: Design, count: int, rng: np.random.Generator) -> BoolArray:
    """Return many independent draws of the same design, to study it.

    Args:
        plan: The design.
        count: Number of draws, ≥ 1.
        rng: Generator; never used for the public draw.

    Returns:
        Drawn or not, shape (count, n). Exactly ``plan.places`` in each draw; the chance of each place is exact.
    """
    n = len(plan.chance)
    out = np.zeros((count, n), dtype=np.bool_)
    block = max(1, 4_000_000 // max(n, 1))  # about 32 MB of positions at a time
    for start in range(0, count, block):
        size = min(block, count - start)
        keys = []
        for level in plan.groups:
            mixed = rng.permuted(np.tile(np.arange(level.max() + 1), (size, 1)), axis=1)
            keys.append(mixed[:, level])
        keys.append(rng.random((size, n)))
        order = np.lexsort(tuple(reversed(keys)), axis=-1)
        out[start : start + size] = _pivot(
            plan, order, lambda total, asked: rng.integers(0, np.where(asked, total, 1))
        )
    return out


def joint_chances(
    plan: Design, rng: np.random.Generator | None = None, count: int = 100_000
) -> tuple[FloatArray, str]:
    """Return the chance that two places are both drawn, exactly for few places and by simulation otherwise.

    Args:
        plan: The design.
        rng: Generator for simulation; None to refuse where exact work is too long.
        count: Draws of the simulation; a chance p has standard error √(p(1 − p)/count).

    Returns:
        Joint chances, shape (n, n), single chances on the diagonal; and ``exact`` or ``simulated from N draws``.

    Raises:
        MethodError: Too many orders, and no generator.
    """
    orders = _count_orders(plan)
    if orders <= EXACT_ORDERS:
        return _exact_joint(plan), "exact"
    if rng is None:
        raise MethodError(
            Problem("lottery", "too many orders for exact joint chances", "", "", "Give a generator.")
        )
    total = np.zeros((len(plan.chance),) * 2)
    for start in range(0, count, 20_000):
        some = draws(plan, min(20_000, count - start), rng).astype(np.float64)
        total += some.T @ some
    joint = total / count
    np.fill_diagonal(joint, plan.probability)
    return joint, f"simulated from {count:,} draws"


def estimate_total(
    outcome: npt.ArrayLike, drawn: npt.ArrayLike, probability: npt.ArrayLike, joint: npt.ArrayLike | None
) -> Estimate:
    """Return the Horvitz–Thompson estimate of a total from the places drawn: ``Σ_{drawn} y/π``.

    The standard error is Sen, Yates and Grundy's, for designs of fixed size:
    ``V = Σ_{i<j drawn} (π_i π_j − π_ij)/π_ij · (y_i/π_i − y_j/π_j)²``.

    Args:
        outcome: Outcome, shape (n,); NaN allowed where not drawn.
        drawn: Drawn or not, shape (n,).
        probability: Chance of each, shape (n,), in (0, 1].
        joint: Joint chances, shape (n, n), or None.

    Returns:
        The estimate, unbiased over draws. No standard error where a joint chance is 0 (none is unbiased then) or is not given.

    Raises:
        MethodError: A chance of 0, or a drawn place without an outcome.

    Source:
        D. G. Horvitz and D. J. Thompson (1952), *JASA* 47; F. Yates and P. M. Grundy (1953), *JRSS B* 15; A. R. Sen (1953); S. Lohr
        (2022), *Sampling*, 3rd ed., §6.4.
    """
    y, mask, pi = (
        np.asarray(outcome, np.float64),
        np.asarray(drawn, np.bool_),
        np.asarray(probability, np.float64),
    )
    if (pi <= 0).any() or (pi > 1).any() or np.isnan(y[mask]).any():
        raise MethodError(
            Problem(
                "lottery", "chances or outcomes are not usable", "", "chances in (0, 1], outcomes where drawn"
            )
        )
    expanded = y[mask] / pi[mask]
    value = float(expanded.sum())
    if joint is None:
        return Estimate(value, None, "none: joint chances are not given")
    pair = np.asarray(joint, np.float64)
    if (pair <= 0).any():
        return Estimate(value, None, "none: some pairs can never be drawn together")
    own = pair[np.ix_(mask, mask)]
    spread = (np.outer(pi[mask], pi[mask]) - own) / own * (expanded[:, None] - expanded[None, :]) ** 2
    return Estimate(value, float(np.sqrt(max(0.0, np.triu(spread, 1).sum()))), "Sen–Yates–Grundy")


def estimate_effect(
    outcome: npt.ArrayLike, drawn: npt.ArrayLike, probability: npt.ArrayLike, joint: npt.ArrayLike | None
) -> Estimate:
    """Return the mean effect of being drawn on the contested places: ``(Σ_{drawn} y/π − Σ_{not} y/(1 − π))/n``.

    The standard error is the conservative one of Aronow and Samii: covariances of all pairs by their joint chances, and the one part
    that no design can show (a place drawn and not drawn at once) bounded by ``Σ_{drawn} y²/π + Σ_{not} y²/(1 − π)``.

    Args:
        outcome: Outcome of every contested place, shape (n,), in any unit.
        drawn: Drawn or not, shape (n,).
        probability: Chance of each, shape (n,), strictly between 0 and 1: places that are sure tell nothing of the effect.
        joint: Joint chances, shape (n, n), or None.

    Returns:
        The estimate, in the outcome's unit; unbiased over draws. Subtract a forecast made before the draw from the outcome to
        gain precision. No standard error where some pair can never be seen in one of the four ways.

    Raises:
        MethodError: A chance of 0 or 1, or an outcome missing.

    Source:
        P. M. Aronow and C. Samii (2017), "Estimating average causal effects under general interference", *Annals of Applied Statistics*
        11, §4–5.
    """
    y, mask, pi = (
        np.asarray(outcome, np.float64),
        np.asarray(drawn, np.bool_),
        np.asarray(probability, np.float64),
    )
    if (pi <= 0).any() or (pi >= 1).any() or np.isnan(y).any():
        raise MethodError(
            Problem(
                "lottery",
                "chances or outcomes are not usable",
                "",
                "chances strictly between 0 and 1, no outcome missing",
            )
        )
    n = len(y)
    sign = np.where(mask, 1.0, -1.0)
    own = np.where(mask, pi, 1 - pi)
    expanded = y / own
    value = float((sign * expanded).sum() / n)
    if joint is None:
        return Estimate(value, None, "none: joint chances are not given")
    pair = np.asarray(joint, np.float64)
    seen = (pair, pi[:, None] - pair, pi[None, :] - pair, 1 - pi[:, None] - pi[None, :] + pair)
    off = ~np.eye(n, dtype=np.bool_)
    if any(
        (part[off] <= 1e-12).any() for part in seen
    ):  # differences of chances carry the rounding of floating point
        return Estimate(value, None, "none: some pairs can never be seen drawn or not drawn together")
    both = np.where(
        mask[:, None], np.where(mask[None, :], seen[0], seen[1]), np.where(mask[None, :], seen[2], seen[3])
    )
    covariance = both - np.outer(own, own)
    terms = covariance / both * np.outer(sign * expanded, sign * expanded)
    variance = float(terms[off].sum() + ((1 - own) * expanded**2).sum() + (own * expanded**2).sum())
    return Estimate(value, float(np.sqrt(max(0.0, variance)) / n), "Aronow–Samii, conservative")


def detectable_effect(
    probability: npt.ArrayLike,
    deviation: float,
    *,
    significance: float = 0.05,
    power: float = 0.8,
    explained: float = 0.0,
) -> float:
    """Return the smallest effect that a later comparison of drawn and not drawn places would probably find.

    ``MDE = (z_{1−α/2} + z_{power}) · σ·√(1 − R²) · √(Σ 1/(π(1 − π)))/n``: for equal chances this is the usual formula with n·π
    treated and n·(1 − π) not.

    Args:
        probability: Chance of each contested place, shape (n,); places with 0 or 1 are left out, since they tell nothing.
        deviation: Standard deviation of the outcome between places, > 0, in its unit.
        significance: Two-sided level α, 0 to 1.
        power: Chance of finding such an effect, 0 to 1.
        explained: Share of the outcome's variance that data from before the draw explain, 0 to below 1.

    Returns:
        The effect, in the outcome's unit; infinite where no place is contested.

    Raises:
        MethodError: A number outside its range.

    Source:
        H. S. Bloom (1995), "Minimum detectable effects", *Evaluation Review* 19; the variance of the Horvitz–Thompson difference for
        outcomes that do not depend on the chances.
    """
    if not (deviation > 0 and 0 < significance < 1 and 0 < power < 1 and 0 <= explained < 1):
        raise MethodError(
            Problem("lottery power", "a setting is out of range", "", "σ > 0, 0 < α, power < 1, 0 ≤ R² < 1")
        )
    pi = np.asarray(probability, np.float64)
    pi = pi[(pi > 0) & (pi < 1)]
    if len(pi) == 0:
        return float("inf")
    z = NormalDist().inv_cdf(1 - significance / 2) + NormalDist().inv_cdf(power)
    return float(z * deviation * np.sqrt(1 - explained) * np.sqrt((1 / (pi * (1 - pi))).sum()) / len(pi))


@dataclass(frozen=True, slots=True)
class _Node:
    """A group in the tree: what it can take, its weight, and its parts or single places."""

    room: int
    members: IntArray
    parts: tuple[_Node, ...]


def _nested(
    groups: Sequence[IntArray], caps: Sequence[npt.ArrayLike | None], n: int
) -> tuple[IntArray, list[IntArray | None]]:
    """Return groupings from the widest to the narrowest, with their caps, or refuse those that cut across each other."""
    order = sorted(range(len(groups)), key=lambda k: (len(np.unique(groups[k])), k))
    problems = [
        Problem(
            f"lottery grouping {k}",
            "does not fit the places",
            f"shape {groups[k].shape}",
            f"({n},), numbers ≥ 0",
        )
        for k in order
        if groups[k].shape != (n,) or groups[k].min(initial=0) < 0
    ]
    if not problems:
        for wide, narrow in pairwise(order):
            pairs = len(np.unique(np.stack([groups[wide], groups[narrow]]), axis=1).T)
            if pairs != len(np.unique(groups[narrow])):
                problems.append(
                    Problem(
                        f"lottery groupings {wide} and {narrow}",
                        "cut across each other",
                        "",
                        "each group of one inside a group of the other",
                        "Cap one of the two, or draw at its level.",
                    )
                )
    if problems:
        raise MethodError(problems)
    limits: list[IntArray | None] = []
    for k in order:
        cap = caps[k]
        limits.append(None if cap is None else np.asarray(cap, dtype=np.int64))
    table = np.stack([groups[k] for k in order]) if order else np.zeros((0, n), dtype=np.int64)
    return table, limits


def _tree(
    groups: IntArray, caps: Sequence[IntArray | None], level: int, members: IntArray, cap: int | None
) -> _Node:
    """Return the tree of groups over some places."""
    parts: tuple[_Node, ...] = ()
    room = len(members)
    if level < len(groups):
        own = groups[level, members]
        limit = caps[level]
        parts = tuple(
            _tree(groups, caps, level + 1, members[own == g], None if limit is None else int(limit[g]))
            for g in np.unique(own).tolist()
        )
        room = sum(part.room for part in parts)
    return _Node(room if cap is None else min(room, max(cap, 0)), members, parts)


def _share(node: _Node, units: int, sizes: list[int], chance: IntArray) -> None:
    """Write chances that share ``units`` among the parts of a group in proportion to weight, none above what it can take."""
    if not node.parts:
        chance[node.members] = apportion(units, [sizes[i] for i in node.members.tolist()], ceiling=UNIT)
        return
    weights = [sum(sizes[i] for i in part.members.tolist()) for part in node.parts]
    shares = apportion(units, weights, ceiling=np.array([part.room * UNIT for part in node.parts]))
    for part, share in zip(node.parts, shares.tolist(), strict=True):
        _share(part, share, sizes, chance)


def _pivot(plan: Design, order: IntArray, decide: Callable[[IntArray, BoolArray], IntArray]) -> BoolArray:
    """Return draws by the pivotal method, all draws side by side; ``order`` has shape (draws, n) and keeps groups together."""
    count, n = order.shape
    levels = len(plan.groups)
    worlds = np.arange(count)
    drawn = np.zeros((count, n), dtype=np.bool_)
    # What is left of the group being walked, by level; the last is the innermost. Value 0: nothing is left.
    holder = np.zeros((levels + 1, count), dtype=np.int64)
    value = np.zeros((levels + 1, count), dtype=np.int64)

    def meet(level: int, who: IntArray, share: IntArray, here: BoolArray) -> None:
        a = value[level]
        sure = here & (share == UNIT)
        drawn[worlds[sure], who[sure]] = True
        comes = here & (share > 0) & (share < UNIT)
        alone = comes & (a == 0)
        pair = comes & (a > 0)
        p, q = np.minimum(UNIT - a, share), np.minimum(a, UNIT - share)
        up = decide(p + q, pair) < q
        a_new = np.where(up, a + p, a - q)
        b_new = np.where(up, share - p, share + q)
        for won, winner in ((pair & (a_new == UNIT), holder[level]), (pair & (b_new == UNIT), who)):
            drawn[worlds[won], winner[won]] = True
        new_goes_on = alone | (pair & (b_new > 0) & (b_new < UNIT))
        old_goes_on = pair & ~new_goes_on & (a_new > 0) & (a_new < UNIT)
        kept = np.where(alone, share, np.where(new_goes_on, b_new, np.where(old_goes_on, a_new, 0)))
        holder[level] = np.where(new_goes_on, who, holder[level])
        value[level] = np.where(comes, kept, a)

    for t in range(n):
        who = order[:, t]
        meet(levels, who, plan.chance[who], np.ones(count, dtype=np.bool_))
        for level in range(levels - 1, -1, -1):  # at the end of a group, what is left goes one level up
            end = (
                np.ones(count, dtype=np.bool_)
                if t == n - 1
                else plan.groups[level, who] != plan.groups[level, order[:, t + 1]]
            )
            meet(level, holder[level + 1].copy(), value[level + 1].copy(), end)
            value[level + 1] = np.where(end, 0, value[level + 1])
    return drawn


def _orders(plan: Design, level: int, members: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield every order of some places that keeps groups together."""
    if level == len(plan.groups):
        yield from permutations(members)
        return
    own: dict[int, list[int]] = {}
    for i in members:
        own.setdefault(int(plan.groups[level, i]), []).append(i)
    inner = [list(_orders(plan, level + 1, tuple(part))) for part in own.values()]
    for arrangement in permutations(range(len(inner))):
        for choice in product(*[inner[k] for k in arrangement]):
            yield tuple(i for part in choice for i in part)


def _count_orders(plan: Design) -> int:
    """Return the number of orders that keep groups together, or a number above the limit."""
    n = len(plan.chance)
    total, around = 1, np.zeros(n, dtype=np.int64)
    for level in [*plan.groups, np.arange(n)]:
        for g in np.unique(around):
            for k in range(2, len(np.unique(level[around == g])) + 1):
                total *= k
                if total > EXACT_ORDERS:
                    return total
        around = level
    return total


def _exact_joint(plan: Design) -> FloatArray:
    """Return joint chances by going through every order and both ends of every meeting, in fractions."""
    n = len(plan.chance)
    joint = [[Fraction(0)] * n for _ in range(n)]
    orders = list(_orders(plan, 0, tuple(range(n))))
    for order in orders:
        for drawn, probability in _branches(plan, order):
            for i in drawn:
                for j in drawn:
                    joint[i][j] += probability
    return np.array([[float(item / len(orders)) for item in row] for row in joint])


State = tuple[tuple[int, int], ...]


def _branches(plan: Design, order: tuple[int, ...]) -> list[tuple[frozenset[int], Fraction]]:
    """Return every set that one order can draw, with its chance."""
    levels = len(plan.groups)
    now: dict[tuple[frozenset[int], State], Fraction] = {
        (frozenset(), ((-1, 0),) * (levels + 1)): Fraction(1)
    }

    def step(source: Callable[[State], tuple[int, int]], level: int, clear: bool) -> None:
        after: dict[tuple[frozenset[int], State], Fraction] = {}
        for (drawn, state), probability in now.items():
            who, share = source(state)
            for new, kept, part in _meeting(state[level], (who, share)):
                left = list(state)
                left[level] = kept
                if clear:
                    left[level + 1] = (-1, 0)
                key = (drawn | new, tuple(left))
                after[key] = after.get(key, Fraction(0)) + probability * part
        now.clear()
        now.update(after)

    for t, i in enumerate(order):
        step(lambda _, i=i: (i, int(plan.chance[i])), levels, False)  # type: ignore[misc]  # mypy cannot type the default
        for level in range(levels - 1, -1, -1):
            if t == len(order) - 1 or plan.groups[level, i] != plan.groups[level, order[t + 1]]:
                step(lambda state, up=level + 1: state[up], level, True)  # type: ignore[misc]  # mypy cannot type the default
    return [(drawn, probability) for (drawn, _), probability in now.items()]


def _meeting(
    old: tuple[int, int], new: tuple[int, int]
) -> list[tuple[frozenset[int], tuple[int, int], Fraction]]:
    """Return the outcomes of one meeting: places drawn, what goes on, chance."""
    (i, a), (j, b) = old, new
    if b in (0, UNIT):
        return [(frozenset([j]) if b else frozenset(), old, Fraction(1))]
    if a == 0:
        return [(frozenset(), new, Fraction(1))]
    p, q = min(UNIT - a, b), min(a, UNIT - b)
    out: list[Any] = []
    for x, y, chance in ((a + p, b - p, Fraction(q, p + q)), (a - q, b + q, Fraction(p, p + q))):
        drawn = frozenset([who for who, share in ((i, x), (j, y)) if share == UNIT])
        kept = (j, y) if 0 < y < UNIT else (i, x) if 0 < x < UNIT else (-1, 0)
        out.append((drawn, kept, chance))
    return out
