"""Licences of files of findings: they travel with what is made from them, to the data package and to `explain`."""

from __future__ import annotations

from pathlib import Path

import pytest

from wardmote.errors import AccessError
from wardmote.explain import explain_table
from wardmote.pipeline import run
from wardmote.publish import publish_data
from wardmote.study import read_study
from wardmote.workspace import Workspace

STUDY = """
[study]
id = "evidence"
title = "Evidence"

[synthesis.works]
title = "What works here"
library = ""
files = ["mine.csv"]
"""
HEADER = "study_id,strategy,outcome,design,effect_metric,effect,se,direction_better,result\n"
TERMS = '\n[synthesis.works.terms."mine.csv"]\nlicence = "{licence}"\naccess = "{access}"\ntitle = "Our own findings"\n'
OURS = ("effects", "studies", "syntheses", "gap_map", "sources")


def exported(folder: Path, access: str) -> dict[str, bool]:
    """Return which tables of a body of evidence may be published under an access of its file."""
    rows = [f"made{2000 + i},places_spaces,belonging,RCT,SMD,0.{i},0.1,yes,benefit\n" for i in (2, 3, 4)]
    (folder / "mine.csv").write_text(HEADER + "".join(rows), encoding="utf-8")
    study = folder / "study.toml"
    study.write_text(STUDY + TERMS.format(licence="OGL v3", access=access), encoding="utf-8")
    run(folder)
    ledger = Workspace(folder).ledger
    return {name: not ledger.exportable([name])[1] for name in OURS}


def test_licences_of_findings_travel_with_what_is_made_from_them(tmp_path: Path) -> None:
    assert all(exported(tmp_path, "open").values())
    assert exported(tmp_path, "derived-only") == {
        "effects": False, "studies": False, "syntheses": True, "gap_map": True, "sources": True,
    }  # fmt: skip
    assert not any(exported(tmp_path, "private").values())
    with pytest.raises(AccessError, match=r"works-mine-csv \(private\)"):
        Workspace(tmp_path).ledger.may_export("effects")


def test_the_data_package_leaves_out_what_the_licence_forbids(tmp_path: Path) -> None:
    exported(tmp_path, "derived-only")
    folder = publish_data(Workspace(tmp_path), read_study(tmp_path), tmp_path / "out")
    there = {path.stem for path in folder.glob("*.csv")}
    assert {"syntheses", "gap_map", "sources"} <= there
    assert not {"effects", "studies"} & there
    told = (folder / "README.txt").read_text(encoding="utf-8")
    assert "OGL v3" in told
    assert "works-mine-csv (derived-only), whose licence does not allow publishing them" in told


def test_files_that_share_a_name_have_the_stricter_licence(tmp_path: Path) -> None:
    """Section a with file b-c.csv and section a-b with file c.csv come to one name: the open one must not open the private one."""
    rows = HEADER + "made2002,places_spaces,belonging,RCT,SMD,0.2,0.1,yes,benefit\n"
    for file in ("b-c.csv", "c.csv"):
        (tmp_path / file).write_text(rows, encoding="utf-8")
    (tmp_path / "study.toml").write_text(
        '[study]\nid = "e"\ntitle = "E"\n'
        '[synthesis.a]\nlibrary = ""\nfiles = ["b-c.csv"]\nterms = { "b-c.csv" = { licence = "OGL v3" } }\n'
        '[synthesis.a-b]\nlibrary = ""\nfiles = ["c.csv"]\n',
        encoding="utf-8",
    )
    run(tmp_path)
    ledger = Workspace(tmp_path).ledger
    assert ledger.access_of("a-b-c-csv") == "private"
    assert not [part for name in OURS for part in ledger.exportable([name])[0]]


def test_files_whose_names_differ_in_marks_alone_are_told_apart(tmp_path: Path) -> None:
    exported(tmp_path, "open")
    for place, file in enumerate(("my file.csv", "my-file.csv")):
        row = f"other{2010 + place},places_spaces,belonging,RCT,SMD,0.2,0.1,yes,benefit\n"
        (tmp_path / file).write_text(HEADER + row, encoding="utf-8")
    study = tmp_path / "study.toml"
    more = study.read_text(encoding="utf-8").replace(
        '["mine.csv"]', '["mine.csv", "my file.csv", "my-file.csv"]'
    )
    study.write_text(more, encoding="utf-8")
    run(tmp_path)
    names = Workspace(tmp_path).read("sources")["source"].tolist()
    assert names == ["works-mine-csv", "works-my-file-csv", "works-my-file-csv-no-2"]


def test_explain_goes_back_to_the_file_of_findings(tmp_path: Path) -> None:
    exported(tmp_path, "derived-only")
    told = explain_table(tmp_path, "effects")
    assert [(raw.path, raw.licence, raw.access) for raw in told.raw] == [
        ("mine.csv", "OGL v3", "derived-only")
    ]
    assert len(told.raw[0].sha256) == 64
    assert "does not allow publishing" in told.parts[0].refused
