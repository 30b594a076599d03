"""England's two indices from data frames, step by step, without the command line or a workspace.

The same calls as ``wardmote run``, in the order of the flow: sources, areas, indices, need. Each is a plain function: tables in, a
specification, tables out. Open it in an editor that knows ``# %%`` cells, or run it::

    WARDMOTE_MIRROR=FOLDER python examples/england/notebook.py

FOLDER holds copies of the official sets. Without it the files are fetched from their publishers, and you supply the Community Needs
Index (see study.toml).
"""

# %% What we want: the sections of study.toml, checked. Each is a frozen record; a changed copy is a what-if.
from __future__ import annotations

import os
import tempfile
from pathlib import Path

from wardmote import tables
from wardmote.areas import build_areas
from wardmote.index import build_index
from wardmote.levels import known_levels
from wardmote.need import find_need
from wardmote.sources import get_source, read_source
from wardmote.study import read_study

here = Path(__file__).parent
study = read_study(here)
levels = known_levels(study.level)
mirror = Path(os.environ["WARDMOTE_MIRROR"]) if "WARDMOTE_MIRROR" in os.environ else None

# %% Sources: raw files in, tidy tables out. Fetched files go to a folder that is gone at the end; name one of your own to keep them.
with tempfile.TemporaryDirectory() as raw:
    read = []
    for name, source in study.sources.items():
        files = get_source(name, source, study_folder=here, raw_folder=Path(raw), mirror=mirror)
        read.append(read_source(name, source, files, levels=levels))


def all_of(table: str):
    """Return one table from all sources, one below the other."""
    return tables.concat(table, [getattr(one, table) for one in read])


print(all_of("sources")[["source", "publisher", "licence", "rows_kept"]].to_string(index=False))

# %% Areas: what they are called, how many people live there, and how they lie in each other.
areas = build_areas(all_of("area_facts"), all_of("membership_facts"), spec=study.areas, levels=levels)
print("\n".join(areas.findings["sentence"]))

# %% The indices. `nodes` holds the tree and weights as used, `scores` every node of every area, `contributions` why an area scores so.
indicators, values, priorities = all_of("indicators"), all_of("values"), all_of("priorities")
index = {
    name: build_index(areas.areas, areas.memberships, indicators, values, priorities, spec=spec, index=name)
    for name, spec in study.index.items()
}
for built in index.values():
    print("\n".join(built.findings["sentence"]))

# %% Do they agree with the published figures? (Published scores have two or three decimals.)
for name, root, published in (("imd25", "imd", "imd2025-score"), ("cni23", "cni", "cni2023-score")):
    ours = index[name].scores
    ours = ours[ours["node"] == root].set_index("area")["score"]
    theirs = values[values["indicator"] == published].set_index("area")["value"]
    print(f"{name}: largest difference from the published score: {(ours - theirs).abs().max():.6f}")

# %% Need: in the greatest-need tenth of both.
scores = tables.concat("scores", [built.scores for built in index.values()])
summaries = tables.concat("summaries", [built.summaries for built in index.values()])
for definition, spec in study.need.items():
    found = find_need(areas.areas, scores, summaries, spec=spec, definition=definition)
    print("\n".join(found.findings["sentence"]))

# %% What if the greatest-need fifth counted instead of the tenth? The same call with a changed copy.
wider = study.need["double"].model_copy(update={"share": 0.2})
print(
    find_need(areas.areas, scores, summaries, spec=wider, definition="double, a fifth")
    .findings["sentence"]
    .iloc[0]
)

# %% One neighbourhood: its rank, and what makes its score.
need = find_need(areas.areas, scores, summaries, spec=study.need["double"], definition="double").need
first = need[need["doubly_disadvantaged"]].sort_values("deprivation_rank")["area"].iloc[0]
parts = index["imd25"].contributions
print(areas.areas[areas.areas["area"] == first].to_string(index=False))
print(parts[parts["area"] == first][["node", "contribution"]].to_string(index=False))
