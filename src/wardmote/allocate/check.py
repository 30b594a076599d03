"""What can be seen to be wrong with a funding round without any data: all of it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wardmote.errors import Problem
from wardmote.levels import Level
from wardmote.study.rounds import AwardSpec, GroupSpec, ListSpec, RoundSpec

QUANTITIES = ("population", "households", "need", "need x population")
"""Quantities of `award.by` that need no indicator."""


def check_round(spec: RoundSpec, id_: str, levels: Mapping[str, Level]) -> list[Problem]:
    """Return everything that is wrong with a round by itself.

    Args:
        spec: The round, preset merged in.
        id_: Its section in the study.
        levels: Levels of the study.

    Returns:
        Problems, each placed ``study.toml, round.ID.setting`` (list positions counted from 1).
    """
    where = f"study.toml, round.{id_}"
    return [
        *_basic(spec, where, levels),
        *_money(spec, where),
        *_award_problems(spec.award, spec, f"{where}.award"),
        *(
            p
            for k, one in enumerate(spec.groups, 1)
            for p in _group_problems(one, spec, f"{where}.groups.{k}", levels)
        ),
        *_list_problems(spec, where, levels),
        *_ways(spec, where, levels),
    ]


def _level(name: str, where: str, levels: Mapping[str, Level]) -> Iterator[Problem]:
    if name and name not in levels:
        yield Problem(
            where,
            "no such level",
            name,
            remedy=f"Correct the name, or declare it in the study: [level.{name}].",
        )


def _basic(spec: RoundSpec, where: str, levels: Mapping[str, Level]) -> Iterator[Problem]:
    """Yield what is wrong with places, measure and who is eligible."""
    if not spec.level:
        yield Problem(
            f"{where}.level", "the level of the places is not stated", expected="a level of the study"
        )
    yield from _level(spec.level, f"{where}.level", levels)
    yield from _level(spec.small, f"{where}.small", levels)
    if not spec.measure:
        yield Problem(
            f"{where}.measure",
            "there is no measure of need",
            expected="an index or an indicator at least",
            remedy='Add measure = [{ index = "…" }].',
        )
    for k, part in enumerate(spec.measure, 1):
        if bool(part.index) == bool(part.indicator):
            yield Problem(
                f"{where}.measure.{k}", "a part is one index or one indicator", expected="one of the two"
            )
        if part.weight < 0:
            yield Problem(
                f"{where}.measure.{k}.weight", "a weight is negative", f"{part.weight:g}", "0 or more"
            )
    if spec.measure and sum(part.weight for part in spec.measure) <= 0:
        yield Problem(
            f"{where}.measure", "the weights add up to nothing", remedy="Give one of them a weight above 0."
        )
    if spec.population and (len(spec.population) != 2 or min(spec.population) < 0):
        yield Problem(
            f"{where}.population",
            "the range of population has two ends",
            str(spec.population),
            "[least, greatest]",
        )
    elif spec.population and 0 < spec.population[1] < spec.population[0]:
        yield Problem(
            f"{where}.population",
            "the least population is above the greatest",
            str(spec.population),
            remedy="Put the smaller number first; 0 as the second means no upper end.",
        )
    if not 0 < spec.share < 1:
        yield Problem(f"{where}.share", "a share lies between 0 and 1", f"{spec.share:g}")


def _money(spec: RoundSpec, where: str) -> Iterator[Problem]:
    """Yield what is wrong with places, budget and years."""
    for name, number in (("places", spec.places), ("budget", spec.budget)):
        if number is not None and number < 0:
            yield Problem(f"{where}.{name}", "is negative", f"{number:,}", "a whole number of 0 or more")
    if spec.places is None and spec.budget is None and spec.award.pounds is not None:
        yield Problem(
            f"{where}.places",
            "nothing limits the round",
            expected="a number of places, a budget, or both",
            remedy="Add places = … or budget = ….",
        )
    if any(share < 0 for share in spec.tranches.values()) or (
        spec.tranches and sum(spec.tranches.values()) <= 0
    ):
        yield Problem(f"{where}.tranches", "shares of years are 0 or more, and one of them above 0")


def _award_problems(award: AwardSpec, spec: RoundSpec, where: str) -> Iterator[Problem]:
    """Yield what is wrong with the award."""
    for name in ("pounds", "rate", "base", "floor", "ceiling"):
        number = getattr(award, name)
        if number is not None and number < 0:
            yield Problem(f"{where}.{name}", "an award is negative", f"{number:,}", "whole pounds, 0 or more")
    if award.pounds is not None and award.by:
        yield Problem(
            f"{where}.by", "an award is fixed or follows a quantity", expected="`pounds` or `by`, not both"
        )
    if award.by and not award.share and award.rate is None:
        yield Problem(
            f"{where}.by",
            "an award by a quantity has a rate, or shares the budget",
            remedy="Add rate = …, or share = true.",
        )
    if award.share and (not award.by or spec.budget is None):
        yield Problem(
            f"{where}.share",
            "sharing needs a budget and what it is shared by",
            expected="`budget` and `award.by`",
        )
    if award.share and award.rate is not None:
        yield Problem(
            f"{where}.rate",
            "a rate has no effect where the budget is shared",
            remedy="Remove one of the two.",
        )
    if award.ceiling is not None and award.ceiling < award.floor:
        yield Problem(
            f"{where}.ceiling",
            "the ceiling is below the floor",
            f"£{award.ceiling:,}",
            f"at least £{award.floor:,}",
        )
    least = award.pounds if award.pounds is not None else max(award.floor, award.base) if award.by else 0
    if award.by and not award.share and award.ceiling is not None:
        least = min(least, award.ceiling)
    if spec.budget is not None and 0 <= spec.budget < least:
        yield Problem(
            where.removesuffix("award") + "budget",
            "the budget is under one award",
            f"£{spec.budget:,}",
            f"at least £{least:,}",
            "Raise the budget or lower the award.",
        )


def _group_problems(
    group: GroupSpec, spec: RoundSpec, where: str, levels: Mapping[str, Level]
) -> Iterator[Problem]:
    """Yield what is wrong with one set of caps and minimums."""
    numbers = {"cap": group.cap, "minimum": group.minimum}
    numbers |= {f"caps.{name}": number for name, number in group.caps.items()}
    numbers |= {f"minimums.{name}": number for name, number in group.minimums.items()}
    if not any(number is not None for number in numbers.values()):
        yield Problem(where, "there is neither a cap nor a minimum", remedy="State cap or minimum.")
    for name, number in numbers.items():
        if number is not None and number < 0:
            yield Problem(f"{where}.{name}", "is negative", str(number), "0 or more")
    yield from _cap_problems(group, where)
    total = spec.places if group.count == "places" else spec.budget
    if total is not None and sum(group.minimums.values()) > total >= 0:
        yield Problem(
            f"{where}.minimums",
            "the minimums add up to more than there is",
            f"{sum(group.minimums.values()):,}",
            f"at most {total:,}",
        )
    if group.by in levels:
        for table, kind in ((group.caps, "caps"), (group.minimums, "minimums")):
            for code in table:
                if not levels[group.by].holds(code):
                    yield Problem(
                        f"{where}.{kind}.{code}",
                        f"unknown group: not a code of {group.by}",
                        code,
                        remedy=f"Use the official code of the {levels[group.by].title}.",
                    )


def _cap_problems(group: GroupSpec, where: str) -> Iterator[Problem]:
    """Yield caps that are below a minimum, for every group and for single ones."""
    names: list[str | None] = [None, *dict.fromkeys([*group.caps, *group.minimums])]
    for name in names:
        cap = group.cap if name is None else group.caps.get(name, group.cap)
        least = group.minimum if name is None else group.minimums.get(name, group.minimum)
        if cap is not None and least is not None and cap < least:
            setting = "cap" if name is None else f"{'caps' if name in group.caps else 'minimums'}.{name}"
            yield Problem(
                f"{where}.{setting}",
                "the cap is below the minimum",
                f"cap {cap:,}",
                f"at least {least:,}",
                "Raise the cap or lower the minimum.",
            )


def _list_problems(spec: RoundSpec, where: str, levels: Mapping[str, Level]) -> Iterator[Problem]:
    """Yield what is wrong with lists of areas."""
    lists: list[tuple[str, ListSpec]] = [
        (f"{where}.exclude.{k}", one) for k, one in enumerate(spec.exclude, 1)
    ]
    lists += [(f"{where}.published", spec.published)] if spec.published else []
    for here, one in lists:
        yield from _level(one.level, f"{here}.level", levels)
        yield from _level(one.same, f"{here}.same", levels)
        if not one.areas and not one.round:
            yield Problem(here, "the list names no area", expected="areas, register, file or round")
    excluded = {
        code: k
        for k, one in enumerate(spec.exclude, 1)
        if one.match == "code" and one.level in ("", spec.level)
        for code in one.areas
    }
    both = [code for code in spec.include if code in excluded]
    if both:
        yield Problem(
            f"{where}.include",
            "areas are both excluded and required",
            ", ".join(both[:5]),
            remedy=f"Take them from include, or from list {excluded[both[0]]} of exclude.",
        )
    known = levels.get(spec.level)
    for kind, codes in (("include", spec.include), ("exclude", list(excluded))):
        wrong = [code for code in codes if known is not None and not known.holds(code)]
        if wrong:
            yield Problem(f"{where}.{kind}", f"unknown codes: not of {spec.level}", ", ".join(wrong[:5]))
    if spec.places is not None and len(spec.include) > spec.places >= 0:
        yield Problem(
            f"{where}.include",
            "more areas are required than there are places",
            str(len(spec.include)),
            f"at most {spec.places}",
        )


def _ways(spec: RoundSpec, where: str, levels: Mapping[str, Level]) -> Iterator[Problem]:
    """Yield what is wrong with how places are chosen."""
    if spec.choose == "lottery":
        if (
            spec.places is None
            or spec.apart
            or spec.cluster
            or any(one.count == "pounds" for one in spec.groups)
        ):
            yield Problem(
                f"{where}.choose",
                "a lottery draws a number of places under caps in places",
                expected="`places`, without `apart`, `cluster` or caps in pounds",
                remedy="Change the rules, or the way.",
            )
        if spec.budget is not None and not spec.award.share:
            yield Problem(
                f"{where}.budget", "a lottery draws places, not pounds", remedy="State `places` alone."
            )
        if not 0 <= spec.lottery.low < spec.lottery.high <= 1 or spec.lottery.band < 0:
            yield Problem(
                f"{where}.lottery",
                "the contested places are not defined",
                expected="0 ≤ low < high ≤ 1, band ≥ 0",
            )
    yield from _level(spec.objective.parts, f"{where}.objective.parts", levels)
    if spec.objective.aversion < 0:
        yield Problem(
            f"{where}.objective.aversion", "is negative", f"{spec.objective.aversion:g}", "0 or more"
        )
    if spec.cluster is not None:
        yield from _level(spec.cluster.within, f"{where}.cluster.within", levels)
        if not 0 <= spec.cluster.low <= spec.cluster.high:
            yield Problem(
                f"{where}.cluster", "the limits cross", f"{spec.cluster.low} to {spec.cluster.high}"
            )
        if spec.apart:
            yield Problem(
                f"{where}.apart", "clusters cannot be kept apart yet", remedy="State one of the two."
            )
