"""A small web server for one folder, for this computer alone: loopback only, reading only, never outside the folder."""

from __future__ import annotations

import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from wardmote.errors import MissingError, Problem

LOOPBACK = "127.0.0.1"
"""The only address that is listened on."""

EMBEDDED = "embed"
"""Folder of the pages that are made to stand within pages of others."""

CHUNK = 1 << 16
"""Bytes sent at a time: big files never stand in memory."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".pdf": "application/pdf",
    ".parquet": "application/vnd.apache.parquet",
    ".pmtiles": "application/vnd.pmtiles",
    ".pbf": "application/vnd.mapbox-vector-tile",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
    ".gz": "application/gzip",
    ".md": "text/markdown; charset=utf-8",
}
"""Media types by ending. Kept here since those of the system differ from one to the next."""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")  # no file is longer, and no longer number is worked out


def make_server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a server for a folder, bound but not yet at work: call ``serve_forever()``, and ``shutdown()`` from elsewhere.

    Only GET and HEAD are answered. One byte range is honoured, as map tiles need it. Paths that lead outside the folder, by ``..``
    or by a link, are not found. Requests that name another host are refused, so that a web page elsewhere cannot read the study by
    pointing its own name here.

    Args:
        folder: What to serve; ``/`` is its ``index.html``.
        port: The port; 0 for any free one, which ``server_port`` then tells.

    Raises:
        MissingError: There is no such folder, or it has no ``index.html``.
    """
    root = folder.resolve()
    if not (root / "index.html").is_file():
        raise MissingError(
            Problem(
                str(folder),
                "there is no page to serve",
                expected="a folder with index.html",
                remedy="Run `wardmote publish` first.",
            )
        )

    class Handler(_Handler):
        site = root

    return _Server((LOOPBACK, port), Handler)


class _Server(ThreadingHTTPServer):
    """The server; a reader who goes away in the middle is no fault of ours, so nothing is said of it."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, except that a connection ended early."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request for a file below `site`."""

    site: Path
    protocol_version = "HTTP/1.1"
    server_version = "Wardmote"
    sys_version = ""

    def do_GET(self) -> None:
        """Send a file, or the part of it that was asked for."""
        self._answer(send=True)

    def do_HEAD(self) -> None:
        """Send what GET would, without the body."""
        self._answer(send=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Say nothing: who looked at what is nobody's business."""

    def _answer(self, *, send: bool) -> None:
        host = (self.headers.get("Host") or "").rsplit(":", 1)[0].lower()
        if host not in {LOOPBACK, "localhost"}:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        try:
            asked = urlsplit(self.path)
        except ValueError:  # not an address
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        path = self._file(asked.path)
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        if path.is_dir():
            self._to_folder(asked)
            return
        state = path.stat()
        size, mark = state.st_size, f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
        if self.headers.get("If-None-Match") == mark:
            self._unchanged(mark)
            return
        span = _span(self.headers.get("Range"), size)
        if span == "unsatisfiable":
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        first, last = span if isinstance(span, tuple) else (0, size - 1)
        self._head(path, mark, size, first, last, partial=isinstance(span, tuple))
        if send:
            self._body(path, first, last - first + 1)

    def _to_folder(self, asked: SplitResult) -> None:
        """Send a reader who named a folder without a slash at its end there with one: the links of its page are relative.

        For this once: a browser keeps a lasting move, and the next study is served under the same address.
        """
        bare = asked.path.strip("/")
        query = f"?{asked.query}" if asked.query else ""
        self.send_response(HTTPStatus.TEMPORARY_REDIRECT)
        self.send_header(
            "Location", f"/{bare}/{query}" if bare else f"/{query}"
        )  # one slash: never another host's name
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _unchanged(self, mark: str) -> None:
        """Say that a file is still as it was sent before (RFC 9110 §13.1.2)."""
        self.send_response(HTTPStatus.NOT_MODIFIED)
        self.send_header("ETag", mark)
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()

    def _file(self, asked: str) -> Path | None:
        """Return the file that the request names, a folder named without a slash, or None where there is neither inside the site."""
        asked = unquote(asked)
        if "\0" in asked:
            return None
        try:
            path = (self.site / asked.lstrip("/")).resolve()
            if path.is_dir():
                page = (path / "index.html").resolve()
                if page.is_file() and page.is_relative_to(self.site) and not asked.endswith("/"):
                    return path
                path = page
            inside = path.is_relative_to(self.site) and path.is_file()
        except (OSError, RuntimeError):
            return None
        return path if inside else None

    def _head(self, path: Path, mark: str, size: int, first: int, last: int, *, partial: bool) -> None:
        """Send status and headers."""
        self.send_response(HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK)
        self.send_header("Content-Type", TYPES.get(path.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        if partial:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        if path.suffix == ".html" and path.parent != self.site / EMBEDDED:
            # The pages' own policy cannot say this (CSP 3 §3.3): nobody else may put them into a frame, but for those made for it.
            self.send_header("Content-Security-Policy", "frame-ancestors 'self'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("ETag", mark)
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()

    def _body(self, path: Path, start: int, length: int) -> None:
        """Send so many bytes of a file."""
        with path.open("rb") as file:
            file.seek(start)
            while length > 0 and (piece := file.read(min(CHUNK, length))):
                try:
                    self.wfile.write(piece)
                except ConnectionError:
                    return
                length -= len(piece)


def _span(header: str | None, size: int) -> tuple[int, int] | str:
    """Return first and last byte of a single range; "whole" for none or a form we do not serve, else "unsatisfiable".

    RFC 9110 §14.2 allows a server to ignore a range that it does not understand, several ranges included.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return "whole"
    start, end = match.groups()
    if not start:
        count = min(int(end), size)
        return (size - count, size - 1) if count else "unsatisfiable"
    if int(start) >= size or (end and int(end) < int(start)):
        return "unsatisfiable" if int(start) >= size else "whole"
    return int(start), min(int(end), size - 1) if end else size - 1
