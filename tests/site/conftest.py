"""What the tests of pages share: the invented county's site, and a browser."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wardmote.publish import publish_site
from wardmote.study import Study
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)
"""Day that the tests publish on."""

CHROMIUM = Path("/usr/bin/chromium")
"""Debian's chromium; no test downloads a browser."""

ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # WebGL without a graphics card.
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


@pytest.fixture(scope="session")
def page(workspace: Workspace, study: Study) -> Path:
    return publish_site(workspace, study, workspace.site, built=DAY)


@pytest.fixture(scope="session")
def html(page: Path) -> str:
    """The whole account on one page."""
    return (page.parent / "full" / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return a browser, or skip and say why there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (part of the extra dev)"
    )
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM} (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """Return an empty page of the browser."""
    context = browser.new_context()
    yield context.new_page()
    context.close()
