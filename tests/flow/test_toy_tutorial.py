"""The tutorial is run as it stands: its commands in order, its edits as they are worded, its printed lines as they appear."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from wardmote.cli import main

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "first-hour.md"
EDIT = re.compile(r"[Cc]hange\s+`([^`]+)`\s+(?:back\s+)?to\s+`([^`]+)`")
FILE = re.compile(r"[Ii]n\s+`(\w+\.toml)`|in `(\w+\.toml)`\.")


def run(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        main(command)
    shown = capsys.readouterr()
    # A broken study is part of the tutorial: its exit code is 2.
    assert left.value.code in (0, 2), shown.err
    return shown.out + shown.err


def edit(paragraph: str, folder: Path) -> None:
    changes = EDIT.findall(paragraph)
    if not changes:
        return
    named = FILE.search(paragraph)
    assert named, paragraph
    file = folder / (named.group(1) or named.group(2))
    text = file.read_text(encoding="utf-8")
    section = re.search(r"under\s+`\[([\w.]+)\]`", paragraph)
    start = text.index(f"[{section.group(1)}]") if section else 0
    for old, new in changes:
        at = text.index(old, start)
        text = text[:at] + new + text[at + len(old) :]
    file.write_text(text, encoding="utf-8")


def test_the_tutorial_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path
    monkeypatch.chdir(folder)
    commands = 0
    for block in re.split(r"\n{2,}(?=\S)", TUTORIAL.read_text(encoding="utf-8")):
        if not block.startswith("```console"):
            edit(block, folder)
            continue
        printed = ""
        for line in block.splitlines()[1:-1]:
            if line.startswith("$ cd "):
                folder = folder / line.removeprefix("$ cd ")
                monkeypatch.chdir(folder)
            elif line.startswith("$ wardmote "):
                printed = run(shlex.split(line)[2:], capsys)
                commands += 1
            else:
                assert line in printed.splitlines(), f"{line!r} is not in:\n{printed}"
    assert commands == 10
    readme = (folder / "out" / "data-package" / "README.txt").read_text(encoding="utf-8")
    assert "Forbidden by: community." in readme
    assert "derived-only" in (folder / "study.toml").read_text(encoding="utf-8")


def test_the_notebook_lines_hold() -> None:
    code = re.findall(r"```python\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), flags=re.DOTALL)
    for part in code:
        exec(compile(part, str(TUTORIAL), "exec"), {})
