"""Building a site: unchanged files stay, a whole site always stands, whatever kills the build and whenever."""

from __future__ import annotations

import datetime
import errno
import gc
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from wardmote.errors import MissingError, Problem, WorkspaceError
from wardmote.publish import building, folder, publish_site
from wardmote.publish.building import Build, digest, record_of, seldom_collected, stands
from wardmote.publish.folder import exchange, replaced
from wardmote.study import Study
from wardmote.tables import TABLES
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)
FILES = 40
"""Files of the small site below."""

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders change places on Linux")


def small_site(out: Path, edition: str) -> Build:
    """Build a site of many small files, half of which change with the edition."""
    with replaced(out) as new:
        build = Build(new, out)
        build.put("index.html", edition)
        for i in range(FILES - 1):
            build.put(f"place/{i % 5}/{i}.html", f"{i} {edition if i % 2 else 'for ever'}")
    build.finish(digest(edition))
    return build


def read_site(out: Path) -> dict[str, str]:
    return {path.relative_to(out).as_posix(): path.read_text() for path in out.rglob("*") if path.is_file()}


def whole_site(edition: str) -> dict[str, str]:
    files = {f"place/{i % 5}/{i}.html": f"{i} {edition if i % 2 else 'for ever'}" for i in range(FILES - 1)}
    return {"index.html": edition, **files}


# ---- only what changed


def test_only_changed_files_are_written_and_what_stands_is_known(tmp_path: Path) -> None:
    out = tmp_path / "site"
    assert len(small_site(out, "one").written) == FILES
    kept = (out / "place/0/0.html").stat().st_ino
    assert sorted(small_site(out, "two").written) == sorted(
        ["index.html", *(f"place/{i % 5}/{i}.html" for i in range(1, FILES - 1, 2))]
    )
    assert read_site(out) == whole_site("two")
    assert (out / "place/0/0.html").stat().st_ino == kept
    assert stands(out, digest("two"))
    assert not stands(out, digest("one"))
    assert not stands(out, "")


def test_a_file_made_from_something_else_that_holds_the_same_stays(tmp_path: Path) -> None:
    out = tmp_path / "site"
    for made_from, written in (("one", ["page.html"]), ("two", []), ("two", [])):
        with replaced(out) as new:
            build = Build(new, out)
            build.put("page.html", "the same", digest(made_from))
        build.finish(digest(made_from))
        assert build.written == written
        assert stands(out, digest(made_from))


def test_files_made_beside_others_are_of_the_site_and_a_failure_is_told(tmp_path: Path) -> None:
    out = tmp_path / "site"

    def beside() -> None:
        build.put("beside.html", "beside")
        build.remember("note", digest("one"), 1)

    small_site(out, "before")  # without a site that stands, all is made in one process
    with replaced(out) as new:
        build = Build(new, out)
        with build.beside(beside):
            build.put("index.html", "here")

        def again() -> None:  # another copy knows what the first one made
            assert build.keep("beside.html", digest(b"beside"))
            assert build.recall("note", digest("one")) == 1

        with build.beside(again):
            assert build.keep("index.html", digest(b"here"))
    build.finish(digest("one"))
    assert read_site(out) == {"index.html": "here", "beside.html": "beside"}
    assert sorted(build.written) == ["beside.html", "index.html"]
    assert Build(tmp_path, out).recall("note", digest("one")) == 1
    assert stands(out, digest("one"))

    def refused() -> None:
        raise MissingError(Problem("here", "is not there", remedy="Put it there."))

    with pytest.raises(MissingError, match="is not there") as told, replaced(out) as new:  # noqa: PT012
        build = Build(new, out)
        with build.beside(refused):
            build.put("index.html", "other")
    assert told.value.problems[0].remedy == "Put it there."

    def broken() -> None:
        raise KeyError("something")

    with (
        pytest.raises(WorkspaceError, match="KeyError"),
        replaced(out) as new,
        Build(new, out).beside(broken),
    ):
        pass
    sleeping = lambda: time.sleep(60)  # noqa: E731
    with (  # the other half fails
        pytest.raises(ZeroDivisionError),
        replaced(out) as new,
        Build(new, out).beside(sleeping),
    ):
        raise ZeroDivisionError
    assert read_site(out) == {"index.html": "here", "beside.html": "beside"}


@pytest.mark.parametrize(
    "what", ["edited", "added", "removed", "no record", "damaged record", "older record"]
)
def test_a_site_that_somebody_touched_does_not_count_as_standing(tmp_path: Path, what: str) -> None:
    out = tmp_path / "site"
    small_site(out, "one")
    page, record = out / "place/1/1.html", record_of(out)
    if what == "edited":
        page.write_text("by hand")
    elif what == "added":
        (out / "place" / "more.html").write_text("by hand")
    elif what == "removed":
        page.unlink()
    elif what == "no record":
        record.unlink()
    else:
        record.write_text('{"index.html":["a",1,1]}' if what == "older record" else '{"format":2,"whole":')
    assert not stands(out, digest("one"))
    small_site(out, "one")
    assert read_site(out) == whole_site("one")


def test_a_file_made_anew_never_writes_through_a_link_into_the_old_site(tmp_path: Path) -> None:
    out = tmp_path / "site"
    small_site(out, "one")
    with pytest.raises(KeyError), replaced(out) as new:  # noqa: PT012  # the failure comes after the writing
        build = Build(new, out)
        assert build.keep("place/0/0.html", digest(b"0 for ever"))
        assert build.keep("place/0/0.html", digest(b"0 for ever"))  # asked for twice, as one file of a pair
        build.put("place/0/0.html", "something else")
        raise KeyError("something")
    assert read_site(out) == whole_site("one")


def test_notes_come_back_only_for_the_same(tmp_path: Path) -> None:
    out = tmp_path / "site"
    for edition, expected in (("one", None), ("one", [1, "a"]), ("two", None)):
        with replaced(out) as new:
            build = Build(new, out)
            assert build.recall("note", digest(edition)) == expected
            if expected is None:
                build.remember("note", digest(edition), [1, "a"])
        build.finish()
    with replaced(out) as new:
        build = Build(new, out)  # nobody asks: the note goes
    build.finish()
    assert Build(tmp_path, out).recall("note", digest("two")) is None


# ---- a whole site, always


@LINUX
def test_readers_never_find_the_site_gone(tmp_path: Path) -> None:
    """The two folders change places in one step (renameat2); two renames would leave an instant without a site."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    if not exchange(one, other):
        pytest.skip("this file system cannot let folders change places")
    out = tmp_path / "site"
    small_site(out, "0")
    gone, done, page = [], threading.Event(), str(out / "index.html")

    def look() -> None:
        while not done.is_set():
            if not os.path.exists(page):  # noqa: PTH110  # as often as can be
                gone.append(time.monotonic())

    watcher = threading.Thread(target=look)
    watcher.start()
    for i in range(30):
        with replaced(out) as new:
            (new / "index.html").write_text(str(i))
    done.set()
    watcher.join()
    assert not gone
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".site.")] == [".site.made.json"]


@pytest.mark.parametrize("number", sorted(folder.CANNOT))
def test_where_folders_cannot_change_places_two_renames_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    import ctypes

    class Old:
        @staticmethod
        def renameat2(*_: object) -> int:
            ctypes.set_errno(number)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Old)
    for edition in ("one", "two"):
        small_site(tmp_path / "site", edition)
        assert read_site(tmp_path / "site") == whole_site(edition)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    small_site(tmp_path / "site", "three")
    assert read_site(tmp_path / "site") == whole_site("three")


def _for_ever(out: Path, number: int, ready: Connection) -> None:
    """Build one edition after the other until killed; say when the first stands."""
    for i in range(1_000_000):
        small_site(out, f"edition {number}.{i}")
        if not i:
            ready.send("now")


@LINUX
@pytest.mark.parametrize("kills", [6, pytest.param(60, marks=pytest.mark.long)])
def test_a_kill_at_any_moment_leaves_a_whole_site(tmp_path: Path, kills: int) -> None:
    """A build is killed at random moments; what stands is one edition, all of it, and the next build needs no help."""
    chance, out = random.Random(20250601), tmp_path / "site"
    context = multiprocessing.get_context("fork")
    small_site(out, "first")
    seen = set()
    for number in range(kills):
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=_for_ever, args=(out, number, there))
        child.start()
        here.recv()
        time.sleep(0.03 * chance.random())
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        if not out.exists():
            # Only where folders cannot change places: the next build puts the old one back first.
            with pytest.raises(KeyError), replaced(out):
                raise KeyError("something")
        edition = (out / "index.html").read_text()
        assert read_site(out) == whole_site(edition)
        seen.add(edition)
    assert len(seen) == kills, "each child built"
    small_site(out, "last")
    assert read_site(out) == whole_site("last")
    # What killed builds left behind is gone, too.
    assert {path.name for path in tmp_path.iterdir()} <= {"site", ".site.made.json"} | {
        path.name for path in tmp_path.glob("*.writing")
    }


@pytest.mark.parametrize("room", [0, 1, 7, 39])
def test_a_full_disk_leaves_the_old_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    out = tmp_path / "site"
    small_site(out, "one")
    noted = Build.note
    left = [room]

    def note(self: Build, path: str, made_from: str) -> None:
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= 1
        noted(self, path, made_from)

    record_of(out).unlink()
    monkeypatch.setattr(Build, "note", note)
    with pytest.raises(WorkspaceError, match="No space left on device"):
        small_site(out, "two")
    assert read_site(out) == whole_site("one")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_disk_that_is_full_in_another_process_leaves_the_old_site(
    workspace: Workspace, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = study.model_copy(update={"publish": study.publish.model_copy(update={"pages": ["place"]})})
    out = publish_site(workspace, some, tmp_path / "site", built=DAY).parent
    before = read_site(out)
    record_of(out).unlink()
    noted, left = Build.note, [20]

    def note(self: Build, path: str, made_from: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        noted(self, path, made_from)

    monkeypatch.setattr(Build, "note", note)
    monkeypatch.setattr(building, "_processors", lambda: 2)
    with pytest.raises(WorkspaceError, match="No space left on device"):
        publish_site(workspace, some, out, built=DAY)
    assert read_site(out) == before


def test_a_record_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "site"

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        small_site(out, "one")
    assert not stands(out, digest("one"))
    assert read_site(out) == whole_site("one")
    assert len(small_site(out, "one").written) == FILES


# ---- the study's own site


def test_a_site_of_which_nothing_changed_stays_as_it_is(
    workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    study = study.model_copy(update={"publish": study.publish.model_copy(update={"pages": ["about"]})})
    out = publish_site(workspace, study, tmp_path / "site", built=DAY).parent
    place, record = out.stat().st_ino, record_of(out).stat().st_mtime_ns
    assert publish_site(workspace, study, out, built=DAY) == out / "index.html"
    assert (out.stat().st_ino, record_of(out).stat().st_mtime_ns) == (place, record)
    # Another day, another word, a file by hand: each is noticed.
    publish_site(workspace, study, out, built=DAY + datetime.timedelta(1))
    assert "2 June 2025" in (out / "about/index.html").read_text(encoding="utf-8")
    other = study.model_copy(
        update={"publish": study.publish.model_copy(update={"contact": "Ask at the hall."})}
    )
    publish_site(workspace, other, out, built=DAY)
    assert "Ask at the hall." in (out / "about/index.html").read_text(encoding="utf-8")
    (out / "about/index.html").write_text("by hand")
    publish_site(workspace, other, out, built=DAY)
    assert "Ask at the hall." in (out / "about/index.html").read_text(encoding="utf-8")


def test_a_table_that_did_not_change_is_not_read_for_the_package(
    workspace: Workspace, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = study.model_copy(update={"publish": study.publish.model_copy(update={"pages": ["data"]})})
    out = publish_site(workspace, some, tmp_path / "site", built=DAY).parent
    before = {path: path.read_bytes() for path in (out / "data" / "package").iterdir()}
    read = Workspace.read_parts
    asked: list[str] = []

    def reading(self: Workspace, name: str, *more: object) -> object:
        asked.append(name)
        return read(self, name, *more)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(Workspace, "read_parts", reading)
    publish_site(workspace, some, out, built=DAY + datetime.timedelta(1))
    assert "values" not in asked
    after = {path: path.read_bytes() for path in (out / "data" / "package").iterdir()}
    dated = {"datapackage.json", "README.txt"}
    assert {p for p in before if before[p] != after[p]} == {out / "data" / "package" / name for name in dated}


def test_what_is_built_upon_an_old_site_is_what_is_built_from_nothing(
    workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    """The test of tests for keeping files: after changes to single numbers and texts, no byte differs from a site made afresh."""
    some = study.model_copy(
        update={"publish": study.publish.model_copy(update={"pages": ["place", "columns", "table"]})}
    )
    frames = {name: workspace.read(name) for name in TABLES}

    def changed(table: str, row: int, **values: Any) -> None:
        frame = frames[table].copy()
        for column, value in values.items():
            frame.loc[frame.index[row], column] = value
        frames[table] = frame

    out = publish_site(frames, some, tmp_path / "site", built=DAY).parent
    steps: list[tuple[tuple[str, int, dict[str, Any]], ...]] = [
        (
            ("summaries", 3, {"value": 0.5}),
            ("scores", 200, {"decile": 9, "rank": 321}),
            ("scores", 900, {"value": 77.7}),
            ("contributions", 40, {"contribution": 9.9}),
            ("need", 30, {"type": "both", "doubly_disadvantaged": True}),
            ("decisions", 5, {"sentence": "Told in other words."}),
            ("areas", 100, {"population": 12_345}),
        ),
        tuple(("indicators", row, {"unit": "per dozen"}) for row in range(10)),
    ]
    for number, step in enumerate(steps):
        for table, row, values in step:
            if len(frames[table]) > row:
                changed(table, row, **values)
        publish_site(frames, some, out, built=DAY)
        fresh = publish_site(frames, some, tmp_path / f"fresh{number}", built=DAY).parent
        old, new = read_bytes(out), read_bytes(fresh)
        assert set(old) == set(new)
        assert not [path for path in new if old[path] != new[path]]
    assert any(b"per dozen" in content for content in new.values())


def read_bytes(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_how_often_python_collects_is_as_before_when_a_build_failed():
    before = gc.get_threshold()
    seen = []

    def fails() -> None:
        with seldom_collected():
            seen.append(gc.get_threshold()[0])
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fails()
    assert seen[0] > before[0]
    assert gc.get_threshold() == before


@pytest.mark.parametrize(
    ("place", "changed"),
    [
        # Types of need are called after their indices: the same types of other indices are told in other words.
        (("need", "wider"), {"community": "residents"}),
        # An index that stands beside another is folded away.
        (("index", "residents"), {"beside": ""}),
    ],
)
def test_what_only_the_study_says_renews_the_pages_that_say_it(
    workspace: Workspace, study: Study, tmp_path: Path, place: tuple[str, str], changed: dict[str, Any]
) -> None:
    section, id_ = place
    specs = getattr(study, section)
    other = study.model_copy(update={section: {**specs, id_: specs[id_].model_copy(update=changed)}})
    publish_site(workspace, study, tmp_path / "site", built=DAY)
    publish_site(workspace, other, tmp_path / "site", built=DAY)
    publish_site(workspace, other, tmp_path / "anew", built=DAY)

    def places(name: str) -> dict[str, str]:
        folder_ = tmp_path / name / "place"
        return {
            path.relative_to(folder_).as_posix(): path.read_text(encoding="utf-8")
            for path in folder_.rglob("*.html")
        }

    assert places("site") == places("anew")
