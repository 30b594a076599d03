"""The workspace: atomic parts, the ledger, the lock, the export rule."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from wardmote.errors import AccessError, BusyError, MissingError, WorkspaceError
from wardmote.lineage import Entry, Ledger, code_hash
from wardmote.tables import check, frame
from wardmote.workspace import Workspace, write_atomically


def scores(factor: float = 1.0, n: int = 4) -> pd.DataFrame:
    areas = [f"A{i}" for i in range(n)]
    return check(
        "scores",
        frame(
            "scores",
            {
                "index": ["i"] * n,
                "level": ["patch"] * n,
                "area": areas,
                "node": ["root"] * n,
                "score": [factor * i for i in range(n)],
            },
        ),
    )


def entry(stage: str = "index", id_: str = "i", **more: object) -> Entry:
    return replace(Entry(stage, id_, {"spec": "1"}), **more)  # type: ignore[arg-type]  # named by each test


def test_a_part_comes_back_as_it_was_written(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    data = scores()
    with workspace.lock():
        written = workspace.commit(entry(), {"scores": data})
    pd.testing.assert_frame_equal(Workspace(tmp_path).read("scores"), data)
    assert written.parts[0].rows == 4
    assert written.parts[0].contents == {"level": ["patch"]}
    assert [file.name for file in workspace.tables.iterdir()] == ["scores.index.i.parquet"]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    hashes = set()
    for name in ("one", "two"):
        workspace = Workspace(tmp_path / name)
        with workspace.lock():
            hashes.add(workspace.commit(entry(), {"scores": scores(n=300)}).parts[0].sha256)
    assert len(hashes) == 1


def test_units_and_meanings_stand_in_the_file(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    workspace = Workspace(tmp_path)
    with workspace.lock():
        workspace.commit(entry(), {"scores": scores()})
    field = pq.read_schema(workspace.tables / "scores.index.i.parquet").field("score")
    assert b"node's value" in field.metadata[b"meaning"]


def test_shapes_are_geoparquet(tmp_path: Path) -> None:
    import geopandas
    from shapely.geometry import box

    workspace = Workspace(tmp_path)
    data = frame(
        "boundaries",
        {"level": ["patch"], "area": ["A"], "source": ["s"], "geometry": [box(0, 0, 1, 1).wkb]},
    )
    with workspace.lock():
        workspace.commit(entry("sources", "s"), {"boundaries": data})
    read = geopandas.read_parquet(workspace.tables / "boundaries.sources.s.parquet")
    assert read.crs.equals("OGC:CRS84")
    assert read.geometry.iloc[0].area == 1.0


def test_only_columns_and_rows_that_are_asked_for(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with workspace.lock():
        workspace.commit(entry(), {"scores": scores()})
        workspace.commit(entry(id_="j"), {"scores": scores(2.0)})
    assert len(workspace.read("scores")) == 8
    one = workspace.read("scores", ["j"], ["area", "score"], {"area": "A3"})
    assert one.to_dict("records") == [{"area": "A3", "score": 6.0}]
    assert workspace.read("need").empty


@pytest.mark.parametrize("moment", ["before the ledger", "after the ledger"])
def test_a_kill_at_either_side_of_the_ledger_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    workspace = Workspace(tmp_path)
    with workspace.lock():
        workspace.commit(entry(), {"scores": scores(1.0)})

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    where = "_save" if moment == "before the ledger" else "_finish"
    with monkeypatch.context() as patch, workspace.lock():
        patch.setattr(workspace, where, stop)
        with pytest.raises(KeyboardInterrupt):
            workspace.commit(entry(), {"scores": scores(5.0)})
    fresh = Workspace(tmp_path)
    expected = scores(1.0 if moment == "before the ledger" else 5.0)
    pd.testing.assert_frame_equal(fresh.read("scores"), expected)
    with fresh.lock():
        told = fresh.mend()
    assert told
    assert [file.name for file in fresh.tables.iterdir()] == ["scores.index.i.parquet"]
    pd.testing.assert_frame_equal(fresh.read("scores"), expected)


def test_a_tampered_part_is_refused_and_named(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with workspace.lock():
        part = workspace.commit(entry(), {"scores": scores()}).parts[0]
    path = workspace.path(part)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert not workspace.intact(part)
    with pytest.raises(WorkspaceError, match=r"scores\.index\.i\.parquet.*not the one"):
        Workspace(tmp_path).read("scores")
    path.unlink()
    assert not workspace.intact(part)


def test_a_reader_sees_the_new_table_when_another_run_has_just_replaced_it(tmp_path: Path) -> None:
    reader, writer = Workspace(tmp_path), Workspace(tmp_path)
    for factor in (1.0, 2.0):
        with writer.lock():
            writer.commit(entry(), {"scores": scores(factor)})
        assert reader.read("scores")["score"].max() == 3 * factor


def test_a_copied_folder_is_intact_though_its_times_differ(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with workspace.lock():
        part = workspace.commit(entry(), {"scores": scores()}).parts[0]
    os.utime(workspace.path(part), ns=(1, 1))
    assert workspace.intact(part)
    assert not workspace.untouched(part)
    with workspace.lock():
        workspace.set_complete({}, ["index.i"])
    assert workspace.untouched(workspace.ledger.parts("scores")[0])


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "entries": 3, "complete": null}']
)
def test_a_damaged_ledger_is_told_and_not_trusted(tmp_path: Path, text: str) -> None:
    write_atomically(tmp_path / "out" / "lineage.json", text.encode())
    with pytest.raises(WorkspaceError, match="wardmote run"):
        Workspace(tmp_path).read("scores")


def test_a_ledger_of_another_format_counts_as_none() -> None:
    assert Ledger.from_json('{"format": 99}') == Ledger()


def test_the_ledger_comes_back_from_its_own_text() -> None:
    ledger = Ledger().with_entry(entry(sources=("s",), findings=("One.",), idle=("f",)))
    assert Ledger.from_json(ledger.as_json()) == ledger


def test_tables_that_were_never_made_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="wardmote run"):
        Workspace(tmp_path).must_have("need")
    with pytest.raises(MissingError, match="no such table"):
        Workspace(tmp_path).parts("nonsense")


def test_a_second_run_waits_or_says_who_is_at_work(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from wardmote.workspace import Workspace\n"
        "with Workspace(Path(sys.argv[1])).lock(): print('held', flush=True); time.sleep(float(sys.argv[2]))"
    )
    told: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), "1.5"], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(BusyError, match=rf"process {other.pid} on .* since \d{{4}}-"),
            Workspace(tmp_path).lock(0),
        ):
            pass
        with pytest.raises(BusyError), Workspace(tmp_path).lock(0.2, told.append):
            pass
        started = time.monotonic()
        with Workspace(tmp_path).lock(20, told.append):
            assert time.monotonic() - started < 15
    assert len(told) == 2
    assert f"process {other.pid}" in told[0]
    assert "waiting up to 20 seconds" in told[1]


# ---- licences travel with lineage


def ledger_of(access: str, tmp_path: Path) -> Ledger:
    """Return a ledger: a source of that access, an open one, areas, an index of the first, an index of the second."""
    workspace = Workspace(tmp_path)
    facts = frame(
        "values", {"indicator": ["a"], "level": ["p"], "area": ["A"], "period": ["2025"], "value": [1.0]}
    )
    with workspace.lock():
        for name, word in (("closed", access), ("free", "open")):
            workspace.commit(
                entry("sources", name, access=word, sources=(name,), repeats=True), {"values": facts}
            )
            made = Entry(
                "index",
                name,
                {f"input values.sources.{name}.parquet": "x"},
                access=word,
                sources=(name,),
            )
            workspace.commit(made, {"scores": scores()})
    return workspace.ledger


def test_derived_only_forbids_raw_rows_and_allows_derived_ones(tmp_path: Path) -> None:
    ledger = ledger_of("derived-only", tmp_path)
    allowed, refused = ledger.exportable(["values", "scores"])
    assert [(part.table, part.id) for part in allowed] == [
        ("values", "free"),
        ("scores", "closed"),
        ("scores", "free"),
    ]
    assert [(item.part.table, item.sources) for item in refused] == [("values", ("closed",))]
    with pytest.raises(AccessError, match=r"closed \(derived-only\).*made from it may be: scores"):
        ledger.may_export("values")
    assert len(ledger.may_export("scores")) == 2


def test_private_forbids_everything_made_from_it(tmp_path: Path) -> None:
    ledger = ledger_of("private", tmp_path)
    allowed, refused = ledger.exportable(["values", "scores"])
    assert {part.id for part in allowed} == {"free"}
    assert {item.part.table for item in refused} == {"values", "scores"}
    with pytest.raises(AccessError, match="closed"):
        ledger.may_export("scores")


def test_sensitive_tables_are_never_exported_and_stop_ancestry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wardmote import tables

    ledger = ledger_of("open", tmp_path)
    monkeypatch.setitem(tables.TABLES, "values", replace(tables.TABLES["values"], sensitive=True))
    with pytest.raises(AccessError, match="speaks of persons"):
        ledger.may_export("values")
    assert [item.key for item in ledger.ancestors(["index.free"])] == ["index.free"]
    monkeypatch.undo()
    assert [item.key for item in ledger.ancestors(["index.free"])] == ["sources.free", "index.free"]


def test_an_unknown_source_counts_as_private() -> None:
    assert Ledger().access_of("nobody") == "private"


# ---- code is an ingredient


def test_code_of_a_stage_follows_its_imports() -> None:
    from wardmote import lineage

    lineage.code_hash.cache_clear()
    assert code_hash("wardmote.words") != code_hash("wardmote.tables")
    assert code_hash("wardmote.tables") == code_hash("wardmote.tables")


def test_a_change_in_a_module_far_below_changes_the_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wardmote import lineage

    for name, text in {
        "top.py": "from wardmote.middle import (\n    thing,\n)\n",
        "middle/__init__.py": "def thing():\n    from wardmote import bottom\n",
        "middle/other.py": "",
        "bottom.py": "x = 1\n",
        "apart.py": "x = 1\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(lineage, "PACKAGE", tmp_path)

    def hashed() -> str:
        lineage.code_hash.cache_clear()
        return lineage.code_hash("wardmote.top")

    before = hashed()
    (tmp_path / "apart.py").write_text("x = 2\n")
    assert hashed() == before
    for name in ("bottom.py", "middle/other.py", "top.py"):
        (tmp_path / name).write_text((tmp_path / name).read_text() + "# changed\n")
        after = hashed()
        assert after != before, name
        before = after
    monkeypatch.undo()
    lineage.code_hash.cache_clear()
