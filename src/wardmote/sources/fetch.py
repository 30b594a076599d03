"""Bringing files: from a mirror, from their publishers, or from where the user put them; never a half file.

A file is written beside its place under another name, checked, and moved into place in one step. A broken download goes on where it
stopped if the publisher still has the same file (``Range`` with ``If-Range``). Beside the files lies ``manifest.json`` with size,
time, checksum, address and day of fetching, so that later runs need not hash again.
"""

from __future__ import annotations

import datetime
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wardmote.errors import InputError, MissingError, Problem, StudyError, WardmoteError, WorkspaceError
from wardmote.sources.catalogue import Entry, Form
from wardmote.study import SourceSpec

Progress = Callable[[int, int | None], None]
"""Called with bytes done and bytes in all, or None where the publisher does not say."""

MANIFEST = "manifest.json"
CHUNK = 1 << 16
"""Bytes read at a time: large enough for speed, small enough for a lively progress bar."""

ATTEMPTS = 5
"""How often a fetch is tried; with the waits below a publisher has half a minute to recover."""

WAIT = 1.0
"""Seconds before the second attempt; doubled before each further one."""

TIMEOUT = 30.0
"""Seconds without an answer before an attempt counts as failed."""

CONNECT = 10.0
"""Seconds in which a publisher's machine must take a connection: far above any healthy network's, and no long wait without one."""

PAGE = 2000
"""Rows asked for in one page of an ArcGIS layer: the most that the ONS portal gives."""


@dataclass(frozen=True, slots=True)
class RawFile:
    """One file as it was fetched.

    Attributes:
        path: Where it lies.
        address: Where it came from: a web address, the path inside a mirror, or the user's path as the study writes it.
        retrieved: Day of fetching, ISO 8601; of a user's file the day of its last change.
        sha256: Its checksum.
        form: publisher, mirror or user.
    """

    path: Path
    address: str
    retrieved: str
    sha256: str
    form: Literal["publisher", "mirror", "user"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one source's files belong.

    Attributes:
        source: The source's name in the study.
        study_folder: Folder of the study.
        folder: Folder of the source's fetched files.
    """

    source: str
    study_folder: Path
    folder: Path


def entry_of(source: str, spec: SourceSpec, sources: Mapping[str, Entry]) -> Entry | None:
    """Return the catalogue's entry that a source uses, or None for a file of the user's own.

    Args:
        source: The source's name in the study.
        spec: The source's section.
        sources: The catalogue.

    Raises:
        StudyError: The catalogue has no such set.
    """
    if not spec.use:
        return None
    if spec.use in sources:
        return sources[spec.use]
    from difflib import get_close_matches

    near = get_close_matches(spec.use, list(sources), n=3, cutoff=0.4) or list(sources)
    raise StudyError(
        Problem(
            f"sources.{source}, use",
            "no such official set",
            got=spec.use,
            expected=", ".join(near),
            remedy="docs/reference/sources.md lists all sets.",
        )
    )


def at_hand(place: Place, spec: SourceSpec, entry: Entry | None) -> tuple[RawFile, ...] | None:
    """Return the files that are there and unchanged, or None where they must be brought.

    A user's file that changed is hashed again here, since nothing needs to be fetched.
    """
    known = _read_manifest(place)
    if spec.file:
        return _user_file(place, spec, known)
    if entry is None or not known:
        return None
    form = entry.form(known[0]["form"]) if known[0].get("form") in ("publisher", "mirror") else None
    if form is None or [item["address"] for item in known] != [file.path for file in form.files]:
        return None
    if not all(_unchanged(place.folder / item["name"], item) for item in known):
        return None
    return tuple(_raw(place.folder / item["name"], item) for item in known)


def bring(
    place: Place,
    spec: SourceSpec,
    entry: Entry | None,
    *,
    mirror: Path | None,
    progress: Progress | None = None,
) -> tuple[RawFile, ...]:
    """Return a source's files, brought if they are not at hand.

    Args:
        place: Where they belong.
        spec: The source's section.
        entry: Its set, or None.
        mirror: Folder of the mirror, or None.
        progress: Told about bytes.

    Raises:
        MissingError: The user's or the mirror's file is not there, no address is known, or the publisher cannot be reached.
        InputError: The file that arrived is not the expected one.
        WorkspaceError: The disk is full, or the folder may not be written.
    """
    found = at_hand(place, spec, entry)
    if found is not None:
        return found
    if spec.file:
        raise MissingError(
            Problem(
                f"sources.{place.source}, file",
                "the file is not there",
                got=str(_user_path(place, spec)),
                remedy="Put it there, or correct the path; it is relative to the study's folder.",
            )
        )
    form = _chosen_form(place, spec, entry, mirror)
    items = []
    with _writing(place):
        place.folder.mkdir(parents=True, exist_ok=True)
        for file in form.files:
            target = place.folder / file.file_name
            if form.kind == "mirror" and mirror is not None:
                checksum = _copy(mirror / file.path, target, place.source, progress)
            elif file.paged:
                checksum = fetch_pages(file.path, target, progress=progress)
            else:
                checksum = download(file.path, target, sha256=file.sha256, size=file.size, progress=progress)
            items.append(_item(target, file.path, form.kind, checksum, _today()))
        _write_manifest(place, items)
    return tuple(_raw(place.folder / item["name"], item) for item in items)


def _chosen_form(place: Place, spec: SourceSpec, entry: Entry | None, mirror: Path | None) -> Form:
    """Return the form to bring: the mirror's where a mirror is given and the set has one, else the publisher's."""
    where = f"sources.{place.source}"
    if entry is not None and mirror is not None:
        form = entry.form("mirror")
        if form is not None:
            return form
    publisher = entry.form("publisher") if entry is not None else None
    if publisher is not None:
        return publisher
    remedy = f'Put your copy into the study and name it: [{where}] file = "data/…"'
    if entry is not None and entry.form("mirror") is not None:
        remedy += ", or give a folder that holds it with --mirror"
    raise MissingError(
        Problem(where, "no public address of this set is known", got=spec.use, remedy=f"{remedy}.")
    )


# --- the manifest ---------------------------------------------------------------------------------------------------------------


def _read_manifest(place: Place) -> list[dict[str, Any]]:
    """Return the manifest's items, or an empty list where there is none that can be read."""
    try:
        data = json.loads((place.folder / MANIFEST).read_text(encoding="utf-8"))
        items = data["files"]
        needed = {"name", "address", "retrieved", "sha256", "form", "size", "mtime_ns"}
        return items if all(needed <= set(item) for item in items) else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _write_manifest(place: Place, items: list[dict[str, Any]]) -> None:
    """Write the manifest in one step."""
    part = place.folder / f"{MANIFEST}.part"
    with _writing(place):
        place.folder.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"files": items}, indent=1, ensure_ascii=False), encoding="utf-8")
        part.replace(place.folder / MANIFEST)


@contextmanager
def _writing(place: Place) -> Iterator[None]:
    """Tell in our words that the disk is full, or that a file may not be read or written, within a ``with`` block."""
    try:
        yield
    except OSError as error:
        named = Path(error.filename) if isinstance(error.filename, str) else place.folder
        if named.is_relative_to(place.folder):
            problem = Problem(
                str(place.folder),
                "the source's files cannot be written",
                got=error.strerror or str(error),
                remedy="Make room, or let yourself write there, and run again; what was finished stands.",
            )
        else:
            problem = Problem(
                str(named),
                "the file cannot be read",
                got=error.strerror or str(error),
                remedy="Let yourself read it, and run again.",
            )
        raise WorkspaceError(problem) from error


def _item(path: Path, address: str, form: str, sha256: str, retrieved: str) -> dict[str, Any]:
    """Return the manifest's item of a file."""
    state = path.stat()
    return {
        "name": path.name,
        "address": address,
        "form": form,
        "sha256": sha256,
        "retrieved": retrieved,
        "size": state.st_size,
        "mtime_ns": state.st_mtime_ns,
    }


def _raw(path: Path, item: dict[str, Any]) -> RawFile:
    return RawFile(path, item["address"], item["retrieved"], item["sha256"], item["form"])


def _unchanged(path: Path, item: dict[str, Any]) -> bool:
    """Return whether a file has the size and time that the manifest tells."""
    try:
        state = path.stat()
    except OSError:
        return False
    return bool(state.st_size == item["size"] and state.st_mtime_ns == item["mtime_ns"])


def _user_path(place: Place, spec: SourceSpec) -> Path:
    return place.study_folder / spec.file


def _user_file(place: Place, spec: SourceSpec, known: list[dict[str, Any]]) -> tuple[RawFile, ...] | None:
    """Return the user's file, hashed again only if it changed, or None where it is not there."""
    path = _user_path(place, spec)
    if not path.is_file():
        return None
    item = known[0] if known else None
    if item is None or item["address"] != spec.file or item["form"] != "user" or not _unchanged(path, item):
        changed = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC).date().isoformat()
        item = _item(path, spec.file, "user", hash_file(path), changed)
        _write_manifest(place, [item])
    return (_raw(path, item),)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


# --- copying and downloading ------------------------------------------------------------------------------------------------------


def _copy(origin: Path, target: Path, source: str, progress: Progress | None) -> str:
    """Copy a mirror's file into place in one step and return its checksum."""
    if not origin.is_file():
        raise MissingError(
            Problem(
                f"sources.{source}",
                "the mirror does not hold the file of this set",
                got=str(origin),
                remedy="Correct the mirror's folder, or leave --mirror out to fetch from the publisher.",
            )
        )
    total = origin.stat().st_size
    digest = hashlib.sha256()
    part = target.with_name(f"{target.name}.part")
    done = 0
    with origin.open("rb") as reading, part.open("wb") as writing:
        while block := reading.read(CHUNK * 16):
            digest.update(block)
            writing.write(block)
            done += len(block)
            if progress is not None:
                progress(done, total)
        _settle(writing)
    part.replace(target)
    return digest.hexdigest()


def _settle(stream: Any) -> None:
    """Force a file to the disk, so that the move that follows cannot leave an empty file after a power cut."""
    stream.flush()
    os.fsync(stream.fileno())


def download(
    address: str,
    target: Path,
    *,
    sha256: str = "",
    size: int | None = None,
    progress: Progress | None = None,
    attempts: int = ATTEMPTS,
    wait: float = WAIT,
    timeout: float = TIMEOUT,
) -> str:
    """Fetch one file into place and return its checksum.

    A broken download is gone on with, in this call and in later ones, if the publisher's file is still the same.

    Args:
        address: Web address.
        target: Where the file belongs; nothing stands there before it is whole and checked.
        sha256: Expected checksum, or "".
        size: Expected bytes, or None.
        progress: Told about bytes.
        attempts: How often to try.
        wait: Seconds before the second attempt, doubled each time.
        timeout: Seconds without an answer that end an attempt.

    Raises:
        MissingError: The publisher cannot be reached or does not have the file.
        InputError: What arrived has another size or checksum.
    """
    part = target.with_name(f"{target.name}.part")
    for _ in _attempts(address, target, attempts, wait):
        total = _fetch_on(address, part, progress, timeout)
        if total is None or (part.is_file() and part.stat().st_size >= total):
            break
    _check_arrived(address, part, sha256, size)
    checksum = hash_file(part)
    part.replace(target)
    _validator_file(part).unlink(missing_ok=True)
    return checksum


def _attempts(address: str, target: Path, attempts: int, wait: float) -> Iterator[int]:
    """Yield attempts with growing waits; when all failed, raise and name the address and the ways out.

    The caller breaks off when it is done. Errors of the network inside the caller's loop reach this generator only as another
    request for an attempt, so the caller uses `_fetch_on`, which returns instead of raising where going on makes sense.
    """
    if not _connects(address, wait):
        raise _unreachable(address, target, f"no connection within {CONNECT:.0f} seconds, tried twice")
    for attempt in range(attempts):
        if attempt:
            time.sleep(wait * 2 ** (attempt - 1))
        yield attempt
    raise _unreachable(address, target, f"{attempts} attempts failed")


def _connects(address: str, wait: float) -> bool:
    """Return whether the publisher's machine can be reached at all; without a network nobody should wait for every attempt.

    Where a proxy stands between, only the request itself can tell.
    """
    import socket
    import urllib.parse
    import urllib.request

    parts = urllib.parse.urlsplit(address)
    host = parts.hostname or ""
    behind = parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)
    if behind or not host or parts.scheme not in _PORTS:
        return True
    for last in (False, True):
        try:
            socket.create_connection((host, parts.port or _PORTS[parts.scheme]), CONNECT).close()
        except OSError:
            if not last:
                time.sleep(wait)
        else:
            return True
    return False


_PORTS = {"https": 443, "http": 80}


def _unreachable(address: str, target: Path, reason: str) -> WardmoteError:
    return MissingError(
        Problem(
            address,
            "the file could not be fetched",
            got=reason,
            remedy=(
                f"Check the network and try again: what has arrived is kept. Or fetch the address by hand as {target.name}, put it "
                'into the study and name it there (file = "data/…"), or give a folder that holds the set with --mirror.'
            ),
        )
    )


def _open(address: str, headers: Mapping[str, str], timeout: float) -> Any:
    """Open a web address."""
    import urllib.request

    if not address.startswith(("http://", "https://")):
        raise MissingError(Problem(address, "not a web address", expected="http:// or https://"))
    request = urllib.request.Request(address, headers={"User-Agent": "wardmote", **headers})
    return urllib.request.urlopen(request, timeout=timeout)


# Answers that another attempt will not change.
_FINAL = (400, 401, 403, 404, 405, 410)


def _fetch_on(address: str, part: Path, progress: Progress | None, timeout: float) -> int | None:
    """Fetch what is still missing and return the bytes in all; infinity's stand-in (2**63) where this attempt failed."""
    import http.client
    import urllib.error

    have = part.stat().st_size if part.is_file() and _validator(part) else 0
    headers = {"Range": f"bytes={have}-", "If-Range": _validator(part)} if have else {}
    try:
        with _open(address, headers, timeout) as answer:
            if answer.status == 206 and not _starts_at(answer, have):
                part.unlink(missing_ok=True)
                return _FAILED
            if answer.status != 206:
                have = 0
            _note_validator(part, answer)
            length = answer.headers.get("Content-Length")
            total = have + int(length) if length else None
            _receive(answer, part, have, total, progress)
            return total
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            part.unlink(missing_ok=True)  # what was kept is no part of the publisher's file
            return _FAILED
        if error.code in _FINAL:
            raise _unreachable(address, part.with_suffix(""), f"answer {error.code} {error.reason}") from None
        return _FAILED
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise
        return _FAILED


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
"""What a disk answers that takes nothing more: another attempt would load the file for nothing."""


_FAILED = 2**63
"""More bytes than any file has: tells the caller that the file is not whole."""


def _starts_at(answer: Any, have: int) -> bool:
    return str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-")


def _receive(answer: Any, part: Path, have: int, total: int | None, progress: Progress | None) -> None:
    """Append an answer's body to the part file, from byte `have`."""
    done = have
    with part.open("ab" if have else "wb") as stream:
        try:
            while block := answer.read(CHUNK):
                stream.write(block)
                done += len(block)
                if progress is not None:
                    progress(done, total)
        finally:
            _settle(stream)


def _validator_file(part: Path) -> Path:
    return part.with_name(f"{part.name}-of")


def _validator(part: Path) -> str:
    """Return what tells one edition of the publisher's file from another, or "" where it is not known."""
    try:
        return _validator_file(part).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _note_validator(part: Path, answer: Any) -> None:
    """Keep the edition's mark: a strong ETag, else the day of last change; without one a broken file starts anew."""
    tag = answer.headers.get("ETag") or ""
    mark = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified") or ""
    _validator_file(part).write_text(mark, encoding="utf-8")


def _check_arrived(address: str, part: Path, sha256: str, size: int | None) -> None:
    """Check size and checksum of a whole file; remove it where they are wrong."""
    problems = []
    arrived = part.stat().st_size
    if size is not None and arrived != size:
        problems.append(
            Problem(
                address, "the file has another size", got=f"{arrived:,} bytes", expected=f"{size:,} bytes"
            )
        )
    if sha256 and (found := hash_file(part)) != sha256:
        problems.append(
            Problem(
                address,
                "the file has another checksum",
                got=found,
                expected=sha256,
                remedy=(
                    "The publisher may have corrected it: fetch it by hand, look at what changed, and name it in the study with "
                    '`file = "data/…"`.'
                ),
            )
        )
    if problems:
        part.unlink()
        _validator_file(part).unlink(missing_ok=True)
        raise InputError(problems)


def fetch_pages(
    address: str,
    target: Path,
    *,
    progress: Progress | None = None,
    page: int = PAGE,
    attempts: int = ATTEMPTS,
    wait: float = WAIT,
    timeout: float = TIMEOUT,
) -> str:
    """Fetch an ArcGIS layer page by page into one GeoJSON file and return its checksum.

    Pages that arrived are kept beside the target until all are there, so that a broken fetch goes on.

    Args:
        address: Address of the query, without paging.
        target: Where the file belongs.
        progress: Told about bytes; the whole is not known.
        page: Rows asked for at a time; a server may give fewer.
        attempts, wait, timeout: As for `download`.

    Raises:
        MissingError: The publisher cannot be reached.
        InputError: An answer is not a page of features.
    """
    folder = target.with_name(f"{target.name}.pages")
    folder.mkdir(parents=True, exist_ok=True)
    offset, done = 0, 0
    features: list[Any] = []
    while True:
        file = folder / f"{offset:09d}.json"
        if not file.is_file():
            link = f"{address}&resultOffset={offset}&resultRecordCount={page}"
            download(link, file, attempts=attempts, wait=wait, timeout=timeout)
        got, more = _page(address, file, offset)
        features += got
        offset += len(got)
        done += file.stat().st_size
        if progress is not None:
            progress(done, None)
        if not got or not (more or len(got) >= page):
            break
    part = target.with_name(f"{target.name}.part")
    with part.open("w", encoding="utf-8") as stream:
        json.dump({"type": "FeatureCollection", "features": features}, stream, ensure_ascii=False)
        _settle(stream)
    part.replace(target)
    shutil.rmtree(folder)
    return hash_file(target)


def _page(address: str, file: Path, offset: int) -> tuple[list[Any], bool]:
    """Return the features of a page and whether the server says that there are more."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if "error" in data:
            raise ValueError(str(data["error"])[:200])
        features = data["features"]
    except (ValueError, KeyError, TypeError) as error:
        file.unlink()
        raise InputError(
            Problem(
                f"{address}, rows from {offset:,}",
                "the answer is not a page of features",
                got=str(error) or type(error).__name__,
                remedy="Try again later: pages that have arrived are kept.",
            )
        ) from None
    more = bool(
        data.get("exceededTransferLimit") or (data.get("properties") or {}).get("exceededTransferLimit")
    )
    return features, more


__all__ = ["Place", "Progress", "RawFile", "at_hand", "bring", "download", "entry_of", "fetch_pages"]
