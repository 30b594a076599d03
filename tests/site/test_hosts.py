"""The map on hosts as they are: with parts of files, without them, and with parts that hold other bytes than those asked for."""

from __future__ import annotations

import datetime
import functools
import gzip
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from wardmote.publish import make_server, publish_site
from wardmote.publish.building import Build
from wardmote.study import Study
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)

pytestmark = pytest.mark.browser


def with_tiles(study: Study, form: str) -> Study:
    """Return the study with a map alone, whose tiles lie in this form."""
    told = {"pages": ["map", "columns"], "tiles": form}
    return study.model_copy(update={"publish": study.publish.model_copy(update=told)})


@pytest.fixture(scope="module")
def both(workspace: Workspace, study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hosts") / "site"
    return publish_site(workspace, with_tiles(study, "both"), out, built=DAY).parent


class Plain(http.server.SimpleHTTPRequestHandler):
    """The server of Python's library: it answers a request for a part with the whole file and 200."""

    def log_message(self, format: str, *args: Any) -> None:  # the name is the base class's
        """Say nothing."""


class Packing(Plain):
    """A host that packs what it sends and cuts the packed bytes: status 206, but other bytes (PMTiles issue 584)."""

    def do_GET(self) -> None:
        if not self.path.endswith(".pmtiles"):
            super().do_GET()
            return
        packed = gzip.compress(Path(self.translate_path(self.path)).read_bytes())[:7]
        self.send_response(206)
        self.send_header("Content-Length", str(len(packed)))
        self.end_headers()
        self.wfile.write(packed)


@contextmanager
def host(folder: Path, handler: type[Plain] | None) -> Iterator[str]:
    if handler is None:
        server = make_server(folder)
    else:
        given = functools.partial(handler, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), given)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("handler", "parts"), [(None, True), (Plain, False), (Packing, False)])
def test_the_map_takes_what_its_host_can_send(
    tab: Any, both: Path, handler: type[Plain] | None, parts: bool
) -> None:
    """With tiles in both forms, the archive is read in parts where the host sends parts, else the small files are."""
    asked: list[str] = []
    tab.on(
        "request", lambda one: asked.append(one.url.partition("?v=")[0])
    )  # without the edition of the shapes
    with host(both, handler) as address:
        tab.goto(f"{address}/map/index.html")
        tab.wait_for_selector("html[data-map]", timeout=60_000)
        assert tab.evaluate("document.documentElement.dataset.map") == "drawn", tab.inner_text("#no-map")
        drawn = tab.evaluate(
            "() => new Set(wardmote.map.querySourceFeatures('areas', { sourceLayer: 'areas' }).map((one) => one.id)).size"
        )
        assert drawn == len(tab.evaluate("wardmote.state.codes"))
        archive = [url for url in asked if url.endswith(".pmtiles")]
        tiles = [url for url in asked if url.endswith(".pbf")]
        # Where parts do not come, the archive is asked once, for the trial, and what comes whole is not loaded to its end.
        assert (len(archive) > 1, bool(tiles)) == (parts, not parts)
        assert parts or len(archive) == 1
        tab.goto("about:blank")


@pytest.mark.parametrize("form", ["folder", "both"])
def test_tiles_in_a_folder_are_taken_over_like_all_files(
    workspace: Workspace, study: Study, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = with_tiles(study, form)
    out = publish_site(workspace, some, tmp_path / "site", built=DAY).parent
    tiles = {path: path.stat().st_ino for path in (out / "tiles").rglob("*") if path.is_file()}
    assert any(path.suffix == ".pbf" for path in tiles)
    assert any(path.suffix == ".pmtiles" for path in tiles) == (form == "both")
    written: list[str] = []
    finish = Build.finish

    def finishing(self: Build, whole: str = "") -> None:
        written.extend(self.written)
        finish(self, whole)

    monkeypatch.setattr(Build, "finish", finishing)
    renamed = some.model_copy(update={"publish": some.publish.model_copy(update={"title": "Another title"})})
    publish_site(workspace, renamed, out, built=DAY)
    assert "map/index.html" in written
    assert {path: path.stat().st_ino for path in (out / "tiles").rglob("*") if path.is_file()} == tiles
    lost = next(path for path in tiles if path.suffix == ".pbf")
    lost.unlink()
    publish_site(workspace, renamed, out, built=DAY)
    assert lost.is_file()
