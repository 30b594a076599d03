"""Tiny stages with the signatures of the real ones, so that the runner is tested for what the runner does."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from wardmote.errors import InputError, MissingError, Problem
from wardmote.pipeline import STAGES
from wardmote.tables import empty, frame
from wardmote.tasks import Stage

STUDY = """
[study]
id = "tiny"
title = "Tiny"
seed = 1
levels = ["patch"]

[level.patch]
title = "patch"

[sources.one]
file = "one.csv"
level = "patch"
area = "area"
licence = "CC0-1.0"
access = "{access}"
[sources.one.columns.a]
indicator = "a"
direction = 1

[sources.two]
file = "two.csv"
level = "patch"
area = "area"
licence = "CC0-1.0"
access = "open"
[sources.two.columns.b]
indicator = "b"
direction = 1

[index.first]
title = "First"
tree = [
  {{ node = "root" }},
  {{ node = "a", parent = "root", weight = {weight} }},
]
steps = [
  {{ id = "up", do = "aggregate", on = "root", method = "arithmetic" }},
]

[index.second]
title = "Second"
tree = [
  {{ node = "root" }},
  {{ node = "b", parent = "root", weight = 1 }},
]
steps = [
  {{ id = "up", do = "aggregate", on = "root", method = "arithmetic" }},
]

[need.double]
deprivation = "first"
community = "second"
"""


@dataclass(frozen=True)
class Raw:
    path: Path
    address: str
    retrieved: str
    sha256: str
    form: str


def write_study(folder: Path, *, weight: float = 1.0, access: str = "open", rows: int = 5) -> None:
    """Write the tiny study."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.toml").write_text(STUDY.format(weight=weight, access=access))
    for name, factor in (("one", 1), ("two", -2)):
        lines = ["area,value", *(f"P{i:06d},{factor * i}" for i in range(rows))]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def have_source(
    source: str, spec: Any, *, study_folder: Path, raw_folder: Path, mirror: Path | None
) -> tuple[Raw, ...] | None:
    path = study_folder / spec.file
    if not path.is_file():
        return None
    return (Raw(path, spec.file, "", hashlib.sha256(path.read_bytes()).hexdigest(), "user"),)


def get_source(source: str, spec: Any, *, progress: Any = None, **where: Any) -> tuple[Raw, ...]:
    files = have_source(source, spec, **where)
    if files is None:
        raise MissingError(Problem(f"study.toml, sources.{source}", "no such file", got=spec.file))
    return files


def read_source(source: str, spec: Any, files: tuple[Raw, ...], *, levels: Any) -> SimpleNamespace | Any:
    with files[0].path.open() as stream:
        rows = list(csv.DictReader(stream))
    try:
        numbers = [float(row["value"]) for row in rows]
    except ValueError as error:
        raise InputError(Problem(spec.file, "not a number", got=str(error))) from None
    indicator = next(iter(spec.columns.values())).indicator
    areas = [row["area"] for row in rows]
    n = len(rows)
    return Result(
        sources=frame(
            "sources",
            {
                "source": [source],
                "licence": [spec.licence],
                "access": [spec.access],
                "rows_read": [n],
                "rows_kept": [n],
            },
        ),
        area_facts=frame(
            "area_facts", {"source": [source] * n, "level": ["patch"] * n, "area": areas, "name": areas}
        ),
        indicators=frame(
            "indicators", {"indicator": [indicator], "title": ["t"], "direction": [1], "source": [source]}
        ),
        values=frame(
            "values",
            {
                "indicator": [indicator] * n,
                "level": ["patch"] * n,
                "area": areas,
                "period": ["2025"] * n,
                "value": numbers,
            },
        ),
    )


@dataclass(frozen=True)
class Result:
    sources: Any = None
    area_facts: Any = None
    indicators: Any = None
    values: Any = None
    areas: Any = None
    memberships: Any = None
    scores: Any = None
    nodes: Any = None
    need: Any = None
    findings: Any = None


def build_areas(
    area_facts: pd.DataFrame, membership_facts: pd.DataFrame, *, spec: Any, levels: Any
) -> Result:
    unique = area_facts.drop_duplicates(["level", "area"])
    return Result(areas=frame("areas", {name: unique[name].array for name in ("level", "area", "name")}))


def build_index(
    areas: pd.DataFrame,
    memberships: pd.DataFrame,
    indicators: pd.DataFrame,
    values: pd.DataFrame,
    priorities: pd.DataFrame,
    *,
    spec: Any,
    index: str,
    boundaries: pd.DataFrame | None = None,
    levels: Any = None,
    rng: np.random.Generator,
) -> Result:
    # Weight 0.5 and 0.4 both count as "half": a changed setting that gives the same bytes.
    leaf = spec.tree[1]
    weight = round(leaf.weight * 2) / 2
    kept = values[values["indicator"] == leaf.node]
    n = len(kept)
    scores = kept["value"].to_numpy() * weight
    rank = np.argsort(np.argsort(-scores)) + 1
    return Result(
        scores=frame(
            "scores",
            {
                "index": [index] * n, "level": kept["level"].array, "area": kept["area"].array, "node": ["root"] * n,
                "score": scores, "rank": rank, "value": np.full(n, rng.integers(1000)),
            },
        ),
        findings=frame(
            "findings",
            {
                "stage": ["index"], "id": [index], "position": [1], "source_table": ["scores"],
                "sentence": [f"{index} has {n} areas."], "value": [float(n)],
            },
        ),
    )  # fmt: skip


def find_need(
    areas: pd.DataFrame,
    scores: pd.DataFrame,
    summaries: pd.DataFrame,
    draws: pd.DataFrame | None = None,
    *,
    spec: Any,
    definition: str,
    levels: Any = None,
    titles: Any = None,
) -> Result:
    one = scores[scores["index"] == spec.deprivation].reset_index(drop=True)
    two = scores[scores["index"] == spec.community].set_index("area").reindex(one["area"])
    need = frame(
        "need",
        {
            "definition": [definition] * len(one), "level": one["level"].array, "area": one["area"].array,
            "deprivation_rank": one["rank"].array, "community_rank": two["rank"].array,
        },
    )  # fmt: skip
    return Result(need=need, findings=empty("findings"))


def flow() -> tuple[Stage, ...]:
    """Return the real list of stages with the tiny functions in place of the real ones."""
    return tuple(
        replace(stage, function=f"flow_standins:{stage.function.partition(':')[2]}") for stage in STAGES
    )
