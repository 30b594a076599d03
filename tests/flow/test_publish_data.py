"""The data package: what it holds agrees with its description, and what licences forbid stays out.

The description follows Frictionless Data Package 2.0 (https://datapackage.org/standard/data-package/).
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from wardmote import tables
from wardmote.errors import MissingError
from wardmote.pipeline import run
from wardmote.publish import FrameTables, publish_data
from wardmote.study import Study, read_study
from wardmote.toy import write_county
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)


@pytest.fixture(scope="module")
def package(workspace: Workspace, study: Study) -> Path:
    return publish_data(workspace, study, workspace.data_package, built=DAY)


@pytest.fixture(scope="module")
def described(package: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((package / "datapackage.json").read_text(encoding="utf-8"))
    return found


READ = {"string": str, "number": float, "integer": int, "boolean": {"true": True, "false": False}.__getitem__,
        "date": datetime.date.fromisoformat, "datetime": datetime.datetime.fromisoformat}  # fmt: skip


def test_every_file_is_described_and_every_description_has_its_file(
    package: Path, described: dict[str, Any]
) -> None:
    files = {path.name for path in package.iterdir()} - {"datapackage.json", "README.txt"}
    assert {resource["path"] for resource in described["resources"]} == files
    assert len({resource["name"] for resource in described["resources"]}) == len(described["resources"])
    for resource in described["resources"]:
        content = (package / resource["path"]).read_bytes()
        assert resource["bytes"] == len(content)
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_rows_keep_the_types_keys_and_constraints_of_the_description(
    package: Path, described: dict[str, Any]
) -> None:
    for resource in (r for r in described["resources"] if r["format"] == "csv"):
        with (package / resource["path"]).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        fields = resource["schema"]["fields"]
        assert [field["name"] for field in fields] == list(rows[0])
        keys = [tuple(row[name] for name in resource["schema"]["primaryKey"]) for row in rows]
        assert len(set(keys)) == len(keys)
        for field in fields:
            check_cells([row[field["name"]] for row in rows], field)


def check_cells(cells: list[str], field: dict[str, Any]) -> None:
    limits = field.get("constraints", {})
    assert not (limits.get("required") and "" in cells), field["name"]
    values = [READ[field["type"]](cell) for cell in cells if cell != ""]
    if "enum" in limits:
        assert set(values) <= set(limits["enum"])
    if "minimum" in limits and values:
        assert min(values) >= limits["minimum"]
    if "maximum" in limits and values:
        assert max(values) <= limits["maximum"]
    assert field["description"].endswith(".")


def test_csv_and_parquet_hold_the_tables_of_the_study(package: Path, workspace: Workspace) -> None:
    for path in package.glob("*.parquet"):
        name = path.stem
        frame = pq.read_table(path).to_pandas(types_mapper=pd.ArrowDtype)
        pd.testing.assert_frame_equal(tables.check(name, frame), tables.check(name, workspace.read(name)))
    scores = pd.read_csv(package / "scores.csv")
    ours = workspace.read("scores")["score"].to_numpy(float)
    # CSV writes the shortest text that reads back as the same number.
    assert (scores["score"].to_numpy() == ours).all()


def test_columns_of_parquet_carry_meaning_and_unit(package: Path) -> None:
    field = pq.read_schema(package / "areas.parquet").field("population")
    assert field.metadata == {b"meaning": b"usual residents", b"unit": b"people"}


def test_the_package_names_title_licences_sources_and_contact(
    described: dict[str, Any], study: Study
) -> None:
    assert described["name"] == "aldmere"
    # CC0 is the invented data's own; MIT that of the library of findings, which comes with Wardmote.
    assert {one["name"] for one in described["licenses"]} == {"CC0-1.0", "MIT"}
    read = [name for spec in study.synthesis.values() for name in (spec.library, *spec.files) if name]
    assert len(described["sources"]) == len(study.sources) + len(read)
    assert described["contributors"][0]["title"] == study.publish.contact
    assert described["created"].startswith("2025-06-01")


def test_the_same_study_gives_the_same_bytes(
    workspace: Workspace, study: Study, package: Path, tmp_path: Path
) -> None:
    again = publish_data(workspace, study, tmp_path / "again", built=DAY)
    for path in package.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def closed(workspace: Workspace, source: str) -> dict[str, pd.DataFrame]:
    """Return the study's tables as they are when a source may not be passed on, raw rows left in."""
    frames = {name: workspace.read(name) for name in tables.TABLES}
    sources = frames["sources"].copy()
    sources.loc[sources["source"] == source, "access"] = "derived-only"
    return {**frames, "sources": tables.check("sources", sources)}


def test_leaves_of_a_source_that_is_not_open_stay_out(
    workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    """``scores.value`` of a leaf is the supplier's own figure: a licence for derived results does not cover it."""
    frames = closed(workspace, "community")
    out = publish_data(
        FrameTables(frames, {"values": "Its rows repeat rows of community."}),
        study,
        tmp_path / "d",
        built=DAY,
    )
    nodes = frames["nodes"]
    leaves = set(nodes[nodes["source"] == "community"]["node"])
    assert len(leaves) == 6
    for name in ("scores", "contributions", "adjustments"):
        left = pd.read_csv(out / f"{name}.csv")
        assert not set(left["node"]) & leaves
    assert {"community", "places", "links", "part"} <= set(pd.read_csv(out / "scores.csv")["node"])
    assert not (out / "values.csv").exists()
    assert "income" in set(pd.read_csv(out / "scores.csv")["node"])
    readme = (out / "README.txt").read_text(encoding="utf-8")
    assert "values: Its rows repeat rows of community." in readme
    assert "Forbidden by: community." in readme


def test_a_branch_of_one_closed_leaf_stays_out_with_it(
    workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    """The domain of income has one indicator: its ranks are the indicator's ranks."""
    out = publish_data(FrameTables(closed(workspace, "deprivation")), study, tmp_path / "d", built=DAY)
    nodes = set(pd.read_csv(out / "scores.csv")["node"])
    assert not nodes & {"low-income", "income", "out-of-work", "work", "good-health"}
    assert {"health", "living", "deprivation", "turnout"} <= nodes


def test_what_the_ledger_forbids_stays_out(tmp_path: Path) -> None:
    """The export rule of the workspace, end to end: a source marked derived-only in the study."""
    write_county(tmp_path)
    file = tmp_path / "study.toml"
    head, tail = file.read_text(encoding="utf-8").split("[sources.community]")
    tail = tail.replace('access = "open"', 'access = "derived-only"', 1)
    file.write_text(f"{head}[sources.community]{tail}", encoding="utf-8")
    run(tmp_path)
    workspace, study = Workspace(tmp_path), read_study(tmp_path)
    out = publish_data(workspace, study, workspace.data_package, built=DAY)
    values = pd.read_csv(out / "values.csv")
    assert "low-income" in set(values["indicator"])
    assert "turnout" not in set(values["indicator"])
    assert "turnout" not in set(pd.read_csv(out / "scores.csv")["node"])
    assert (
        "community"
        in (out / "README.txt").read_text(encoding="utf-8").split("Left out")[1].split("Sources and")[0]
    )


def test_nothing_to_publish_is_said_and_the_old_package_stays(study: Study, package: Path) -> None:
    before = (package / "datapackage.json").read_bytes()
    with pytest.raises(MissingError, match="Run `wardmote run` first"):
        publish_data(FrameTables({}), study, package)
    assert (package / "datapackage.json").read_bytes() == before


def test_tables_about_persons_never_leave() -> None:
    sensitive = {name for name, table in tables.TABLES.items() if table.sensitive}
    assert all(not len(FrameTables({name: tables.empty(name)}).read(name)) for name in sensitive)
