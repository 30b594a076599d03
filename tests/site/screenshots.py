"""Takes a picture of every kind of page, on a desk and a phone, in light and dark: ``make screenshots``.

Pictures for the README (the map and a profile) are written to ``docs/images``; with ``--all FOLDER`` those of all pages are written to a
folder, to be looked at. Needs Debian's chromium and Playwright (extra ``dev``); downloads nothing.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

from wardmote.pipeline import run
from wardmote.publish import publish_site
from wardmote.publish.serve import make_server
from wardmote.study import read_study
from wardmote.toy import write_county
from wardmote.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
PLAIN = ["--no-sandbox", "--disable-dev-shm-usage"]
WITH_MAPS = [*PLAIN, "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
"""With WebGL reckoned by the processor; a picture over 8,192 dots tall would show the top of the page again, so only maps are taken so."""

DAY = datetime.date(2025, 6, 1)

PAGES = {
    "start": "index.html",
    "full": "full/index.html",
    "map": "map/index.html",
    "profile": "place/patch25/T01000067.html",
    "authority": "place/borough25/T03000004.html",
    "region": "place/part25/T04000001.html",
    "find": "find.html#q=fosk",
    "compare": "compare/index.html#level=patch25&a=T01000004&b=T01000067",
    "table": "table/index.html",
    "round": "round/index.html",
    "impacts": "impacts/index.html",
    "impact": "impacts/hubs.html",
    "evidence": "evidence/index.html",
    "practice": "evidence/elsewhere/places-spaces.html",
    "findings": "evidence/works/findings.html",
    "whatif": "whatif/index.html",
    "method": "method/index.html",
    "indicator": "indicator/low-income.html",
    "data": "data/index.html",
    "share": "share/index.html",
    "about": "about/index.html",
    "card": "embed/card.html?level=patch25&code=T01000067",
    "embedded": "embed/map.html",
}
"""One page of every kind."""

MAPS = {"map", "embedded"}
"""Those with a map that is drawn by the browser."""

VIEWS = {
    "desk-light": (1280, 900, "light"),
    "desk-dark": (1280, 900, "dark"),
    "phone-light": (390, 800, "light"),
    "phone-dark": (320, 640, "dark"),
}
"""Width, height and colours of each view; 320 dots is the narrowest that WCAG 1.4.10 asks for."""

README = (("map", "desk-light", 900), ("profile", "desk-light", 1100))
"""Pictures of the README, with their height."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", metavar="FOLDER", type=Path, help="write pictures of all pages here")
    parser.add_argument(
        "--site", metavar="FOLDER", type=Path, help="a site that stands, instead of the invented county's"
    )
    options = parser.parse_args()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sys.exit("Playwright is not installed: pip install 'wardmote[dev]'")
    if not CHROMIUM.exists():
        sys.exit(f"There is no browser at {CHROMIUM} (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as temporary:
        site = options.site or county(Path(temporary))
        server = make_server(site)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as started:
            for arguments, maps in ((PLAIN, False), (WITH_MAPS, True)):
                browser = started.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
                pages = {name: path for name, path in PAGES.items() if (name in MAPS) is maps}
                take(browser, site, f"http://127.0.0.1:{server.server_port}/", options.all, pages)
                browser.close()
        server.shutdown()


def county(folder: Path) -> Path:
    """Return the site of the invented county."""
    write_county(folder)
    run(folder)
    workspace = Workspace(folder)
    return publish_site(workspace, read_study(folder), workspace.site, built=DAY).parent


def take(browser: object, site: Path, address: str, everything: Path | None, pages: dict[str, str]) -> None:
    """Write the pictures of some pages."""
    images = ROOT / "docs" / "images"
    images.mkdir(parents=True, exist_ok=True)
    for view, (width, height, scheme) in VIEWS.items():
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[attr-defined]  # Playwright's
        page = context.new_page()
        page.on("pageerror", lambda error: print(f"error on a page: {error}"))
        for name, path in pages.items():
            if not (site / urlsplit(path).path).exists():
                print(f"{path} is not in this site: no picture was taken of it")
                continue
            for_readme = next((tall for kind, seen, tall in README if (kind, seen) == (name, view)), 0)
            if not for_readme and everything is None:
                continue
            page.goto(address + path)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(4000 if name in MAPS else 300)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                print(f"{path} is wider than {width} dots")
            if for_readme:
                page.set_viewport_size({"width": width, "height": for_readme})
                page.screenshot(path=images / f"{name}.png", timeout=180_000)
                page.set_viewport_size({"width": width, "height": height})
            if everything is not None:
                everything.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=everything / f"{name}-{view}.png", full_page=True, timeout=180_000)
        context.close()


if __name__ == "__main__":
    main()
