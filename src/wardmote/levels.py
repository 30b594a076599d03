"""Levels of areas: what their areas are called and what their codes look like.

A level's name carries its vintage (``lsoa21``), because codes recur between vintages. The levels of the four nations of the
United Kingdom are known here; another country, or a council with areas of its own, declares its levels in the study.

Source of the code patterns: ONS, Register of Geographic Codes (entity codes E01, W01, S01 and so on); NISRA for Northern Ireland.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wardmote.errors import MissingError, Problem
from wardmote.study import LevelSpec, Study


@dataclass(frozen=True, slots=True)
class Level:
    """One level of areas.

    Attributes:
        name: Its name with vintage, for instance lsoa21.
        title: What one of its areas is called.
        plural: The same for several.
        pattern: Regular expression that every code matches from start to end, or "" for any.
        vintage: Year of the boundaries, or "".
    """

    name: str
    title: str
    plural: str
    pattern: str = ""
    vintage: str = ""

    def holds(self, code: str) -> bool:
        """Return whether a code looks like one of this level."""
        return not self.pattern or re.fullmatch(self.pattern, code) is not None


def _vintages(stem: str, years: str, title: str, plural: str, pattern: str) -> dict[str, Level]:
    return {
        f"{stem}{year}": Level(f"{stem}{year}", title, plural, pattern, f"20{year}") for year in years.split()
    }


LEVELS: dict[str, Level] = {
    **_vintages("oa", "11 21", "output area", "output areas", r"[EW]00\d{6}"),
    **_vintages("lsoa", "01 11 21", "neighbourhood (LSOA)", "neighbourhoods (LSOAs)", r"[EW]01\d{6}"),
    **_vintages(
        "msoa", "01 11 21", "larger neighbourhood (MSOA)", "larger neighbourhoods (MSOAs)", r"[EW]02\d{6}"
    ),
    **_vintages("ward", "17 21 22 23 24 25", "ward", "wards", r"(E05|W05|S13|N08)\d{6}"),
    **_vintages(
        "lad",
        "11 15 19 20 21 22 23 24 25",
        "local authority",
        "local authorities",
        r"(E0[6-9]|W06|S12|N09)\d{6}",
    ),
    **_vintages(
        "utla",
        "19 21 22 23 24",
        "upper-tier authority",
        "upper-tier authorities",
        r"(E0[68-9]|E10|W06|S12|N09)\d{6}",
    ),
    **_vintages("cauth", "23 24 25", "combined authority", "combined authorities", r"E47\d{6}"),
    **_vintages("rgn", "11 15 19 20 21 22 23 24 25", "region", "regions", r"E12\d{6}"),
    **_vintages("ctry", "11 19 20 21 22 23 24 25", "country", "countries", r"[EWSN]92\d{6}"),
    **_vintages("pcon", "10 24", "constituency", "constituencies", r"(E14|W07|S14|N0[56])\d{6}"),
    **_vintages("dz", "11 22", "data zone", "data zones", r"S01\d{6}"),
    **_vintages("iz", "11 22", "intermediate zone", "intermediate zones", r"S02\d{6}"),
    "soa11": Level("soa11", "super output area", "super output areas", r"95[A-Z]{2}\d{2}[A-Z]\d", "2011"),
    "nidz21": Level("nidz21", "data zone", "data zones", r"N20\d{6}", "2021"),
    "sdz21": Level("sdz21", "super data zone", "super data zones", r"N21\d{6}", "2021"),
}
"""Levels that need no declaration, by name."""


def known_levels(declared: Mapping[str, LevelSpec]) -> dict[str, Level]:
    """Return all levels of a study: the ones above and the study's own, which win.

    Args:
        declared: The study's ``[level.ID]`` sections.
    """
    own = {
        name: Level(name, spec.title, spec.plural or f"{spec.title}s", spec.pattern, spec.vintage)
        for name, spec in declared.items()
    }
    return {**LEVELS, **own}


def nouns_of(level: str, levels: Mapping[str, Level] | None = None) -> tuple[str, str]:
    """Return how one area and several areas of a level are called; "area" and "areas" where the level is not known.

    Args:
        level: The level's name.
        levels: The levels of the study, from `known_levels`; the built-in ones by default.
    """
    known = (LEVELS if levels is None else levels).get(level)
    return (known.title, known.plural) if known else ("area", "areas")


def find_level(name: str, levels: Mapping[str, Level], where: str) -> Level:
    """Return a level by name.

    Args:
        name: The level's name.
        levels: The levels of the study, from `known_levels`.
        where: What to name in the error.

    Raises:
        MissingError: No such level is known or declared.
    """
    if name in levels:
        return levels[name]
    raise MissingError(
        Problem(
            where,
            "no such level",
            got=name,
            expected=", ".join(levels),
            remedy=f"Declare it in the study: [level.{name}] with title and pattern.",
        )
    )


def unknown_levels(study: Study) -> Iterator[Problem]:
    """Yield a problem for each level that a study names and that is neither known nor declared.

    Args:
        study: The study.
    """
    from difflib import get_close_matches

    known = {**study.level, **LEVELS}
    for name, where in dict.fromkeys(_named_levels(study)):
        if name and name not in known:
            near = get_close_matches(name, known, n=3) or list(study.level)
            yield Problem(
                f"study.toml, {where}",
                "no such level",
                got=name,
                expected=", ".join(near) or "a level such as lsoa21, msoa21, lad24",
                remedy=f"Correct it, or declare it: [level.{name}] with title and pattern.",
            )


def _named_levels(study: Study) -> Iterator[tuple[str, str]]:
    """Yield each level that a study names, and where it does."""
    yield from ((name, "study.levels") for name in study.study.levels)
    for id_, source in study.sources.items():
        yield source.level, f"sources.{id_}.level"
        yield from ((name, f"sources.{id_}.parents") for name in source.parents)
    yield from ((name, "areas.within") for chain in study.areas.within for name in chain)
    yield from ((name, "areas.only") for name in study.areas.only)
    for id_, conversion in study.conversion.items():
        yield conversion.from_, f"conversion.{id_}.from"
        yield conversion.to, f"conversion.{id_}.to"
    for id_, index in study.index.items():
        yield index.level, f"index.{id_}.level"
        yield from ((name, f"index.{id_}.summarise.levels") for name in index.summarise.levels)
    for id_, need in study.need.items():
        yield need.level, f"need.{id_}.level"
    for id_, programme in study.programme.items():
        yield programme.level, f"programme.{id_}.level"
        yield programme.cluster, f"programme.{id_}.cluster"
        yield programme.comparison.within, f"programme.{id_}.comparison.within"
    yield study.publish.map_level, "publish.map_level"
    if study.publish.postcodes:
        yield study.publish.postcodes.level, "publish.postcodes.level"
