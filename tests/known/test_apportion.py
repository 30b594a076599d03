"""Apportionment against worked examples in the literature, and the laws that each rule is known to keep or break."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.errors import MethodError
from wardmote.methods.apportion import APPORTION_METHODS, apportion, quotas

STATES = ("CT", "DE", "GA", "KY", "MD", "MA", "NH", "NJ", "NY", "NC", "PA", "RI", "SC", "VT", "VA")
CENSUS_1790 = [
    236_841, 55_540, 70_835, 68_705, 278_514, 475_327, 141_822, 179_570, 331_589, 353_523, 432_879, 68_446, 206_236,
    85_533, 630_560,
]  # fmt: skip
"""Representative populations of 1790: Balinski and Young, *Fair Representation*, table of the 1791 census; sum 3,615,920."""


def test_the_bill_that_washington_vetoed() -> None:
    """Hamilton's 120 seats: *For All Practical Purposes* (10th ed.), table 14.5; Balinski and Young, ch. 2."""
    assert sum(CENSUS_1790) == 3_615_920
    seats = dict(zip(STATES, apportion(120, CENSUS_1790).tolist(), strict=True))
    assert seats == {
        "CT": 8, "DE": 2, "GA": 2, "KY": 2, "MD": 9, "MA": 16, "NH": 5, "NJ": 6, "NY": 11, "NC": 12, "PA": 14, "RI": 2,
        "SC": 7, "VT": 3, "VA": 21,
    }  # fmt: skip


def test_the_act_of_1792() -> None:
    """Jefferson's 105 seats are those of the Apportionment Act of 14 April 1792; Hamilton's rule moves one from Virginia to Delaware."""
    act = [7, 1, 2, 2, 8, 14, 4, 5, 10, 10, 13, 2, 6, 2, 19]
    assert apportion(105, CENSUS_1790, method="d'hondt").tolist() == act
    moved = apportion(105, CENSUS_1790) - np.array(act)
    assert {s: int(m) for s, m in zip(STATES, moved, strict=True) if m} == {"DE": 1, "VA": -1}


@pytest.mark.parametrize(
    ("method", "seats"),
    [("largest remainder", [5, 4, 1]), ("sainte-laguë", [5, 4, 1]), ("d'hondt", [6, 4, 0])],
)
def test_three_parties(method: str, seats: list[int]) -> None:
    """Ten seats for 6,100, 5,000 and 900 votes: worked answers of the course *Staatsrecht* by A. Honikel (all three rules)."""
    assert apportion(10, [6_100, 5_000, 900], method=method).tolist() == seats  # type: ignore[arg-type]  # a literal


@pytest.mark.parametrize(
    ("method", "seats"),
    [("largest remainder", [3, 3, 1, 1]), ("sainte-laguë", [3, 3, 1, 1]), ("d'hondt", [4, 3, 1, 0])],
)
def test_four_parties(method: str, seats: list[int]) -> None:
    """Eight seats for 100,000, 80,000, 30,000 and 20,000 votes: the European Parliament's briefing on seat allocation (2019)."""
    assert apportion(8, [100_000, 80_000, 30_000, 20_000], method=method).tolist() == seats  # type: ignore[arg-type]  # a literal


def test_the_alabama_paradox() -> None:
    """Shares of 3, 7 and 90%: 49 seats give 2, 3, 44 and 51 give 1, 4, 46, so A loses (after D. Saari, *Am. Math. Monthly* 1978)."""
    assert apportion(49, [3, 7, 90]).tolist() == [2, 3, 44]
    assert apportion(51, [3, 7, 90]).tolist() == [1, 4, 46]


def test_alabama_itself() -> None:
    """Census of 1880, 49,371,340 people: at 299 seats Alabama's fraction (7.646) is the last that earns a seat and Texas's (9.640) and
    Illinois's (18.640) fail; at 300 theirs (18.702, 9.672) pass and Alabama's (7.671) fails (Balinski and Young, p. 39; G. Szpiro,
    *Numbers Rule*, ch. 9 has the quotas)."""
    people = [1_262_505, 1_591_749, 3_077_871]
    rest = 49_371_340 - sum(people)
    first, then = (quotas(house, [*people, rest])[:3] for house in (299, 300))
    assert [round(float(q), 3) for q in first] == [7.646, 9.640, 18.640]
    assert [round(float(q), 3) for q in then] == [7.671, 9.672, 18.702]
    assert max(first, key=lambda q: q - int(q)) == first[0]
    assert min(then, key=lambda q: q - int(q)) == then[0]


def test_jefferson_breaks_quota_where_hamilton_cannot() -> None:
    """New York 1832: quota 38.593 of 240, Jefferson gave 40 (Balinski and Young, p. 28); here the same with one large, many small."""
    weights = [9_000, *[450] * 9]
    quota = quotas(26, weights)[0]
    assert apportion(26, weights, method="d'hondt")[0] > int(quota) + 1
    assert apportion(26, weights)[0] in (int(quota), int(quota) + 1)


def test_ties_go_to_the_lower_position() -> None:
    for method in APPORTION_METHODS:
        assert apportion(2, [1, 1, 1], method=method).tolist() == [1, 1, 0]


def test_floors_and_ceilings_hold_and_the_rest_is_in_proportion() -> None:
    """Iterative clipping by hand: 100 over weights 1, 1, 8 with floor 15 and ceiling 60: the third is clipped, the others share 40."""
    assert quotas(100, [1, 1, 8], floor=15, ceiling=60) == [20, 20, 60]
    assert apportion(100, [1, 1, 8], floor=15, ceiling=60).tolist() == [20, 20, 60]
    assert apportion(7, [0, 1], floor=[2, 0]).tolist() == [2, 5]


def test_everything_wrong_is_told_together() -> None:
    with pytest.raises(MethodError) as caught:
        apportion(-1, [0, 0], floor=[3, 0], ceiling=[2, 5])
    assert len(caught.value.problems) >= 2
    for bad in ({"floor": 6}, {"ceiling": 2}):
        with pytest.raises(MethodError):
            apportion(10, [1, 2], **bad)  # type: ignore[arg-type]  # settings by name
    with pytest.raises(MethodError, match="position 1"):
        apportion(10, [1.0, np.nan])


def one_at_a_time(total: int, weights: list[int], step: int, low: list[int], high: list[int]) -> list[int]:
    """The divisor rule as its definition says, unit by unit from the floors."""
    held = list(low)
    for _ in range(total - sum(low)):
        free = [i for i in range(len(weights)) if held[i] < high[i] and weights[i]]
        best = max(free, key=lambda i: (Fraction(weights[i], step * held[i] + 1), -i))
        held[best] += 1
    return held


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, list[int], list[int], list[int]]:
    weights = draw(st.lists(st.integers(1, 60), min_size=1, max_size=7))
    low = [draw(st.integers(0, 4)) for _ in weights]
    high = [f + draw(st.integers(0, 12)) for f in low]
    return draw(st.integers(sum(low), sum(high))), weights, low, high


@settings(max_examples=60, deadline=None)
@given(cases())
def test_divisor_rules_are_their_definition(case: tuple[int, list[int], list[int], list[int]]) -> None:
    """With floors the definition starts from the floors, so a floor counts as seats held (Balinski and Young, appendix A §5)."""
    total, weights, low, high = case
    for method, step in (("sainte-laguë", 2), ("d'hondt", 1)):
        shares = apportion(total, weights, method=method, floor=low, ceiling=high)  # type: ignore[arg-type]  # a literal
        assert shares.tolist() == one_at_a_time(total, weights, step, low, high)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_largest_remainder_keeps_to_quota_and_bounds(
    case: tuple[int, list[int], list[int], list[int]],
) -> None:
    total, weights, low, high = case
    exact = quotas(total, weights, floor=low, ceiling=high)
    shares = apportion(total, weights, floor=low, ceiling=high).tolist()
    assert sum(exact) == total == sum(shares)
    assert all(int(q) <= s <= -int(-q // 1) for q, s in zip(exact, shares, strict=True))
    assert all(f <= s <= h for f, s, h in zip(low, shares, high, strict=True))
    free = [q / w for q, w, f, h in zip(exact, weights, low, high, strict=True) if f < q < h]
    assert len(set(free)) <= 1  # one price for all who are not clipped


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=8), st.integers(0, 10**10))
def test_larger_totals_never_cost_anyone_under_divisor_rules(weights: list[int], total: int) -> None:
    for method in ("sainte-laguë", "d'hondt"):
        before = apportion(total, weights, method=method)  # type: ignore[arg-type]  # a literal
        after = apportion(total + 1, weights, method=method)  # type: ignore[arg-type]  # a literal
        assert (after >= before).all()
        assert after.sum() == total + 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 10**4), min_size=2, max_size=8, unique=True), st.integers(0, 1000), st.randoms()
)
def test_names_do_not_matter_and_more_weight_never_gets_less(
    weights: list[int], total: int, random: object
) -> None:
    order = sorted(range(len(weights)), key=lambda i: (weights[i] * 7919) % 104_729)
    for method in APPORTION_METHODS:
        shares = apportion(total, weights, method=method)
        again = apportion(total, [weights[i] for i in order], method=method)
        assert sorted(zip(weights, shares.tolist(), strict=True))[0][0] == min(weights)
        ranked = [s for _, s in sorted(zip(weights, shares.tolist(), strict=True))]
        assert ranked == sorted(ranked)
        if method == "largest remainder":
            fractions = [q - int(q) for q in quotas(total, weights)]
            if len(set(fractions)) < len(fractions):
                continue  # ties go by position, which names do change
        else:
            claims = [
                Fraction(w, (2 if "sainte" in method else 1) * a + 1)
                for w in weights
                for a in range(total + 1)
            ]
            if len(set(claims)) < len(claims):
                continue
        assert {weights[i]: s for i, s in zip(order, again.tolist(), strict=True)} == dict(
            zip(weights, shares.tolist(), strict=True)
        )
