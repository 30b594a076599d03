"""The page in a real browser (Debian's chromium): it fits a phone, breaks no policy of its own, and draws its map."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
]
"""Nothing of the browser's own goes over the network, and nothing of a person's profile is touched."""

MEASURE = """<script>addEventListener('load', () => {
  const wide = document.documentElement;
  const out = [...document.querySelectorAll('main *, header *, nav *, footer *')].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width && box.right > innerWidth + 1 && !e.closest('.scroll, svg, .skip');
  }).map(e => e.tagName + '.' + e.className);
  const small = [...document.querySelectorAll('summary, nav a')].filter(e => e.getBoundingClientRect().height < 24).length;
  const drawn = document.querySelectorAll('svg.drawing path').length;
  const style = getComputedStyle(document.body).marginTop;
  parent.postMessage([innerWidth, wide.scrollWidth, small, drawn, style, out.slice(0, 5).join(' ')].join('|'), '*');
});</script>"""
"""What a page is asked about itself. Added to a copy without the policy: the page itself allows no script."""

FRAME = """<!doctype html><title>frame</title>
<script>addEventListener('message', e => document.documentElement.setAttribute('data-measured', e.data))</script>
<iframe src="copy.html" style="border:0;width:{width}px;height:900px"></iframe>"""
"""A window is never narrower than 500 px, so phones are frames."""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser at {CHROMIUM} (Debian: apt-get install chromium)")
    where = tmp_path_factory.mktemp("browser")
    yield where
    shutil.rmtree(where, ignore_errors=True)


def browse(profile: Path, page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_fits_the_screen(profile: Path, html: str, tmp_path: Path, width: int) -> None:
    """WCAG 1.4.10 (no sideways scrolling at 320 px) and 2.5.8 (targets of at least 24 px)."""
    copy = tmp_path / "copy.html"
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    # Opened details are the widest case.
    copy.write_text(
        bare.replace("<details>", "<details open>").replace("</head>", f"{MEASURE}</head>"), encoding="utf-8"
    )
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.format(width=width), encoding="utf-8")
    dumped = browse(
        profile, frame, "--window-size=1400,900", "--virtual-time-budget=5000", "--dump-dom"
    ).stdout
    measured = re.search(r'data-measured="([^"]*)"', dumped)
    assert measured
    inner, scrolled, small, drawn, margin, outside = measured.group(1).split("|")
    assert int(inner) == width
    assert int(scrolled) <= width, outside
    assert outside == ""
    assert small == "0"
    assert int(drawn) > 360
    assert margin == "0px"


def test_the_pages_own_policy_lets_its_style_through(profile: Path, page: Path) -> None:
    """A style that the policy refused would be told on the console."""
    done = browse(profile, page, "--enable-logging=stderr", "--v=0", "--dump-dom")
    assert "Content Security Policy" not in done.stderr
    assert "Refused to" not in done.stderr
    assert "where need is greatest" in done.stdout


def test_a_screenshot_shows_the_kinds_of_need(profile: Path, page: Path, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    browse(profile, page, "--window-size=1000,2600", f"--screenshot={picture}")
    assert picture.read_bytes().startswith(b"\x89PNG")
    # A page without style or map would be far smaller: words alone make about 150 kB at this size.
    assert picture.stat().st_size > 200_000
