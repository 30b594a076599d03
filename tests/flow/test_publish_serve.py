"""The loopback server: it gives out one folder, in parts where asked (RFC 9110 §14), and nothing else."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wardmote.errors import MissingError, WorkspaceError
from wardmote.publish import make_server
from wardmote.publish.folder import replaced

CONTENT = bytes(range(256)) * 400


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    root = tmp_path_factory.mktemp("served")
    (root / "secret.txt").write_text("not for the web")
    site = root / "site"
    (site / "tiles").mkdir(parents=True)
    (site / "index.html").write_text("<p>page</p>")
    (site / "tiles" / "a.bin").write_bytes(CONTENT)
    (site / "map").mkdir()
    (site / "map" / "index.html").write_text("<p>map</p>")
    (site / "with space.txt").write_text("found")
    (site / "link.txt").symlink_to(root / "secret.txt")
    server = make_server(site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {key.lower(): value for key, value in answer.getheaders()}, body


def test_it_listens_on_this_computer_alone(port: int) -> None:
    # Linux answers on all of 127.0.0.0/8, so a server that listened everywhere would be found here.
    with pytest.raises(OSError, match=r"refused|unreachable|assign|timed out"):
        socket.create_connection(("127.0.0.2", port), timeout=1)


def test_the_folders_page_and_files(port: int) -> None:
    status, headers, body = ask(port, "/")
    assert (status, body) == (200, b"<p>page</p>")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert ask(port, "/tiles/a.bin?v=1#x")[2] == CONTENT
    assert ask(port, "/with%20space.txt")[2] == b"found"


def test_a_folder_without_its_slash_is_sent_to_the_one_with_it(port: int) -> None:
    for asked in ("/map", "//map", "///map"):
        status, headers, _ = ask(port, asked)
        assert (status, headers.get("location")) in ((307, "/map/"), (404, None)), asked
    assert ask(port, "/map?level=a&x=1")[1]["location"] == "/map/?level=a&x=1"
    assert ask(port, "/map/")[2] == b"<p>map</p>"


def test_an_unchanged_file_is_not_sent_again(port: int) -> None:
    _, headers, body = ask(port, "/tiles/a.bin")
    status, again, rest = ask(port, "/tiles/a.bin", **{"If-None-Match": headers["etag"]})
    assert (status, rest, again["etag"]) == (304, b"", headers["etag"])
    assert ask(port, "/tiles/a.bin", **{"If-None-Match": '"other"'})[::2] == (200, body)


def test_a_reader_who_goes_away_leaves_no_traceback(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(5):
        reader = socket.create_connection(("127.0.0.1", port), timeout=5)
        # Closed at once with data unread: the server meets a reset (tcp(7), SO_LINGER).
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reader.sendall(b"GET /tiles/a.bin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        reader.close()
    assert ask(port, "/")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_head_sends_no_body(port: int) -> None:
    status, headers, body = ask(port, "/tiles/a.bin", "HEAD")
    assert (status, body) == (200, b"")
    assert headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=100-", 100, len(CONTENT) - 1), ("bytes=-5", len(CONTENT) - 5, len(CONTENT) - 1),
     ("bytes=5-999999999", 5, len(CONTENT) - 1), ("bytes=-999999999", 0, len(CONTENT) - 1)],
)  # fmt: skip
def test_ranges(port: int, asked: str, first: int, last: int) -> None:
    status, headers, body = ask(port, "/tiles/a.bin", Range=asked)
    assert status == 206
    assert headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert headers["content-length"] == str(last - first + 1)
    assert body == CONTENT[first : last + 1]


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=-0"])
def test_ranges_outside_the_file_are_refused(port: int, asked: str) -> None:
    status, headers, _ = ask(port, "/tiles/a.bin", Range=asked)
    assert status == 416
    assert headers["content-range"] == f"bytes */{len(CONTENT)}"


def test_what_is_no_address_is_refused_without_a_traceback(
    port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as reader:
        reader.sendall(b"GET http://[bad HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert reader.recv(100).startswith(b"HTTP/1.1 400")
    assert ask(port, "/", Host="LOCALHOST")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "items=0-1", "bytes=-", "bytes=9-3", "nonsense", f"bytes=0-{'9' * 5000}"]
)
def test_ranges_that_it_does_not_know_give_the_whole_file(port: int, asked: str) -> None:
    assert ask(port, "/tiles/a.bin", Range=asked)[::2] == (200, CONTENT)


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/%2e%2e/secret.txt", "/tiles/../../secret.txt", "/..%2fsecret.txt", "/link.txt", "//etc/passwd",
     "/%00", "/absent.html", "/tiles", "/tiles/"],
)  # fmt: skip
def test_paths_outside_the_folder_are_not_found(port: int, path: str) -> None:
    status, _, body = ask(port, path)
    assert status == 404
    assert b"not for the web" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_but_reading(port: int, method: str) -> None:
    assert ask(port, "/", method)[0] == 501


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", ""])
def test_a_name_of_elsewhere_is_refused(port: int, host: str) -> None:
    """Against a page elsewhere that points its own name at this computer (DNS rebinding)."""
    assert ask(port, "/", Host=host)[0] == 421


def test_a_folder_without_a_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="wardmote publish"):
        make_server(tmp_path)


# ---- replacing a published folder


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "a" / "site"
    for text in ("one", "two"):
        with replaced(out) as folder:
            (folder / text).write_text(text)
    assert [path.name for path in out.iterdir()] == ["two"]
    assert [path.name for path in out.parent.iterdir()] == ["site"]


def test_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    out = tmp_path / "site"
    with replaced(out) as folder:
        (folder / "old").write_text("old")
    with pytest.raises(KeyError), replaced(out) as folder:  # noqa: PT012  # the failure comes after the first file
        (folder / "new").write_text("new")
        raise KeyError("something")
    assert [path.name for path in out.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_kill_between_the_two_renames_is_mended(tmp_path: Path) -> None:
    out = tmp_path / "site"
    (tmp_path / ".site.old").mkdir()
    (tmp_path / ".site.old" / "old").write_text("old")
    with pytest.raises(KeyError), replaced(out):
        raise KeyError("something")
    assert [path.name for path in out.iterdir()] == ["old"]


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WorkspaceError, match="cannot be written"), replaced(tmp_path / "file" / "site"):
        pass
