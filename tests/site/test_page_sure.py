"""What the first page says of how sure ranks are, where that has been worked out."""

from __future__ import annotations

import datetime
import re

import pytest
from page_outline import Outline

from wardmote.pipeline import run
from wardmote.publish import publish_site
from wardmote.study import read_study
from wardmote.toy import write_county
from wardmote.workspace import Workspace

SECTION = """
[uncertainty.main]
index = ["deprivation", "community"]
draws = 30
factors = [
  { path = "weights.children of root", title = "weights of domains", spread = 0.25 },
  { path = "values.low-income", error = "binomial" },
]

"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outline, Workspace]:
    """The invented county's first page after uncertainty has run, and its tables."""
    folder = tmp_path_factory.mktemp("sure") / "study"
    write_county(folder)
    file = folder / "study.toml"
    sections = re.split(r"(?m)^(?=\[)", file.read_text(encoding="utf-8"))
    late = ("uncertainty", "audit", "round", "programme", "synthesis")
    kept = [section for section in sections if not section.lstrip("[").startswith(late)]
    file.write_text("".join([*kept, SECTION]), encoding="utf-8")
    run(folder)
    workspace = Workspace(folder)
    page = publish_site(workspace, read_study(folder), workspace.site, built=datetime.date(2025, 6, 1))
    return Outline(page.read_text(encoding="utf-8")), workspace


def words_of(outline: Outline, section: str) -> str:
    found = next(e for e in outline.find("section") if e.attributes.get("id") == section)
    return re.sub(r"\s+", " ", found.all_text())


def test_all_that_uncertainty_found_stands_where_the_page_says_how_sure_it_is(
    drawn: tuple[Outline, Workspace],
) -> None:
    outline, workspace = drawn
    findings = workspace.read("findings")
    sentences = findings.loc[findings["stage"] == "uncertainty", "sentence"].tolist()
    told = words_of(outline, "sure")
    assert len(sentences) > 4
    for sentence in sentences:
        assert sentence in told
    # Probability is said of sampling alone, and only where nothing else varies.
    assert "sampling error alone" in told
    assert "choices of method alone" in told
    assert "so intervals are lower bounds" in told


def test_the_findings_say_how_many_of_the_list_are_firm(drawn: tuple[Outline, Workspace]) -> None:
    outline, workspace = drawn
    findings = workspace.read("findings")
    joint = findings["sentence"].str.contains("in the same worlds of both indices")
    sentence = findings.loc[(findings["stage"] == "need") & joint, "sentence"].iloc[0]
    told = words_of(outline, "found")
    assert sentence in told
    assert "No interval is available" not in told
    assert "no rank carries an interval" not in words_of(outline, "sure")
