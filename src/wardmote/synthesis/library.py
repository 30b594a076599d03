"""Findings from files: the library that comes with Wardmote, CSV and XLSX of a study, RIS records that are still to be read.

Everything comes out as text, row by row, each with the place where it stands, so that `wardmote.synthesis.findings` can judge all rows
together and name the row at fault. Nothing heavy is imported, since a run's ingredients are read before any stage.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from wardmote.errors import InputError, MissingError, Problem
from wardmote.study import SynthesisSpec

RECIPES = Path(__file__).parents[1] / "recipes"
LIBRARIES = RECIPES / "libraries"
"""Folder of the libraries of findings that come with Wardmote, one CSV file each, with their marks of how each figure was seen."""

TAXONOMIES = RECIPES / "taxonomies"
"""Folder of the words for strategies and outcomes, one TOML file each."""

FIELDS: tuple[str, ...] = (
    "study_id", "study", "trial", "authors", "year", "title_short", "doi_or_url", "country", "place_type", "strategy", "intervention",
    "population", "outcome", "design", "effect_metric", "effect", "ci_low", "ci_high", "se", "p", "n", "k_studies",
    "direction_better", "result", "source_url", "seen", "pools", "includes", "check", "risk_of_bias", "cost", "note",
    "mean_1", "sd_1", "n_1", "mean_2", "sd_2", "n_2", "events_1", "events_2", "t", "f", "sign", "change_1", "change_2",
    "correlation", "cluster_size", "icc", "clustered", "finding", "context", "confidence",
)  # fmt: skip
"""Columns that a library may have. `study_id` names the finding; findings of one study share it but for one last letter, or name
the study in `study`. Studies of the same people (one trial or programme that several publications speak of) share `trial`: they are
never taken as independent. A row with `finding` is qualitative."""

Row = dict[str, str]
"""One row as text, with ``where`` (file and row), ``library`` and ``access`` beside its fields."""

MOST_TOLD = 20
"""Problems of one RIS file that are told: more would hide what is wrong with the others."""

NO_LICENCE = "No licence is stated, so what is made from it is treated as private: see `terms`."
"""What is noted of a file without terms."""


def library_names() -> list[str]:
    """Return the names of the libraries that come with Wardmote."""
    return sorted(path.stem for path in LIBRARIES.glob("*.csv"))


def read_evidence(folder: Path, spec: SynthesisSpec) -> dict[str, Any]:
    """Return the rows, the records still to be read and the words of a body of evidence, as plain values.

    Args:
        folder: Folder of the study; files are relative to it.
        spec: The section.

    Returns:
        ``rows`` and ``records`` (lists of text by field), ``doubles`` (how many records stood twice or had been read already), ``sources``
        (rows of the table of that name, without their key) and ``taxonomy`` (strategies and outcomes by id).

    Raises:
        MissingError: A file, library or taxonomy is not there.
        InputError: A file cannot be read, or has columns that are not known; all problems together.
    """
    rows: list[Row] = []
    records: list[Row] = []
    problems: list[Problem] = []
    sources = [(LIBRARIES / f"{spec.library}.csv", spec.library)] if spec.library else []
    sources += [(folder / file, file) for file in spec.files]
    absent = [
        Problem(f"evidence {name}", "there is no such library or file", expected=", ".join(library_names()))
        for path, name in sources
        if not path.is_file()
    ]
    if absent:
        raise MissingError(absent)
    described = []
    for path, name in sources:
        source = _source(path, name, spec)
        described.append(source)
        if path.suffix.lower() == ".ris":
            try:
                found = ris_records(_text(path, name), name)
            except InputError as wrong:
                problems += wrong.problems
                continue
            records += found
        else:
            table = _workbook(path, name) if path.suffix.lower() in (".xlsx", ".xlsm") else _table(path, name)
            found = _rows(table, name, spec.columns, problems)
            rows += found
        for row in found:
            row["access"] = source["access"]
        source["rows_read"] = len(found)
    if problems:
        raise InputError(problems)
    kept, doubles = without_doubles(records, rows)
    return {
        "rows": rows,
        "records": kept,
        "doubles": doubles,
        "sources": described,
        "taxonomy": read_taxonomy(folder, spec.taxonomy),
    }


def _source(path: Path, name: str, spec: SynthesisSpec) -> dict[str, Any]:
    """Return what is known of one file, as a row of the table `sources` but for its key."""
    shipped = path.parent == LIBRARIES
    beside = path.with_suffix(".toml")
    if shipped:
        terms = tomllib.loads(_text(beside, beside.name)) if beside.is_file() else {}
    else:
        stated = spec.terms.get(name)
        terms = stated.model_dump() if stated is not None else {}
    licence = terms.get("licence") or None
    access = terms.get("access") or ("open" if licence else "private")
    return {
        "name": name,
        "publisher": terms.get("publisher") or None,
        "title": terms.get("title") or name,
        "address": f"library {name}, with Wardmote" if shipped else name,
        "licence": licence,
        "access": access,
        "vintage": terms.get("vintage") or None,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "note": NO_LICENCE if licence is None and not terms.get("access") else None,
    }


@cache
def _known_taxonomy(text: str) -> dict[str, Any]:
    """Return a taxonomy from its TOML."""
    return tomllib.loads(text)


def read_taxonomy(folder: Path, name: str) -> dict[str, Any]:
    """Return the words for strategies and outcomes, each with its title.

    Args:
        folder: Folder of the study.
        name: One that comes with Wardmote, or a TOML file of the study.

    Raises:
        MissingError: It is not there.
        InputError: It is no TOML, or lacks strategies or outcomes with titles.
    """
    path = folder / name if name.endswith(".toml") else TAXONOMIES / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in TAXONOMIES.glob("*.toml")))
        raise MissingError(Problem(f"taxonomy {name}", "there is no such taxonomy", expected=known))
    try:
        found = _known_taxonomy(_text(path, name))
    except tomllib.TOMLDecodeError as error:
        raise InputError(Problem(f"taxonomy {name}", "it is not TOML", got=str(error))) from None
    problems = [
        Problem(
            f"taxonomy {name}",
            f"{part} are missing or have no titles",
            expected="[strategies] and [outcomes] with titles",
        )
        for part in ("strategies", "outcomes")
        if not found.get(part) or any("title" not in one for one in found[part].values())
    ]
    if problems:
        raise InputError(problems)
    return found


def ris_records(text: str, name: str) -> list[Row]:
    """Return the records of an RIS file: study, authors, year, title, address; strategy and outcome where keywords name them.

    A record holds no findings: it stands in `studies` with none, still to be read. Lines without a tag go on with the line before.

    Args:
        text: The file.
        name: How errors and rows name it.

    Raises:
        InputError: No record, text outside records, a record that begins before the last has ended, or the last not ended; all
            together, each with its line.
    """
    records: list[Row] = []
    fields: dict[str, list[str]] = {}
    problems: list[Problem] = []
    last = ""
    for number, line in enumerate(text.splitlines(), start=1):
        found = re.match(r"^([A-Z][A-Z0-9])  ?- ?(.*)$", line.rstrip())
        tag, value = (found.group(1), found.group(2).strip()) if found else ("", line.strip())
        wrong = _misplaced(tag, value, fields)
        if wrong:
            got = line.strip() if tag != "TY" else f"record {len(records) + 2}"
            problems.append(_ris_problem(f"evidence {name}, line {number}", wrong, got))
            fields = {} if tag == "TY" else fields
        if tag == "ER":
            records += [_record(fields, name, len(records) + 1)] if fields else []
            fields = {}
        elif tag and (fields or tag == "TY"):
            last = tag
            fields.setdefault(tag, []).append(value)
        elif value and fields:
            fields[last][-1] += f" {value}"
    if fields:
        got = f"record {len(records) + 1}"
        problems.append(_ris_problem(f"evidence {name}", "its last record is not ended", got))
    if not records and not problems:
        problems.append(_ris_problem(f"evidence {name}", "it has no record", "an empty file"))
    if problems:
        raise InputError(problems[:MOST_TOLD])
    return records


def _misplaced(tag: str, value: str, fields: Mapping[str, list[str]]) -> str:
    """Return what is wrong with where a line of an RIS file stands, or ""."""
    if tag == "TY" and fields:
        return "a record begins before the last one ended"
    if tag not in ("TY", "ER") and not fields and (tag or value):
        return "a line stands outside any record"
    return ""


def _ris_problem(where: str, what: str, got: str) -> Problem:
    """Return what is wrong with an RIS file."""
    return Problem(where, what, got[:80], "records that begin with TY  - and end with ER  -")


def _record(fields: dict[str, list[str]], name: str, number: int) -> Row:
    """Return one RIS record as a row."""

    def first(*tags: str) -> str:
        return next((fields[tag][0] for tag in tags if fields.get(tag, [""])[0]), "")

    authors = [one for one in fields.get("AU", fields.get("A1", [])) if one]
    year = re.search(r"\d{4}", first("PY", "Y1", "DA"))
    surname = _letters(authors[0].partition(",")[0]) if authors else ""
    return {
        "where": f"{name}, record {number}",
        "library": name,
        "study": f"{surname or 'anonymous'}{year.group() if year else ''}",
        "authors": "; ".join(authors),
        "year": year.group() if year else "",
        "title_short": first("TI", "T1", "CT"),
        "doi_or_url": f"https://doi.org/{_doi(first('DO')) or first('DO')}"
        if first("DO")
        else first("UR", "L1"),
        "keywords": "; ".join(one for one in fields.get("KW", []) if one),
    }


def _letters(text: str) -> str:
    """Return the letters and figures of a text, small and without accents."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", plain.lower())


def _doi(address: str) -> str:
    """Return the DOI in an address, small, or "" where there is none."""
    found = re.search(r"10\.\d{4,9}/\S+", address.lower())
    return found.group().rstrip(".,;") if found else ""


def without_doubles(records: Iterable[Row], rows: Iterable[Row]) -> tuple[list[Row], int]:
    """Return the records that are not in the library yet, each once, and how many were left out.

    Two are the same where their DOIs are; where one of them has none, where title (letters and figures) and year are.

    Args:
        records: From RIS files.
        rows: Findings: a publication that has given a finding is no longer to be read.
    """
    dois: set[str] = set()
    titles: dict[tuple[str, str], set[str]] = {}

    def known(row: Row) -> bool:
        doi, title = _doi(row.get("doi_or_url", "")), _letters(row.get("title_short", ""))
        same = titles.setdefault((title, row.get("year", "")), set()) if title else set()
        found = doi in dois if doi else False
        # The same title and year with two different DOIs are two publications (a preprint with its own DOI, an erratum).
        found = found or (bool(same) if not doi else "" in same)
        if not found:
            same.add(doi)
            dois.update({doi} - {""})
        return found

    for row in rows:
        known(row)
    kept, left = [], 0
    for record in records:
        if known(record):
            left += 1
        else:
            kept.append(record)
    return kept, left


def _text(path: Path, name: str) -> str:
    """Return a file's text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            Problem(f"evidence {name}", "it is not UTF-8 text", remedy="Save it as CSV with UTF-8.")
        ) from None


def _table(path: Path, name: str) -> Iterator[list[str]]:
    """Return the lines of a CSV file as cells."""
    return iter(list(csv.reader(io.StringIO(_text(path, name)))))


def _workbook(path: Path, name: str) -> Iterator[list[str]]:
    """Return the lines of a workbook's first sheet as text."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises whatever its parsers raise
        raise InputError(
            Problem(f"evidence {name}", "the workbook cannot be read", got=str(error).splitlines()[0])
        ) from error
    lines = [
        ["" if cell is None else str(cell) for cell in line]
        for line in book.worksheets[0].iter_rows(values_only=True)
    ]
    book.close()
    return iter(lines)


def _rows(
    table: Iterable[list[str]], name: str, columns: dict[str, str], problems: list[Problem]
) -> list[Row]:
    """Return the rows of a table under our names, and add what is wrong with its header to the problems."""
    lines = iter(table)
    header = [cell.strip() for cell in next(lines, [])]
    ours = {theirs: mine for mine, theirs in columns.items()}
    names = [ours.get(cell, cell) for cell in header]
    where = f"evidence {name}, header"
    unknown = [cell for cell in names if cell and cell not in FIELDS]
    if unknown:
        problems.append(
            Problem(
                where,
                "columns are not known",
                ", ".join(unknown),
                ", ".join(FIELDS),
                "Rename them with `columns`, or leave them out.",
            )
        )
    missing = [need for need in ("study_id", "strategy", "outcome", "result") if need not in names]
    if "finding" in names and "result" in missing:
        missing.remove("result")
    if missing:
        problems.append(Problem(where, "columns are missing", ", ".join(names), ", ".join(missing)))
    twice = sorted({cell for cell in names if cell and names.count(cell) > 1})
    if twice:
        problems.append(Problem(where, "columns stand twice", ", ".join(twice)))
    rows = []
    for number, line in enumerate(lines, start=2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) > len(header) and any(cell.strip() for cell in line[len(header) :]):
            problems.append(Problem(f"evidence {name}, row {number}", "there are more cells than columns"))
        cells = dict(zip(names, (cell.strip() for cell in line), strict=False))
        rows.append({**cells, "where": f"evidence {name}, row {number}", "library": name})
    return rows
