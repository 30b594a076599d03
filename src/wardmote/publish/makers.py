"""Who makes which pages of the atlas, in order. A further kind of page is one entry here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wardmote.publish.atlas import Making, make_profiles
from wardmote.publish.cards import make_share
from wardmote.publish.columns import make_columns
from wardmote.publish.downloads import make_data
from wardmote.publish.evidence import make_evidence
from wardmote.publish.front import make_front
from wardmote.publish.full import make_full
from wardmote.publish.impacts import can_impacts, make_impacts
from wardmote.publish.listing import make_tables
from wardmote.publish.mapping import can_map, make_map
from wardmote.publish.page import Gathering
from wardmote.publish.pages import (
    make_about,
    make_assets,
    make_compare,
    make_find,
    make_method,
)
from wardmote.publish.places import Atlas
from wardmote.publish.rounds import make_round
from wardmote.publish.whatif import can_whatif, make_whatif


@dataclass(frozen=True, slots=True)
class Maker:
    """One kind of page.

    Attributes:
        name: What ``[publish] pages`` calls it.
        paths: Pages of it that the menu leads to.
        make: Writes its files.
        needs: Whether the facts of a study allow it.
        beside: Whether it can be made beside all the others; so many that both halves of the work take about as long.
        requires: The kinds that its pages lead to or load from, and that must stand wherever they do.
    """

    name: str
    paths: tuple[str, ...]
    make: Callable[[Making], None]
    needs: Callable[[Gathering, Atlas], bool] = lambda found, atlas: True
    beside: bool = False
    requires: tuple[str, ...] = ()


MAKERS: tuple[Maker, ...] = (
    Maker("assets", (), make_assets),
    # Places of large levels, and those put into other pages, are shown from the files of the search.
    Maker("place", (), make_profiles, requires=("find",)),
    Maker("columns", (), make_columns),
    Maker("map", ("map/index.html",), make_map, can_map, requires=("columns", "place"), beside=True),
    Maker("find", ("find.html",), make_find, requires=("columns", "place")),
    Maker("compare", ("compare/index.html",), make_compare, requires=("find",)),
    Maker("table", ("table/index.html",), make_tables, requires=("columns", "place")),
    Maker("round", ("round/index.html",), make_round, requires=("place",)),
    Maker(
        "impacts",
        ("impacts/index.html",),
        make_impacts,
        lambda found, atlas: can_impacts(found),
        requires=("place",),
    ),
    Maker(
        "evidence", ("evidence/index.html",), make_evidence, lambda found, atlas: bool(found.study.synthesis)
    ),
    Maker("whatif", ("whatif/index.html",), make_whatif, can_whatif, requires=("columns", "place")),
    Maker("method", ("method/index.html",), make_method),
    Maker("data", ("data/index.html",), make_data, beside=True),
    Maker("share", ("share/index.html",), make_share),
    Maker("about", ("about/index.html",), make_about),
    Maker("full", ("full/index.html",), make_full, beside=True),
    Maker("start", ("index.html",), make_front),
)
"""All makers, in the order in which they write."""

ALWAYS = ("assets", "start", "full")
"""Kinds that every site has."""


def chosen(wanted: Sequence[str]) -> list[Maker]:
    """Return the makers of the pages that a study wants and of all that these cannot do without, in their order.

    Args:
        wanted: Kinds of page; none for all.
    """
    requires = {maker.name: maker.requires for maker in MAKERS}
    kinds: set[str] = set()
    pending = [*(wanted or requires), *ALWAYS]
    while pending:
        kind = pending.pop()
        if kind not in kinds:
            kinds.add(kind)
            pending += requires[kind]
    return [maker for maker in MAKERS if maker.name in kinds]
