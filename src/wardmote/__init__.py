"""Neighbourhood data into decisions that people can check.

Data go one way: *sources* are read into tidy tables; *areas* are put together from what the sources say of them, and values are carried
between levels only where the study says so; an *index* is built in named steps, with the contribution of every part; *uncertainty* tells
how sure each rank is; *need* finds the places where two indices meet; *publishing* formats what stands and computes nothing. A study is a
folder with a ``study.toml``: `run` brings all its tables up to date, `status` says what a run would do, `explain_area` why an area has
its score and rank. Each stage is also a plain function, tables in, tables out, for a notebook: `read_source`, `build_areas`,
`convert_values`, `build_index`, `find_need`. A what-if is a changed copy of the specification and the same call again.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wardmote.areas import build_areas, convert_values
    from wardmote.errors import WardmoteError
    from wardmote.explain import explain_area, explain_table
    from wardmote.index import build_index
    from wardmote.levels import known_levels
    from wardmote.need import find_need
    from wardmote.pipeline import run, status
    from wardmote.sources import get_source, read_source
    from wardmote.study import Study, read_study

_HOME = {
    "Study": "study",
    "WardmoteError": "errors",
    "build_areas": "areas",
    "build_index": "index",
    "convert_values": "areas",
    "explain_area": "explain",
    "explain_table": "explain",
    "find_need": "need",
    "get_source": "sources",
    "known_levels": "levels",
    "read_source": "sources",
    "read_study": "study",
    "run": "pipeline",
    "status": "pipeline",
}

__all__ = [
    "Study",
    "WardmoteError",
    "build_areas",
    "build_index",
    "convert_values",
    "explain_area",
    "explain_table",
    "find_need",
    "get_source",
    "known_levels",
    "read_source",
    "read_study",
    "run",
    "status",
]


def __getattr__(name: str) -> Any:
    """Return a public name from the module that holds it, imported only now: the command line starts without numerical libraries."""
    if name not in _HOME:
        raise AttributeError(f"module 'wardmote' has no attribute {name!r}")
    return getattr(import_module(f"wardmote.{_HOME[name]}"), name)
