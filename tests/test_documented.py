"""Nothing public stays undocumented, and the generated pages are current."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "wardmote"
MODULES = sorted(PACKAGE.rglob("*.py"))


def public_definitions(tree: ast.Module) -> list[ast.AST]:
    found: list[ast.AST] = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            found.append(node)
            if isinstance(node, ast.ClassDef):
                found += [
                    item
                    for item in node.body
                    if isinstance(item, ast.FunctionDef) and not item.name.startswith("_")
                ]
    return found


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_every_public_name_has_a_docstring(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{file.name} has no module docstring"
    for node in public_definitions(tree):
        doc = ast.get_docstring(node)  # type: ignore[arg-type]
        assert doc, f"{file.name}: {node.name} has no docstring"  # type: ignore[attr-defined]


@pytest.mark.parametrize("file", sorted((PACKAGE / "methods").glob("[a-z]*.py")), ids=lambda file: file.stem)
def test_every_public_method_says_what_goes_in_and_what_comes_out(file: Path) -> None:
    for node in public_definitions(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            doc = ast.get_docstring(node) or ""
            takes = [a for a in node.args.args + node.args.kwonlyargs if a.arg not in {"self", "cls"}]
            assert "Args:" in doc or not takes, f"{file.name}: {node.name} does not describe its arguments"
            returns_nothing = isinstance(node.returns, ast.Constant) and node.returns.value is None
            assert returns_nothing or re.search(r"Returns?\b", doc), (
                f"{file.name}: {node.name} does not say what it returns"
            )


def test_generated_pages_are_current() -> None:
    result = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_method_module_has_an_entry_in_methods() -> None:
    text = (ROOT / "METHODS.md").read_text(encoding="utf-8")
    for file in sorted((PACKAGE / "methods").glob("[a-z]*.py")):
        assert f"methods/{file.name}" in text or f"methods.{file.stem}" in text, (
            f"METHODS.md does not speak of {file.name}"
        )


def test_every_word_of_the_tables_is_explained_in_the_glossary() -> None:
    from wardmote.tables import TABLES

    text = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8").lower()
    for name in TABLES:
        assert name.replace("_", " ") in text or name in text, f"GLOSSARY.md does not name the table {name}"


def test_readme_commands_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z-]+)", text, flags=re.M):
        assert f"\n{target}:" in makefile, f"README names `make {target}`, which the Makefile lacks"


def test_nothing_in_the_project_names_a_machine_or_a_registry_host() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    forbidden = re.compile(
        "|".join(
            [
                "/wo" + "rk/",
                "/ro" + "ot/",
                "py" + r"pi\.org",
                "files" + r"\.pythonhosted",
                "registry" + r"\.npmjs",
            ]
        )
    )
    for name in listed:
        file = ROOT / name
        if file.suffix in {".py", ".md", ".toml", ".yml", ".j2", ".css", ".json", ""} and file.is_file():
            hit = forbidden.search(file.read_text(encoding="utf-8", errors="ignore"))
            assert hit is None, f"{name} names {hit.group() if hit else ''}"
