"""Compiled loops are taken from disk only where nothing that was compiled into them has changed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("numba")

from wardmote.methods import _compile

MODULE = """
from wardmote.methods._compile import compiled

@compiled
def twice(x):
    return 2.0 * x
"""


def loaded(file: Path) -> ModuleType:
    """Return a module as a new process would load it."""
    spec = importlib.util.spec_from_file_location("kept_loops", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def from_disk(file: Path) -> bool:
    """Call a loop, and return whether its code was taken from disk."""
    function: Any = loaded(file).twice
    assert function(1.5) == 3.0
    hits, misses = (
        sum(counted.values()) for counted in (function.stats.cache_hits, function.stats.cache_misses)
    )
    assert hits + misses == 1
    return bool(hits)


def test_loops_are_compiled_anew_where_any_of_their_files_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "loops.py"
    file.write_text(MODULE, encoding="utf-8")
    assert not from_disk(file)
    assert from_disk(file)
    # A formula in another file: numba by itself would not notice.
    monkeypatch.setattr(_compile, "SOURCES", "of another version")
    assert not from_disk(file)
    assert from_disk(file)


def test_every_file_of_loops_and_of_what_they_call_counts(tmp_path: Path) -> None:
    folder = Path(_compile.__file__).parent
    names = [file.name for file in folder.glob("_*.py")]
    assert {"_recurrence.py", "_lanes.py", "_compile.py", "_draw_loops.py", "_column_loops.py"} <= set(names)
    for name in names:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert _compile.sources(tmp_path) == _compile.SOURCES
    for name in names:
        before = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(before + b"# changed\n")
        assert _compile.sources(tmp_path) != _compile.SOURCES, name
        (tmp_path / name).write_bytes(before)
