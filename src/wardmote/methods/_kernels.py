"""The loops that numba compiles, by theme. Imported only through `wardmote.methods.compiled`, since numba is optional.

Each has a plain twin in the module that calls it, and uses no transcendental function, no reordering of sums and no fused
multiply-add where its numbers are kept, so that both give the same bits. Results are cached on disk beside the files.
"""

from __future__ import annotations

from wardmote.methods._column_loops import (
    PASSES,
    STAYS,
    UNSURE,
    add_counted,
    add_scaled,
    add_weighted,
    fill_ends,
    fill_floats,
    fill_linear,
    fill_spreads,
    judge_counted,
    judge_rows,
    row_moments,
    row_scale,
    stays_skewed,
)
from wardmote.methods._compile import compiled
from wardmote.methods._draw_loops import add_normals, fill_counts, fill_uniforms
from wardmote.methods._rank_loops import fill_places, fill_ranks

__all__ = [
    "PASSES",
    "STAYS",
    "UNSURE",
    "add_counted",
    "add_normals",
    "add_scaled",
    "add_weighted",
    "compiled",
    "fill_counts",
    "fill_ends",
    "fill_floats",
    "fill_linear",
    "fill_places",
    "fill_ranks",
    "fill_spreads",
    "fill_uniforms",
    "judge_counted",
    "judge_rows",
    "row_moments",
    "row_scale",
    "stays_skewed",
]
