"""Who makes which pages of the atlas, in order. A further kind of page is one entry here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wardmote.publish.atlas import Making, make_profiles
from wardmote.publish.columns import make_columns
from wardmote.publish.pages import (
    make_about,
    make_assets,
    make_compare,
    make_find,
    make_method,
    make_round,
    make_tables,
)
from wardmote.publish.places import Atlas
from wardmote.study import Study


@dataclass(frozen=True, slots=True)
class Maker:
    """One kind of page.

    Attributes:
        name: What ``[publish] pages`` calls it.
        paths: Pages of it that the menu leads to.
        make: Writes its files.
        needs: Whether the facts of a study allow it.
    """

    name: str
    paths: tuple[str, ...]
    make: Callable[[Making], None]
    needs: Callable[[Atlas, Study], bool] = lambda atlas, study: True


MAKERS: tuple[Maker, ...] = (
    Maker("assets", (), make_assets),
    Maker("place", (), make_profiles),
    Maker("columns", (), make_columns),
    Maker("find", ("find.html",), make_find),
    Maker("compare", ("compare/index.html",), make_compare),
    Maker("table", ("table/index.html",), make_tables),
    Maker("round", ("round/index.html",), make_round),
    Maker("method", ("method/index.html",), make_method),
    Maker("about", ("about/index.html",), make_about),
)
"""All makers, in the order in which they write."""
