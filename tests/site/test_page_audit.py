"""The audit on the page: what is flagged first, then what passed and what did not apply; no section without an audit."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from wardmote.pipeline import run
from wardmote.publish.site import render_page
from wardmote.study import read_study
from wardmote.toy import make_county, write_county
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    write_county(folder)
    study = folder / "study.toml"
    audit = '\n[audit.ours]\nindex = "community"\nagainst = ["deprivation"]\n'
    study.write_text(study.read_text(encoding="utf-8") + audit, encoding="utf-8")
    run(folder)
    return folder


def test_what_is_flagged_stands_first_with_its_number_and_line(folder: Path) -> None:
    study = read_study(folder)
    html = render_page(Workspace(folder), study, built=DAY)
    section = html[html.index('<section id="audit"') :]
    section = section[: section.index("</section>")]
    assert '<a href="#audit">' in html
    flagged, passed = section.index("What is flagged"), section.index("What passed")
    title = next(
        one.title for one in study.index["community"].tree if one.node == make_county().truths.against
    )
    assert flagged < section.index(f"{title} runs against") < passed
    lines = Workspace(folder).read("audit")
    counts = lines["result"].value_counts()
    assert f"{counts['passed']} passed, {counts['not applicable']} not applicable" in section
    assert "at least −0.10" in section
    source = lines[lines["test"] == "correlation with parent"]["line_from"].iloc[0]
    assert f"Line: {source}" in section.replace("&#39;", "'")
    idle = section[section.index("What did not apply") :] if "What did not apply" in section else ""
    assert "Line: " not in idle, "what was not held against a line has none"
    assert " nan" not in section.lower()


def test_without_an_audit_there_is_no_section(folder: Path) -> None:
    study = read_study(folder)
    html = render_page(Workspace(folder), study.model_copy(update={"audit": {}}), built=DAY)
    assert 'id="audit"' not in html
    assert "#audit" not in html
