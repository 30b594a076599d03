"""The README's first command prints what the README says it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wardmote.toy.story import QUESTIONS

ROOT = Path(__file__).resolve().parents[2]


def test_the_demo_prints_what_the_readme_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from wardmote.cli import main

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["demo", "demo"])
    assert left.value.code in (0, None)
    printed = capsys.readouterr().out.splitlines()
    block = re.search(
        r"<!-- demo:.*?```\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.S
    )
    assert block is not None
    lines = block.group(1).splitlines()
    assert len(lines) == len(QUESTIONS) + 1  # each question has its answer, and the naive one stands beside
    assert printed[: len(lines) + 1] == [*lines, ""]
    assert (tmp_path / "demo" / "out" / "site" / "index.html").is_file()
