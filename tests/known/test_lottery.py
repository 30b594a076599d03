"""The lottery keeps its promises: exact chances, caps in every draw, a draw that can be repeated, estimates without bias."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.errors import MethodError
from wardmote.methods.lottery import (
    UNIT,
    design,
    detectable_effect,
    draw_public,
    draws,
    estimate_effect,
    estimate_total,
    joint_chances,
    seed_for,
)

AUTHORITY = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 4])
REGION = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
AUTHORITY_CAPS, REGION_CAPS = np.array([1, 1, 2, 1, 2]), np.array([3, 3])


def planned() -> object:
    weight = np.array([5, 4, 3, 7, 2, 6, 1, 8, 3, 9, 4, 4, 5, 2])
    return design(weight, 5, [AUTHORITY, REGION], [AUTHORITY_CAPS, REGION_CAPS])


def test_frequencies_match_the_chances_over_100_000_draws() -> None:
    plan = planned()
    drawn = draws(plan, 100_000, np.random.default_rng(1))  # type: ignore[arg-type]  # a design
    p = plan.probability  # type: ignore[attr-defined]  # a design
    z = (drawn.mean(axis=0) - p) / np.sqrt(p * (1 - p) / len(drawn))
    # 14 standard normal numbers: |z| > 4.5 happens by chance in one of 10,000 such tests; the seed is fixed.
    assert np.abs(z).max() < 4.5
    assert (drawn.sum(axis=1) == 5).all()
    for groups, caps in ((AUTHORITY, AUTHORITY_CAPS), (REGION, REGION_CAPS)):
        for g, cap in enumerate(caps):
            sums, expected = drawn[:, groups == g].sum(axis=1), p[groups == g].sum()
            assert sums.max() <= cap
            assert sums.min() >= np.floor(expected)
            assert sums.max() <= np.ceil(expected)


def test_chances_are_exact_proportional_and_clipped() -> None:
    plan = design([1, 1, 2, 4], 2)
    assert int(plan.chance.sum()) == 2 * UNIT
    # 2 places over weights 1, 1, 2, 4: the last is sure, the others share one place as 1 : 1 : 2.
    assert plan.probability.tolist() == [0.25, 0.25, 0.5, 1.0]
    capped = design([1, 1, 1, 1], 2, [[0, 0, 0, 1]], [[1, 1]])
    # Two places to two groups of 3 and 1: in proportion 1.5 and 0.5, but the first may have one; so both have one.
    assert capped.probability.sum() == 2
    assert capped.probability[3] == 1
    assert int(capped.chance[:3].sum()) == UNIT


def by_hand(chance: list[int], groups: list[int], codes: list[str], seed: str) -> set[str]:
    """The recipe of :func:`draw_public` for one grouping, written again as a reader of the documents would."""

    def number(text: str) -> int:
        return int(sha256(f"{seed}:{text}".encode()).hexdigest(), 16)

    members: dict[int, list[int]] = {}
    for i, g in enumerate(groups):
        members.setdefault(g, []).append(i)
    in_order = sorted(members.values(), key=lambda m: number("group:" + min(codes[i] for i in m)))
    share, step, won = list(chance), 0, {i for i, c in enumerate(chance) if c == UNIT}

    def meet(old: int | None, new: int) -> int | None:
        nonlocal step
        if share[new] in (0, UNIT):
            return old
        if old is None:
            return new
        a, b = share[old], share[new]
        p, q = min(UNIT - a, b), min(a, UNIT - b)
        u = number(f"step:{step}") % (p + q)
        step += 1
        share[old], share[new] = (a + p, b - p) if u < q else (a - q, b + q)
        won.update(i for i in (old, new) if share[i] == UNIT)
        left = [i for i in (new, old) if 0 < share[i] < UNIT]
        return left[0] if left else None

    outer: int | None = None
    for part in in_order:
        inner: int | None = None
        for i in sorted(part, key=lambda i: number(codes[i])):
            inner = meet(inner, i)
        if inner is not None:
            outer = meet(outer, inner)
    return {codes[i] for i in won}


def test_anyone_can_repeat_the_public_draw() -> None:
    codes = [f"E0200{i:04}" for i in range(14)]
    weight = np.arange(1, 15)
    for k in range(20):
        seed = seed_for("round-1", f"03 11 19 27 40 4{k}", codes)
        plan = design(weight, 6, [AUTHORITY], [np.array([2, 1, 2, 1, 3])])
        drawn = draw_public(plan, seed, codes)
        assert {c for c, d in zip(codes, drawn, strict=True) if d} == by_hand(
            plan.chance.tolist(), AUTHORITY.tolist(), codes, seed
        )
        # The order in which areas are listed changes nothing.
        turned = np.arange(13, -1, -1)
        other = design(weight[turned], 6, [AUTHORITY[turned]], [np.array([2, 1, 2, 1, 3])])
        if sorted(other.chance.tolist()) == sorted(plan.chance.tolist()):
            again = draw_public(other, seed, [codes[i] for i in turned])
            if (other.chance[turned] == plan.chance).all():
                assert (again[turned] == drawn).all()


def test_the_seed_is_what_its_recipe_says() -> None:
    text = "round-1\n03 11 19\nE1\nE2"
    assert seed_for("round-1", "03 11 19", ["E2", "E1"]) == sha256(text.encode()).hexdigest()
    for bad in (("", "x", ["a"]), ("r", "x\ny", ["a"]), ("r", "x", ["a", "a"])):
        with pytest.raises(MethodError):
            seed_for(*bad)


def test_public_draws_have_the_right_frequencies() -> None:
    codes = [f"E{i}" for i in range(5)]
    plan = design([1, 2, 3, 1, 3], 2, [[0, 0, 0, 1, 1]], [[1, 1]])
    drawn = [draw_public(plan, seed_for("r", str(k), codes), codes) for k in range(1_000)]
    # Standard errors are at most 0.0158; 0.065 is four of them.
    assert np.abs(np.mean(drawn, axis=0) - plan.probability).max() < 0.065


def test_equal_chances_give_simple_random_sampling() -> None:
    """Random order and equal chances: every pair has n(n − 1)/(N(N − 1)), here 2·1/(5·4) (Lohr, *Sampling*, §2.3).

    Chances of 2/5 are stored to one 2³²nd, hence the tolerance."""
    joint, how = joint_chances(design(np.ones(5), 2))
    assert how == "exact"
    assert np.abs(joint[~np.eye(5, dtype=bool)] - 2 / 20).max() < 1e-8


def test_joint_chances_agree_with_simulation_and_add_up() -> None:
    plan = design([1, 2, 3, 1, 1, 2], 3, [[0, 0, 0, 1, 1, 1]], [[2, 2]])
    joint, _ = joint_chances(plan)
    assert np.abs(np.diag(joint) - plan.probability).max() < 1e-12
    assert np.abs(joint.sum(axis=1) - 3 * plan.probability).max() < 1e-12  # fixed size: Σ_j π_ij = n·π_i
    drawn = draws(plan, 40_000, np.random.default_rng(2)).astype(float)
    assert np.abs(drawn.T @ drawn / len(drawn) - joint).max() < 4.5 * 0.0025  # √(0.25/40,000)
    simulated, how = joint_chances(design(np.ones(20), 5), np.random.default_rng(3), 20_000)
    assert how == "simulated from 20,000 draws"
    assert np.abs(simulated[0, 1] - 5 * 4 / (20 * 19)) < 0.008
    with pytest.raises(MethodError):
        joint_chances(design(np.ones(20), 5))


def test_horvitz_thompson_is_unbiased_over_1_000_toy_worlds() -> None:
    """In each world outcomes, chances and effect are new; errors divided by their exact standard deviation average 0."""
    rng = np.random.default_rng(7)
    plans = [design(rng.uniform(1, 4, 6), 3, [[0, 0, 0, 1, 1, 1]], [[2, 2]]) for _ in range(20)]
    joints = [joint_chances(plan)[0] for plan in plans]
    total_errors, effect_errors, covered = [], [], []
    for world in range(1_000):
        plan, joint = plans[world % 20], joints[world % 20]
        p = plan.probability
        before, effect = rng.normal(10, 2, 6), rng.normal(1, 0.5, 6)
        drawn = draws(plan, 1, rng)[0]
        seen = np.where(drawn, before + effect, before)
        total_errors.append(estimate_total(seen, drawn, p, joint).value - (before + effect).sum())
        found = estimate_effect(seen - 10, drawn, p, joint)
        effect_errors.append(found.value - effect.mean())
        if found.standard_error is not None:
            covered.append(abs(effect_errors[-1]) < 1.96 * found.standard_error)
    for errors in (np.array(total_errors), np.array(effect_errors)):
        assert abs(errors.mean()) < 3.5 * errors.std() / np.sqrt(len(errors))
    assert (
        np.mean(covered) > 0.85
    )  # six places are few for a normal interval; the variance itself is conservative


def test_horvitz_thompson_is_unbiased_exactly() -> None:
    """Over all draws of a small design the mean estimate is the total and the mean of Sen–Yates–Grundy is the true variance."""
    plan = design([1, 2, 3, 2], 2)
    joint, _ = joint_chances(plan)
    y = np.array([3.0, 1, 4, 1.5])
    value = variance = square = 0.0
    for i in range(4):
        for j in range(i + 1, 4):
            drawn = np.isin(np.arange(4), [i, j])
            estimate = estimate_total(y, drawn, plan.probability, joint)
            assert estimate.standard_error is not None
            value += joint[i, j] * estimate.value
            square += joint[i, j] * estimate.value**2
            variance += joint[i, j] * estimate.standard_error**2
    assert value == pytest.approx(y.sum(), rel=1e-9)
    assert variance == pytest.approx(square - y.sum() ** 2, rel=1e-6)


def test_no_standard_error_is_made_up() -> None:
    plan = design([1, 1, 1, 1], 2, [[0, 0, 1, 1]], [[1, 1]])  # two of one pair are never drawn together
    joint, _ = joint_chances(plan)
    drawn = np.array([True, False, True, False])
    for estimate in (
        estimate_total([1, 2, 3, 4], drawn, plan.probability, joint),
        estimate_effect([1, 2, 3, 4], drawn, plan.probability, joint),
        estimate_total([1, 2, 3, 4], drawn, plan.probability, None),
    ):
        assert estimate.standard_error is None
        assert estimate.method.startswith("none")


def test_detectable_effect_is_the_usual_one_for_equal_chances() -> None:
    """50 and 50 places, σ = 1, 5%, 80%: 2.8016·√(1/50 + 1/50) = 0.560 (Bloom 1995: multiplier 2.8)."""
    assert detectable_effect(np.full(100, 0.5), 1.0) == pytest.approx(2.8016 * np.sqrt(2 / 50), abs=1e-4)
    assert detectable_effect(np.full(100, 0.5), 1.0, explained=0.75) == pytest.approx(2.8016 * 0.1, abs=1e-4)
    assert detectable_effect([0.0, 1.0], 1.0) == np.inf


def test_bad_lotteries_are_refused() -> None:
    with pytest.raises(MethodError, match="cut across"):
        design(np.ones(4), 2, [[0, 0, 1, 1], [0, 1, 0, 1]], [None, None])
    with pytest.raises(MethodError, match="too few places"):
        design(np.ones(4), 3, [[0, 0, 1, 1]], [[1, 1]])
    with pytest.raises(MethodError):
        design([0, 1], 3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.data())
def test_every_draw_keeps_the_caps(seed: int, n: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    authority = rng.integers(0, 4, n)
    region = np.array([0, 0, 1, 1])[authority]
    caps, wide = rng.integers(0, 4, 4), rng.integers(1, 6, 2)
    held = np.bincount(authority, minlength=4)
    room = sum(min(wide[r], sum(min(caps[a], held[a]) for a in (2 * r, 2 * r + 1))) for r in (0, 1))
    places = data.draw(st.integers(0, int(room)))
    plan = design(rng.uniform(0.1, 3, n), places, [authority, region], [caps, wide])
    assert int(plan.chance.sum()) == places * UNIT
    drawn = draws(plan, 50, rng)
    codes = [f"E{i}" for i in range(n)]
    drawn = np.vstack([drawn, draw_public(plan, seed_for("r", str(seed), codes), codes)])
    assert (drawn.sum(axis=1) == places).all()
    for g in range(4):
        assert drawn[:, authority == g].sum(axis=1).max(initial=0) <= caps[g]
    for g in range(2):
        assert drawn[:, region == g].sum(axis=1).max(initial=0) <= wide[g]
    assert not drawn[:, plan.chance == 0].any()
    assert drawn[:, plan.chance == UNIT].all()
