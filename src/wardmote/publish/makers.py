"""Who makes which pages of the atlas, in order. A further kind of page is one entry here."""

from __future__ import annotations

from collections.abc import Callable
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
        beside: Whether it takes long and can be made beside all the others.
    """

    name: str
    paths: tuple[str, ...]
    make: Callable[[Making], None]
    needs: Callable[[Gathering, Atlas], bool] = lambda found, atlas: True
    beside: bool = False


MAKERS: tuple[Maker, ...] = (
    Maker("assets", (), make_assets),
    Maker("place", (), make_profiles),
    Maker("columns", (), make_columns),
    Maker("map", ("map/index.html",), make_map, can_map),
    Maker("find", ("find.html",), make_find),
    Maker("compare", ("compare/index.html",), make_compare),
    Maker("table", ("table/index.html",), make_tables),
    Maker("round", ("round/index.html",), make_round),
    Maker("impacts", ("impacts/index.html",), make_impacts, lambda found, atlas: can_impacts(found)),
    Maker(
        "evidence", ("evidence/index.html",), make_evidence, lambda found, atlas: bool(found.study.synthesis)
    ),
    Maker("whatif", ("whatif/index.html",), make_whatif, can_whatif),
    Maker("method", ("method/index.html",), make_method),
    Maker("data", ("data/index.html",), make_data, beside=True),
    Maker("share", ("share/index.html",), make_share),
    Maker("about", ("about/index.html",), make_about),
    Maker("full", ("full/index.html",), make_full),
    Maker("start", ("index.html",), make_front),
)
"""All makers, in the order in which they write."""
