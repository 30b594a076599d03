"""Bringing files: from a mirror, from a publisher that breaks off, changes its mind or sends something else, and from the user.

The publisher is a small server on the loopback address; nothing leaves the machine.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from wardmote.errors import InputError, MissingError, StudyError
from wardmote.sources import SOURCES, fetch, get_source, have_source
from wardmote.sources.catalogue import Entry, File, Form, Layout, Place
from wardmote.study import SourceSpec

BODY = bytes(range(256)) * 2000
SHA = hashlib.sha256(BODY).hexdigest()
SWIFT = {"wait": 0.0, "timeout": 5.0}


@dataclass
class Publisher:
    """What the server should do, and what it was asked."""

    body: bytes = BODY
    tag: str = '"one"'
    break_after: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    ranges: bool = True
    rows: int = 0
    page: int = 3
    asked: list[str | None] = field(default_factory=list)
    address: str = ""


class Handler(http.server.BaseHTTPRequestHandler):
    publisher: Publisher

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        want = self.publisher
        asked = self.headers.get("Range")
        want.asked.append(asked)
        if want.answers and (code := want.answers.pop(0)) != 200:
            self.send_error(code)
            return
        if want.rows:
            self.page()
            return
        start = 0
        if asked and want.ranges and self.headers.get("If-Range") == want.tag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        rest = want.body[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.send_header("ETag", want.tag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(want.body) - 1}/{len(want.body)}")
        self.end_headers()
        self.wfile.write(rest[: want.break_after.pop(0)] if want.break_after else rest)

    def page(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        offset = int(query["resultOffset"][0])
        last = min(offset + self.publisher.page, self.publisher.rows)
        features = [
            {"type": "Feature", "properties": {"LAD24CD": f"E0600000{k}"}, "geometry": None}
            for k in range(offset, last)
        ]
        data: dict[str, object] = {"type": "FeatureCollection", "features": features}
        if last < self.publisher.rows:
            data["properties"] = {"exceededTransferLimit": True}
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    state = Publisher()
    handler = type("Here", (Handler,), {"publisher": state})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_address[1]}/set/data.bin"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def only(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_download_arrives_whole_and_tells_its_progress(publisher: Publisher, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    checksum = fetch.download(
        publisher.address,
        tmp_path / "data.bin",
        sha256=SHA,
        size=len(BODY),
        progress=lambda done, total: told.append((done, total)),
        **SWIFT,
    )
    assert checksum == SHA
    assert (tmp_path / "data.bin").read_bytes() == BODY
    assert only(tmp_path) == ["data.bin"]
    assert told[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_broken_download_goes_on_where_it_stopped(publisher: Publisher, tmp_path: Path) -> None:
    publisher.break_after = [100_000, 50_000]
    fetch.download(publisher.address, tmp_path / "data.bin", sha256=SHA, **SWIFT)
    assert (tmp_path / "data.bin").read_bytes() == BODY
    assert publisher.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_a_later_run_goes_on_too_and_no_half_file_stands_there(publisher: Publisher, tmp_path: Path) -> None:
    publisher.break_after = [100_000]
    with pytest.raises(MissingError) as caught:
        fetch.download(publisher.address, tmp_path / "data.bin", attempts=1, **SWIFT)
    assert publisher.address in str(caught.value)
    assert "--mirror" in str(caught.value)
    assert only(tmp_path) == ["data.bin.part", "data.bin.part-of"]
    fetch.download(publisher.address, tmp_path / "data.bin", attempts=1, **SWIFT)
    assert publisher.asked == [None, "bytes=100000-"]
    assert (tmp_path / "data.bin").read_bytes() == BODY


@pytest.mark.parametrize("change", ["new edition", "no ranges", "no mark"])
def test_parts_of_different_editions_are_never_joined(
    publisher: Publisher, tmp_path: Path, change: str
) -> None:
    publisher.break_after = [100_000]
    if change == "no mark":
        publisher.tag = 'W/"weak"'
    with pytest.raises(MissingError):
        fetch.download(publisher.address, tmp_path / "data.bin", attempts=1, **SWIFT)
    publisher.body = BODY[::-1]
    publisher.tag = 'W/"weak"' if change == "no mark" else '"two"'
    publisher.ranges = change != "no ranges"
    fetch.download(publisher.address, tmp_path / "data.bin", attempts=1, **SWIFT)
    assert (tmp_path / "data.bin").read_bytes() == BODY[::-1]


def test_passing_faults_are_tried_again(publisher: Publisher, tmp_path: Path) -> None:
    publisher.answers = [503, 429, 200]
    fetch.download(publisher.address, tmp_path / "data.bin", **SWIFT)
    assert len(publisher.asked) == 3


def test_a_part_beyond_the_end_is_thrown_away(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(BODY + b"more")
    (tmp_path / "data.bin.part-of").write_text('"one"')
    publisher.answers = [416, 200]
    fetch.download(publisher.address, tmp_path / "data.bin", sha256=SHA, **SWIFT)
    assert (tmp_path / "data.bin").read_bytes() == BODY


def test_what_is_not_there_is_told_at_once(publisher: Publisher, tmp_path: Path) -> None:
    publisher.answers = [404]
    with pytest.raises(MissingError, match="answer 404") as caught:
        fetch.download(publisher.address, tmp_path / "data.bin", **SWIFT)
    assert len(publisher.asked) == 1
    assert "by hand as data.bin" in str(caught.value)
    assert caught.value.exit_code == 5


def test_another_checksum_or_size_leaves_nothing_behind(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        fetch.download(publisher.address, tmp_path / "data.bin", sha256="0" * 64, size=7, **SWIFT)
    assert "another size. Got 512,000 bytes; expected 7 bytes" in str(caught.value)
    assert f"another checksum. Got {SHA}" in str(caught.value)
    assert only(tmp_path) == []


def test_no_network(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no connection within 10 seconds, tried twice"):
        fetch.download("http://127.0.0.1:9/none", tmp_path / "data.bin", attempts=2, wait=0.0, timeout=1.0)
    with pytest.raises(MissingError, match="not a web address"):
        fetch.download("ftp://127.0.0.1/none", tmp_path / "data.bin", **SWIFT)


def test_layers_are_fetched_in_pages_and_go_on(publisher: Publisher, tmp_path: Path) -> None:
    publisher.rows = 8
    publisher.answers = [200, 500]
    address = f"{publisher.address}?f=geojson"
    with pytest.raises(MissingError):
        fetch.fetch_pages(address, tmp_path / "layer.geojson", page=5, attempts=1, **SWIFT)
    assert only(tmp_path / "layer.geojson.pages") == ["000000000.json"]
    fetch.fetch_pages(address, tmp_path / "layer.geojson", page=5, **SWIFT)
    features = json.loads((tmp_path / "layer.geojson").read_text())["features"]
    assert [item["properties"]["LAD24CD"] for item in features] == [f"E0600000{k}" for k in range(8)]
    assert len(publisher.asked) == 4
    assert only(tmp_path) == ["layer.geojson"]


def test_an_answer_that_is_no_page_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    publisher.body = b'{"error": {"code": 400, "message": "Invalid query"}}'
    with pytest.raises(InputError, match="Invalid query"):
        fetch.fetch_pages(f"{publisher.address}?f=geojson", tmp_path / "layer.geojson", **SWIFT)


def entry(address: str, **settings: str) -> Entry:
    layout = Layout((Place("lsoa21", "Code"),))
    file = File(address, layout, "csv", **settings)
    return Entry("A set", "Someone", "OGL", "open", "2021", (Form("publisher", (file,)),))


def test_get_keeps_a_manifest_and_does_not_fetch_again(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCES, "made-up", entry(publisher.address, sha256=SHA))
    spec = SourceSpec(use="made-up")
    place = {"study_folder": tmp_path, "raw_folder": tmp_path / "raw", "mirror": None}
    assert have_source("one", spec, **place) is None
    files = get_source("one", spec, **place)
    assert (files[0].sha256, files[0].form, files[0].address) == (SHA, "publisher", publisher.address)
    assert have_source("one", spec, **place) == files == get_source("one", spec, **place)
    assert len(publisher.asked) == 1
    assert only(tmp_path / "raw/one") == ["data.bin", "manifest.json"]
    (tmp_path / "raw/one/data.bin").write_bytes(b"changed")
    assert have_source("one", spec, **place) is None
    (tmp_path / "raw/one/manifest.json").write_text("{half")
    assert have_source("one", spec, **place) is None
    monkeypatch.setitem(SOURCES, "made-up", entry(publisher.address + "2"))
    get_source("one", spec, **place)
    assert len(publisher.asked) == 2


def test_a_failed_get_leaves_earlier_files_alone(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCES, "made-up", entry(publisher.address))
    spec = SourceSpec(use="made-up")
    place = {"study_folder": tmp_path, "raw_folder": tmp_path / "raw", "mirror": None}
    get_source("one", spec, **place)
    monkeypatch.setitem(
        SOURCES, "made-up", entry(publisher.address + "?new", sha256="0" * 64, name="data.bin")
    )
    with pytest.raises(InputError):
        get_source("one", spec, **place)
    assert (tmp_path / "raw/one/data.bin").read_bytes() == BODY


def test_a_mirror_is_copied_and_what_it_lacks_is_told(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    spec = SourceSpec(use="lad24-rgn24")
    place = {"study_folder": tmp_path, "raw_folder": tmp_path / "raw", "mirror": mirror}
    with pytest.raises(MissingError, match="the mirror does not hold the file"):
        get_source("regions", spec, **place)
    lookups = mirror / "geography/lookups"
    lookups.mkdir(parents=True)
    text = "ltla24_name,ltla24_code,region24_name,region24_code\nHartlepool,E06000001,North East,E12000001\n"
    (lookups / "lookup_ltla24_region24.csv").write_text(text)
    (file,) = get_source("regions", spec, **place)
    assert (file.form, file.path.read_text()) == ("mirror", text)
    assert have_source("regions", spec, study_folder=tmp_path, raw_folder=tmp_path / "raw", mirror=None) == (
        file,
    )


def test_a_set_without_an_address_and_a_set_that_does_not_exist(tmp_path: Path) -> None:
    place = {"study_folder": tmp_path, "raw_folder": tmp_path / "raw", "mirror": None}
    with pytest.raises(MissingError, match=r"no public address of this set is known.*file = "):
        get_source("cni", SourceSpec(use="cni-2023"), **place)
    with pytest.raises(MissingError, match="the file is not there"):
        get_source("cni", SourceSpec(use="cni-2023", file="data/cni.csv"), **place)
    with pytest.raises(StudyError, match="imd-england-2025") as caught:
        get_source("imd", SourceSpec(use="imd-2025"), **place)
    assert caught.value.exit_code == 2


def test_a_users_file_is_read_in_place_and_hashed_only_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.csv").write_text("Code\nE01000001\n")
    spec = SourceSpec(file="mine.csv", level="lsoa21", area="Code")
    place = {"study_folder": tmp_path, "raw_folder": tmp_path / "raw", "mirror": None}
    first = have_source("mine", spec, **place)
    assert first is not None
    assert first[0].path == tmp_path / "mine.csv"
    hashed: list[Path] = []
    real = fetch.hash_file
    monkeypatch.setattr(fetch, "hash_file", lambda path: hashed.append(path) or real(path))
    assert have_source("mine", spec, **place) == first
    assert hashed == []
    (tmp_path / "mine.csv").write_text("Code\nE01000002\nE01000003\n")
    changed = get_source("mine", spec, **place)
    assert changed[0].sha256 != first[0].sha256
    (tmp_path / "mine.csv").unlink()
    assert have_source("mine", spec, **place) is None


def test_asking_whether_files_are_there_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from wardmote.sources import have_source\n"
        "from wardmote.study import SourceSpec\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "have_source('x', SourceSpec(use='imd-england-2025'), study_folder=folder, raw_folder=folder, mirror=None)\n"
        "print([name for name in ('numpy', 'pandas', 'pyarrow', 'urllib.request') if name in sys.modules])\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
