"""Builds the whole site of a country: from nothing, again with nothing changed, and with one number changed; then reads it.

The study is `examples/england` where the official files are at hand (``WARDMOTE_MIRROR``, or ``../shared/data``), with the shapes of its
33,755 neighbourhoods and 6,856 larger ones added: 6,856 profiles of larger neighbourhoods, 296 of authorities, 9 of regions,
neighbourhoods on demand, tiles, downloads. With ``--quick``, or without the files, it is the invented county. Timed is publishing
alone, in a process of its own with imports; the tables are made before. The one number that changes is one area's residents, in the
file that the study reads; `run` carries it into the tables, and publishing into every page that shows what follows from it.

Prints one JSON object: ``seconds``, ``cpu_seconds`` and ``peak_mb`` of the build from nothing (memory of all its processes together, what
they share counted once); ``same`` and ``changed`` hold the same for the other two, with the files written; ``pages`` what a browser
measured where there is one, on a processor slowed four times and a line of 1.6 Mbit/s with 150 ms (Chromium's "fast 3G"), unpacked as
a plain host sends them. There is no peer that can be installed: the houses that publish such atlases keep their builders closed.
``--save`` writes bench/results/atlas_site.json. The file is not called site.py since Python's own `site` would be hidden by it when a
benchmark is run from this folder.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
WHOLE_SECONDS, CHANGED_SECONDS, PEAK_MB = 60.0, 5.0, 1000
"""What the issue asks for on two cores that do nothing else, tiles included."""

PAINT_MS, PAINT_KB, FRAME_MS, REPAINT_MS, RECOLOUR_MS = 1500, 500, 16, 100, 300
"""What the issue asks of a browser: first paint, what is loaded before the map, one what-if, its repaint, the country recoloured."""

LOOK_SECONDS = 0.25
"""How often memory is looked at: the system stops a process for each look, some hundredths of a second when it is large."""

QUICK_CPU = 20.0
"""Bound for the invented county in processor time, which other work on the machine cannot stretch much: about twice what was measured."""

SLOWER = 4
"""How many times slower the processor is made for the browser: the setting of Chromium's own "mid-tier mobile"."""

LINE = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
"""Chromium's "fast 3G": 1.6 Mbit/s down, 750 kbit/s up (bytes a second here), 150 ms."""

PLAIN = ["--no-sandbox", "--disable-dev-shm-usage"]
"""How the browser starts for pages alone: as it is."""

ALL_PARTS = [
    *PLAIN,
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
"""With WebGL reckoned by the processor, for maps. It slows the first paint of every page, an empty one too, by half a second or more: no
phone paints so."""

ROUNDS = 3
"""How often each page is painted; the middle is told."""

CHILD = """
import json, resource, sys, time, datetime
started = time.perf_counter()
from pathlib import Path
from wardmote.__main__ import use_memory_of_the_system
use_memory_of_the_system()  # as the command line does
from wardmote.publish import publish_site
from wardmote.publish.building import Build
from wardmote.study import read_study
from wardmote.workspace import Workspace
folder = Path(sys.argv[1])
workspace = Workspace(folder)
written = []
finish = Build.finish
def noted(self, whole=""):
    written.extend(self.written)
    finish(self, whole)
Build.finish = noted
publish_site(workspace, read_study(folder), workspace.site, built=datetime.date(2025, 6, 1))
seconds = time.perf_counter() - started
mine, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
files = [path for path in workspace.site.rglob("*") if path.is_file()]
kinds = {}
for path in written:
    kind = "/".join(path.split("/")[:2]) if "/" in path else path
    kinds[kind] = kinds.get(kind, 0) + 1
print(json.dumps({"seconds": round(seconds, 2), "cpu_seconds": round(mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime, 2),
  "cpu_of_first_process": round(mine.ru_utime + mine.ru_stime, 2),
  "written": len(written), "kinds": kinds, "files": len(files), "pages": sum(path.suffix == ".html" for path in files),
  "megabytes": round(sum(path.stat().st_size for path in files) / 1e6, 1)}))
"""


def memory_of(process: int) -> int:
    """Return the memory of a process and its children in kB, what they share counted once (PSS, proc(5)); 0 where it is not told."""
    total = 0
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
        for one in (process, *map(int, children)):
            for line in Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    except OSError:
        return total
    return total


def build(folder: Path) -> dict[str, Any]:
    """Publish in a process of its own; return what it took."""
    process = subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], stdout=subprocess.PIPE, text=True)
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(LOOK_SECONDS):
            peak = max(peak, memory_of(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    done.set()
    watcher.join()
    assert process.returncode == 0
    result: dict[str, Any] = json.loads(out)
    return {**result, "peak_mb": round(peak / 1024), "load": round(os.getloadavg()[0], 1)}


def wardmote(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "wardmote", *words], check=True, capture_output=True)


def prepare(folder: Path, mirror: Path | None) -> str:
    """Make the tables; return the name of the study."""
    if mirror is None:
        wardmote("demo", str(folder), "--quiet")
        return "the invented county"
    shutil.copytree(ROOT / "examples" / "england", folder, dirs_exist_ok=True)
    study = folder / "study.toml"
    text = study.read_text(encoding="utf-8")
    if "boundaries-lsoa21" not in text:
        more = "".join(f'[sources.shapes-{one}]\nuse = "boundaries-{one}21"\n\n' for one in ("lsoa", "msoa"))
        text = text.replace("[sources.shapes]", f"{more}[sources.shapes]", 1)
    study.write_text(text, encoding="utf-8")
    wardmote("run", "--study", str(folder), "--mirror", str(mirror), "--quiet")
    return "examples/england with the shapes of all its neighbourhoods"


def change(folder: Path, mirror: Path | None) -> str:
    """Change one number in a file that the study reads, and run the study; return what was changed."""
    if mirror is None:
        file = folder / "data" / "areas.csv"
        head, first, rest = file.read_text(encoding="utf-8").split("\n", 2)
        at = head.split(",").index("people")
        cells = first.split(",")
        cells[at] = str(int(cells[at]) + 1)
        file.write_text("\n".join([head, ",".join(cells), rest]), encoding="utf-8")
        wardmote("run", "--study", str(folder), "--quiet")
        return f"one more resident in the first row of {file.name}"
    with tempfile.TemporaryDirectory() as other:
        area = _mirror_with_a_change(mirror, Path(other))
        shutil.rmtree(folder / "out" / "raw" / "population")  # so that it is fetched again
        wardmote("run", "--study", str(folder), "--mirror", other, "--quiet")
    return f"one more resident in one neighbourhood ({area})"


def _mirror_with_a_change(mirror: Path, other: Path) -> str:
    """Lay out a mirror that differs in the residents of one area, links for all else; return the area."""
    file = next(mirror.rglob("ethnicity21_lsoa21.parquet"))
    here, there = mirror, other
    for part in file.relative_to(mirror).parts:
        for one in here.iterdir():
            if one.name != part:
                (there / one.name).symlink_to(one.resolve())
        here, there = here / part, there / part
        if here.is_dir():
            there.mkdir()
    table = pq.read_table(file)
    areas = table.column(0).to_pylist()
    first = next(area for area in areas if area.startswith("E"))
    at = areas.index(first)
    # Each row of an area is one group of its people, with the total of all beside it.
    people = [n + (i == at) for i, n in enumerate(table["n"].to_pylist())]
    totals = [
        n + (area == first) for area, n in zip(areas, table["total_residents"].to_pylist(), strict=True)
    ]
    for name, values in (("n", people), ("total_residents", totals)):
        table = table.set_column(table.column_names.index(name), name, pa.array(values, table[name].type))
    pq.write_table(table, there)
    return str(first)


def check(folder: Path) -> None:
    """Assert that the site and the tables agree on what each place's rank is."""
    parts = sorted((folder / "out" / "tables").glob("scores.index.*.parquet"))
    scores = pq.read_table(parts[0])
    for path in (folder / "out/site/data/columns").glob(f"*/{scores['index'][0].as_py()}.rank.json"):
        codes = json.loads((path.parent / "codes.json").read_text(encoding="utf-8"))["codes"]
        ranks = json.loads(path.read_text(encoding="utf-8"))["values"]
        root = scores.filter(pc.equal(scores["node"], scores["node"][0]))
        known = dict(zip(root["area"].to_pylist(), root["rank"].to_pylist(), strict=True))
        assert [known.get(code) for code in codes] == ranks


# ---- in a browser


def look(site: Path) -> dict[str, Any] | None:
    """Return what a browser measures on the pages of a site; None where there is no browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if not Path("/usr/bin/chromium").exists():
        return None
    from wardmote.publish import make_server

    server = make_server(site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    largest = max(
        (path for path in (site / "place").iterdir() if any(path.glob("*.html"))),
        key=lambda path: len(list(path.iterdir())),
    )
    profile = next(path for path in sorted(largest.glob("*.html")) if path.name != "index.html")
    pages = {"start": "index.html", "profile": profile.relative_to(site).as_posix(), "table": "table/index.html",
             "whatif": "whatif/index.html", "map": "map/index.html"}  # fmt: skip
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as nothing:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=PLAIN)
        found = {name: _paint(browser, f"{address}/{path}") for name, path in pages.items()}
        # An empty page under the same conditions: what the browser and the load of the machine cost by themselves.
        (Path(nothing) / "index.html").write_text("<!doctype html><title>empty</title><p>.", encoding="utf-8")
        bare = make_server(Path(nothing))
        threading.Thread(target=bare.serve_forever, daemon=True).start()
        found["empty"] = _paint(browser, f"http://127.0.0.1:{bare.server_port}/index.html")
        bare.shutdown()
        bare.server_close()
        browser.close()
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ALL_PARTS)
        found["what_if"] = _what_if(browser, address)
        found["recolour"] = _recolour(browser, address)
        browser.close()
    server.shutdown()
    server.server_close()
    return found


def _paint(browser: Any, url: str) -> dict[str, float]:
    """Return the middle of several paints of a page, by time; each in a browser that has seen nothing before."""
    painted = sorted((_painted(browser, url) for _ in range(ROUNDS)), key=lambda one: one["first_paint_ms"])
    return painted[ROUNDS // 2]


def _painted(browser: Any, url: str) -> dict[str, float]:
    """Return when a page is first painted and how much came over the line until then, and in all before any tile."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    tab = context.new_page()
    tools = context.new_cdp_session(tab)
    tools.send("Network.enable")
    tools.send("Network.emulateNetworkConditions", LINE)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    sizes: list[tuple[float, int]] = []
    tools.on("Network.dataReceived", lambda one: sizes.append((one["timestamp"], one["dataLength"])))
    started: list[float] = []
    tools.on("Network.requestWillBeSent", lambda one: started.append(one["timestamp"]))
    tab.goto(url, wait_until="commit")
    _until(tab, "performance.getEntriesByName('first-contentful-paint').length")
    painted = float(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    tab.wait_for_load_state("domcontentloaded", timeout=120_000)
    document = float(tab.evaluate("performance.getEntriesByType('navigation')[0].decodedBodySize"))
    context.close()
    until = sum(size for at, size in sizes if started and at <= started[0] + painted / 1000)
    return {
        "first_paint_ms": round(painted),
        "kb_until_then": round(until / 1000),
        "page_kb": round(document / 1000),
    }


def _until(tab: Any, asked: str) -> None:
    """Wait until something is so; the browser's own way of waiting is stopped by the pages' policy."""
    deadline = time.monotonic() + 180
    while not tab.evaluate(asked):
        assert time.monotonic() < deadline, asked
        time.sleep(0.05)


def _slowed(browser: Any, url: str, ready: str) -> tuple[Any, Any, Any]:
    """Return context, page and tools of a page that is at rest, then slowed."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    tab = context.new_page()
    tools = context.new_cdp_session(tab)
    tab.goto(url)
    tab.wait_for_selector(ready, timeout=180_000)
    tab.wait_for_timeout(1000)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    return context, tab, tools


def _what_if(browser: Any, address: str) -> dict[str, float]:
    """Return the time of working out one setting, and of one change from the hand to the next frame, medians of nine."""
    context, tab, _ = _slowed(browser, f"{address}/whatif/index.html", "#result h3")
    took = tab.evaluate(
        """async () => {
        const held = Object.entries(wardmote.held), engine = wardmoteEngine;
        const first = (name) => held.find(([path]) => path.endsWith(name))[1];
        const data = engine.open(wardmote.held['whatif/data'], first('/codes'), first('/population').values);
        const work = engine.model(data), setting = wardmote.last.setting, alone = [], whole = [];
        const rest = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
        for (let i = 0; i < 9; i++) {
          const weights = setting.weights.map((one) => one.map((x, j) => x * (1 + ((i * 7 + j) % 5) / 10)));
          const start = performance.now(); work({ ...setting, weights }, 4); alone.push(performance.now() - start);
          const slider = document.getElementById('w-0-0');
          slider.value = 5 + 9 * i;
          await rest();
          const moved = performance.now();
          slider.dispatchEvent(new Event('input', { bubbles: true }));
          await rest();
          whole.push(performance.now() - moved);
        }
        const middle = (list) => list.sort((a, b) => a - b)[list.length >> 1];
        return [data.codes.length, middle(alone), middle(whole)]; }"""
    )
    context.close()
    return {"areas": took[0], "model_ms": round(took[1], 1), "repaint_ms": round(took[2], 1)}


def _recolour(browser: Any, address: str) -> dict[str, float]:
    """Return the time of giving all areas of the smallest level another class, with the processor as it is."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    levels = json.loads(tab.request.get(f"{address}/map/map.json").text())["levels"]
    tab.goto(f"{address}/map/index.html#level={levels[0]['level']}")
    tab.wait_for_selector("html[data-map=drawn]", timeout=300_000)
    measures = tab.evaluate("[...document.getElementById('measure').options].map((one) => one.value)")
    took = []
    for measure in measures[:4]:
        before = tab.evaluate("performance.getEntriesByName('recolour', 'measure').length")
        tab.select_option("#measure", measure)
        _until(tab, f"performance.getEntriesByName('recolour', 'measure').length > {before}")
        took.append(tab.evaluate("performance.getEntriesByName('recolour', 'measure').at(-1).duration"))
    areas = tab.evaluate("wardmote.state.codes.length")
    context.close()
    return {"areas": areas, "recolour_ms": round(sorted(took)[len(took) // 2])}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--keep", metavar="FOLDER", help="build in this folder and leave it there")
    options = parser.parse_args()
    named = Path(os.environ.get("WARDMOTE_MIRROR") or ROOT.parent / "shared" / "data")
    mirror = named if named.is_dir() and not options.quick else None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.keep or temporary)
        name = prepare(folder, mirror)
        shutil.rmtree(folder / "out" / "site", ignore_errors=True)
        (folder / "out" / ".site.made.json").unlink(missing_ok=True)
        whole, same = build(folder), build(folder)
        looked = None if options.quick else look(folder / "out" / "site")
        what = change(folder, mirror)
        changed = build(folder)
        check(folder)
    result = {
        "name": "site", "work": {"study": name, "files": whole["files"], "pages": whole["pages"], "megabytes": whole["megabytes"]},
        "seconds": whole["seconds"], "cpu_seconds": whole["cpu_seconds"], "cpu_of_first_process": whole["cpu_of_first_process"],
        "peak_mb": whole["peak_mb"], "load": whole["load"],
        "same": {key: same[key] for key in ("seconds", "cpu_seconds", "peak_mb", "load", "written")},
        "changed": {"what": what, **{key: changed[key] for key in ("seconds", "cpu_seconds", "peak_mb", "load", "written", "kinds")}},
        "browser": looked, "peer": None, "ratio": None,
        "targets": {"seconds": WHOLE_SECONDS, "changed_seconds": CHANGED_SECONDS, "peak_mb": PEAK_MB, "first_paint_ms": PAINT_MS,
                    "kb_before_the_map": PAINT_KB, "model_ms": FRAME_MS, "repaint_ms": REPAINT_MS, "recolour_ms": RECOLOUR_MS},
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "when": time.strftime("%Y-%m-%d"),
    }  # fmt: skip
    print(json.dumps(result, indent=1))
    if options.save:
        (ROOT / "bench" / "results" / "atlas_site.json").write_text(
            json.dumps(result, indent=1) + "\n", encoding="utf-8"
        )
    assert same["written"] == 0, f"{same['written']} files were written although nothing changed"
    assert 0 < changed["written"] < whole["files"] / 4
    if mirror is None:
        assert whole["cpu_seconds"] < QUICK_CPU
    else:
        # In processor time, since seconds depend on what else the machine does: what one process does alone, and half of the rest.
        alone = whole["cpu_of_first_process"]
        assert alone + (whole["cpu_seconds"] - alone) / 2 < WHOLE_SECONDS
        assert changed["cpu_seconds"] < 2 * CHANGED_SECONDS
        assert whole["peak_mb"] < PEAK_MB


if __name__ == "__main__":
    main()
