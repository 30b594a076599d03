"""Kill runs at random moments and look at what they leave; prints one JSON object. Run as a process of its own.

Everything is imported once; each run is a fork of this process, which itself never computes, so that no thread is lost in a fork.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import filelock  # noqa: F401  # imported here so that no fork pays for it
import flow_standins
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet  # noqa: F401  # the same

from wardmote import engine, study  # noqa: F401  # the same
from wardmote.lineage import code_hash, versions
from wardmote.pipeline import run
from wardmote.workspace import Workspace

Shas = dict[str, dict[str, str]]


def write(folder: Path, variant: int) -> None:
    """Write one of two variants of the tiny study, which differ in every table."""
    flow_standins.write_study(folder, weight=1.0 + variant, rows=400 + variant)


def shas(workspace: Workspace) -> Shas:
    """Return the checksums of all parts by task and file."""
    return {
        key: {part.file: part.sha256 for part in entry.parts}
        for key, entry in workspace.ledger.entries.items()
    }


def fork(work: Callable[[], None]) -> int:
    """Start work in a fork of this process; return its number."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def finish(child: int) -> None:
    """Wait for a fork that must succeed."""
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"a fork failed with status {status}")


def look(folder: Path, known: list[Shas], new: int) -> None:
    """Check what a killed run left: every task's tables are all old or all new, every part can be read; then mend."""
    workspace = Workspace(folder)
    found = shas(workspace)
    for key, parts in found.items():
        assert parts in [variant[key] for variant in known], f"{key} is neither old nor new"
    for entry in workspace.ledger.entries.values():
        for part in entry.parts:
            assert workspace.intact(part, deep=True), part.file
            assert workspace.read_arrow(part).num_rows == part.rows
    report = run(folder, flow=flow_standins.flow())
    assert len(report.done) + len(report.skipped) == 6
    mended = Workspace(folder)
    assert shas(mended) == known[new]
    assert mended.ledger.complete is not None
    names = {part.file for entry in mended.ledger.entries.values() for part in entry.parts}
    assert {file.name for file in mended.tables.iterdir()} == names
    assert not list(mended.out.glob("*.writing"))


def main(folder: Path, times: int, seed: int) -> None:
    """Run the trial and print what happened."""
    flow = flow_standins.flow()
    versions()
    code_hash("wardmote.index")
    known: list[Shas] = []
    for variant in (0, 1):
        place = folder / f"reference{variant}"
        write(place, variant)
        finish(fork(lambda place=place: run(place, flow=flow) and None))
        known.append(shas(Workspace(place)))
    assert all(known[0][key] != known[1][key] for key in known[0])
    study_folder = folder / "study"
    write(study_folder, 0)
    finish(fork(lambda: run(study_folder, flow=flow) and None))
    write(study_folder, 1)
    started = time.monotonic()
    finish(fork(lambda: run(study_folder, flow=flow) and None))
    whole = time.monotonic() - started
    moments = random.Random(seed)
    killed = between = trial = 0
    while killed < times:
        trial += 1
        new = trial % 2
        write(study_folder, new)
        child = fork(lambda: run(study_folder, flow=flow) and None)
        time.sleep(moments.uniform(0, whole))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        hit = os.WIFSIGNALED(status)
        killed += hit
        # A busy machine is slower in one minute than in the next: draw from a shorter time after a miss, a longer one after a hit.
        whole *= 1.02 if hit else 0.8
        between += shas(Workspace(study_folder)) not in known
        finish(fork(lambda new=new: look(study_folder, known, new)))
    print(json.dumps({"killed": killed, "between": between, "runs": trial}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
