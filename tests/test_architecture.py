"""The import law of the house: who may know whom. A breach is a design error, not a style question."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "wardmote"

UNDER_ALL = {"errors", "study", "tables", "words", "levels"}
STAGES = {
    "areas", "outlines", "index", "uncertainty", "audit", "need", "allocate", "evaluate", "synthesis",
    "drivers", "networks", "landscape", "ballots", "cycle",
}  # fmt: skip
ONLY_THESE_KNOW_THE_DISK = {
    "tasks",
    "runner",
    "soundness",
    "pipeline",
    "publish",
    "api",
    "cli",
    "explain",
    "workspace",
}

# What each part may import, besides itself. `workspace` knows the ledger and the tables, nothing of what they mean.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "words": {"errors"},
    "tables": {"errors"},
    "study": {"errors"},
    "levels": {"errors", "study"},
    "methods": {"errors"},
    "recipes": {"errors", "study"},
    "toy": UNDER_ALL,
    "sources": UNDER_ALL,
    "engine": UNDER_ALL | {"methods"},
    **{stage: UNDER_ALL | {"engine", "methods"} for stage in STAGES},
    "lineage": {"errors", "tables"},
    "workspace": UNDER_ALL | {"lineage"},
    "tasks": UNDER_ALL | {"lineage", "workspace"},
    "runner": UNDER_ALL | {"lineage", "workspace", "tasks"},
    "soundness": UNDER_ALL | STAGES | {"engine", "lineage", "workspace", "tasks", "runner"},
    "pipeline": UNDER_ALL
    | STAGES
    | {"engine", "sources", "lineage", "workspace", "tasks", "runner", "soundness", "methods"},
    "explain": UNDER_ALL | {"lineage", "workspace", "tasks", "pipeline"},
    "publish": UNDER_ALL | {"lineage", "workspace", "pipeline", "explain"},
    "api": UNDER_ALL | STAGES | {"workspace", "pipeline", "explain", "publish"},
    "cli": UNDER_ALL | {"workspace", "pipeline", "explain", "publish", "api", "sources", "toy"},
    "__main__": {"cli"},
    "__init__": UNDER_ALL | STAGES | {"pipeline", "engine", "sources", "toy", "workspace", "explain"},
}


def parts() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        relative = file.relative_to(PACKAGE)
        name = relative.parts[0] if len(relative.parts) > 1 else relative.stem
        found.setdefault(name, []).append(file)
    return found


def imported(file: Path) -> set[str]:
    """Return the parts of our package that a file imports anywhere, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            names.add("wardmote.<relative import>")
    return {name.split(".")[1] for name in names if name.startswith("wardmote.")}


@pytest.mark.parametrize("part", sorted(parts()))
def test_a_part_imports_only_what_the_law_allows(part: str) -> None:
    assert part in MAY_IMPORT, f"{part} is new: say in MAY_IMPORT where it belongs"
    for file in parts()[part]:
        forbidden = imported(file) - MAY_IMPORT[part] - {part}
        assert not forbidden, f"{file.relative_to(PACKAGE)} imports {sorted(forbidden)}"


def test_stages_never_import_each_other() -> None:
    for part, files in parts().items():
        if part in STAGES:
            for file in files:
                assert not (imported(file) & (STAGES - {part})), file


def test_only_the_named_parts_know_the_disk() -> None:
    for part, files in parts().items():
        if part not in ONLY_THESE_KNOW_THE_DISK | {"__init__"}:
            for file in files:
                assert "workspace" not in imported(file), file


HEAVY = {
    "pandas",
    "numpy",
    "scipy",
    "pyarrow",
    "geopandas",
    "shapely",
    "libpysal",
    "pyogrio",
    "openpyxl",
    "jinja2",
}


@pytest.mark.parametrize(
    "name",
    [
        "cli",
        "lineage",
        "workspace",
        "tasks",
        "runner",
        "soundness",
        "pipeline",
        "study",
        "tables",
        "errors",
        "words",
        "levels",
    ],
)
def test_what_the_command_line_needs_at_start_is_light(name: str) -> None:
    """Importing these at the top would cost each command half a second or more."""
    top: set[str] = set()
    for file in parts()[name]:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                top |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                top.add(node.module.split(".")[0])
    assert not top & HEAVY


def test_no_function_or_module_grows_without_being_noticed() -> None:
    """Budget of the design: functions mostly under 35 lines, none over 120; modules under 900."""
    lengths: list[int] = []
    for files in parts().values():
        for file in files:
            text = file.read_text(encoding="utf-8")
            assert text.count("\n") <= 900, (
                f"{file.name} has over 900 lines: look for the second idea inside it"
            )
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    start = (
                        node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.lineno
                    )
                    length = (node.end_lineno or node.lineno) - start + 1
                    lengths.append(length)
                    assert length <= 120, f"{file.name}: {node.name} has {length} lines"
    lengths.sort()
    assert lengths[int(0.9 * len(lengths))] <= 40
