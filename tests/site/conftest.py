"""What the tests of pages share: the invented county, run once, and its page."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from wardmote.pipeline import run
from wardmote.publish import publish_site
from wardmote.study import Study, read_study
from wardmote.toy import write_county
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)
"""Day that the tests publish on."""


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("county")
    write_county(folder)
    run(folder)
    return Workspace(folder)


@pytest.fixture(scope="session")
def study(workspace: Workspace) -> Study:
    return read_study(workspace.folder)


@pytest.fixture(scope="session")
def page(workspace: Workspace, study: Study) -> Path:
    return publish_site(workspace, study, workspace.site, built=DAY)


@pytest.fixture(scope="session")
def html(page: Path) -> str:
    return page.read_text(encoding="utf-8")
