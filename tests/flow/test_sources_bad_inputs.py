"""Files as people have them: each fault is mended and counted, or refused with file, row, column and what to do.

The list is the one of the issue: byte-order marks, line ends, thousands separators, percent signs, marks of suppression, title rows, dates
that spreadsheets made, codes with spaces, small letters or lost characters, areas that stand twice, totals, other levels, two vintages.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from wardmote import tables
from wardmote.errors import InputError, StudyError, exit_code
from wardmote.levels import known_levels
from wardmote.sources import SourceTables, get_source, read_source
from wardmote.study import ColumnSpec, LevelSpec, SourceSpec

LEVELS = known_levels(
    {"spot": LevelSpec(title="spot", pattern=r"E01\d{6}"), "free": LevelSpec(title="place")}
)
RATE = {"Rate": ColumnSpec(indicator="rate", direction=1, unit="%")}
CLEAN = "Code,Name,Rate\nE01000001,One,1.5\nE01000002,Two,2.5\nE01000003,Three,3.5\n"


def spec_of(file: str = "data.csv", **settings: Any) -> SourceSpec:
    given = {"level": "lsoa21", "area": "Code", "name": "Name", "columns": RATE, "period": "2021", **settings}
    return SourceSpec(file=file, licence="OGL", **given)


def read_spec(folder: Path, spec: SourceSpec) -> SourceTables:
    files = get_source("mine", spec, study_folder=folder, raw_folder=folder / "out/raw", mirror=None)
    result = read_source("mine", spec, files, levels=LEVELS)
    for name in SourceTables.__dataclass_fields__:
        tables.check(name, getattr(result, name))
    return result


def read_text(folder: Path, text: str | bytes, **settings: Any) -> SourceTables:
    data = text.encode() if isinstance(text, str) else text
    (folder / "data.csv").write_bytes(data)
    return read_spec(folder, spec_of(**settings))


def read_cells(folder: Path, rows: list[list[Any]], **settings: Any) -> SourceTables:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(folder / "data.xlsx")
    return read_spec(folder, spec_of("data.xlsx", **settings))


def values(result: SourceTables) -> dict[str, float | None]:
    frame = result.values.astype(object)
    frame = frame.where(frame.notna(), None)
    return dict(zip(frame["area"], frame["value"], strict=True))


def mendings(result: SourceTables) -> dict[tuple[str, str], int]:
    frame = result.mendings
    keys = zip(frame["column"], frame["kind"], strict=True)
    return {key: int(cells) for key, cells in zip(keys, frame["cells"], strict=True)}


EXPECTED = {"E01000001": 1.5, "E01000002": 2.5, "E01000003": 3.5}


def test_a_clean_file_needs_no_mending(tmp_path: Path) -> None:
    result = read_text(tmp_path, CLEAN)
    assert values(result) == EXPECTED
    assert mendings(result) == {}
    assert list(result.area_facts["name"]) == ["One", "Two", "Three"]
    row = result.sources.iloc[0]
    assert (row["rows_read"], row["rows_kept"], row["access"], row["licence"]) == (3, 3, "open", "OGL")
    assert len(row["sha256"]) == 64


MENDED = {
    "byte-order mark": ("\ufeff" + CLEAN, ("*", "byte-order mark"), 1),
    "CRLF": (CLEAN.replace("\n", "\r\n"), None, 0),
    "old line ends": (CLEAN.replace("\n", "\r"), None, 0),
    "semicolons": (CLEAN.replace(",", ";"), None, 0),
    "tabs": (CLEAN.replace(",", "\t"), None, 0),
    "title rows": ("Table 1\nSource: a survey\n\n" + CLEAN, ("*", "title rows"), 3),
    "quoted title over two lines": ('"Table 1\nof 2"\n' + CLEAN, ("*", "title rows"), 1),
    "empty rows": (CLEAN + ",,\n,,\n", ("*", "empty rows"), 2),
    "blank lines": (CLEAN.replace("E01000002", "\nE01000002"), ("*", "empty rows"), 1),
    "notes below": (CLEAN + "Source: ONS,,\n", ("*", "rows of notes"), 1),
    "short note row": (CLEAN + "Source: ONS\n", ("*", "rows of notes"), 1),
    "spaces": (CLEAN.replace("E01000001", " E01 000001 "), ("Code", "spaces in codes"), 1),
    "no-break space": (CLEAN.replace("E01000001", "E01000001\u00a0"), ("Code", "spaces in codes"), 1),
    "small letters": (CLEAN.replace("E0", "e0"), ("Code", "small letters in codes"), 3),
    "decimal commas": (CLEAN.replace(",", ";").replace(".", ","), ("Rate", "decimal commas"), 3),
    "percent signs": (CLEAN.replace(".5", ".5%"), ("Rate", "percent signs"), 3),
    "pound signs": (CLEAN.replace(",3.5", ",£3.5"), ("Rate", "currency signs"), 1),
    "spaces round numbers": (CLEAN.replace("3.5", " 3.5 "), ("Rate", "spaces in numbers"), 1),
    "UTF-16": (CLEAN.encode("utf-16"), None, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", MENDED)
def test_a_mended_file_equals_the_clean_one(tmp_path: Path, name: str) -> None:
    text, note, cells = MENDED[name]
    result = read_text(tmp_path, text)
    assert values(result) == EXPECTED
    assert mendings(result) == ({note: cells} if note else {})
    row = result.sources.iloc[0]
    left_out = sum(
        count for (column, kind), count in mendings(result).items() if "rows" in kind and kind != "title rows"
    )
    assert row["rows_read"] == row["rows_kept"] + left_out


def test_thousands_separators(tmp_path: Path) -> None:
    result = read_text(tmp_path, CLEAN.replace("1.5", '"1,234.5"').replace("3.5", '"-2,000,000"'))
    assert values(result) == {"E01000001": 1234.5, "E01000002": 2.5, "E01000003": -2e6}
    assert mendings(result) == {("Rate", "thousands separators"): 2}


def test_numbers_in_every_plain_writing(tmp_path: Path) -> None:
    written = {
        "+5": 5.0,
        "5.": 5.0,
        ".5": 0.5,
        "-.5": -0.5,
        "+.5e2": 50.0,
        "1E3": 1000.0,
        "007": 7.0,
        "-0": 0.0,
        "+1,000": 1000.0,
    }
    lines = [f'E01{number:06d},x,"{text}"' for number, text in enumerate(written, start=1)]
    result = read_text(tmp_path, "\n".join(["Code,Name,Rate", *lines]))
    assert list(result.values["value"]) == list(written.values())
    assert mendings(result) == {("Rate", "thousands separators"): 1}


@pytest.mark.parametrize("mark", ["..", ":", "*", "c", "x", "-", "n/a", "na", "[c]", "[low]", " .. ", "N/A"])
def test_marks_of_suppression(tmp_path: Path, mark: str) -> None:
    result = read_text(tmp_path, CLEAN.replace("2.5", mark))
    assert values(result) == {**EXPECTED, "E01000002": None}
    assert list(result.values["status"].fillna("")) == ["", "suppressed", ""]
    assert mendings(result) == {("Rate", "suppressed"): 1}


def test_a_mark_that_the_study_names_and_an_empty_cell(tmp_path: Path) -> None:
    result = read_text(tmp_path, CLEAN.replace("2.5", "<5").replace("3.5", ""), suppressed=["<5"])
    assert values(result) == {"E01000001": 1.5, "E01000002": None, "E01000003": None}
    assert list(result.values["status"].fillna("")) == ["", "suppressed", ""]


def test_lost_leading_characters_where_one_code_fits(tmp_path: Path) -> None:
    result = read_text(tmp_path, CLEAN.replace("E01", "1").replace("E0", ""), level="spot")
    assert values(result) == EXPECTED
    assert mendings(result) == {("Code", "lost leading characters"): 3}


def test_lost_zeros(tmp_path: Path) -> None:
    levels = known_levels({"county": LevelSpec(title="county", pattern=r"\d{5}")})
    (tmp_path / "data.csv").write_text("Code,Name,Rate\n1001,Autauga,1\n48001,Anderson,2\n")
    spec = spec_of(level="county")
    files = get_source("mine", spec, study_folder=tmp_path, raw_folder=tmp_path / "raw", mirror=None)
    result = read_source("mine", spec, files, levels=levels)
    assert values(result) == {"01001": 1.0, "48001": 2.0}


def test_totals_duplicates_and_other_levels_are_dropped_and_counted_where_the_study_says_so(
    tmp_path: Path,
) -> None:
    text = CLEAN + "E01000003,Three,3.5\nE02000001,Larger,9\nEngland,,9\n,Total,9\nE92000001,England,9\n"
    result = read_text(tmp_path, text, totals="drop", duplicates="drop identical", other_levels="drop")
    assert values(result) == EXPECTED
    assert mendings(result) == {
        ("*", "areas twice"): 1,
        ("*", "rows of other levels"): 1,
        ("*", "rows of totals"): 3,
    }
    assert (result.sources["rows_read"][0], result.sources["rows_kept"][0]) == (8, 3)


REFUSED = {
    "duplicated area": (CLEAN + "E01000002,Two,2.5\n", {}, "rows 3 and 5, column “Code”: the area stands twice"),
    "duplicates that differ": (
        CLEAN + "E01000002,Two,7\n",
        {"duplicates": "drop identical"},
        "rows 3 and 5, column “Code”: the area stands twice whose rows differ",
    ),
    "total by word": (CLEAN + "Total,,7\n", {}, "row 5, column “Code”: the row holds a total"),
    "total by name": (CLEAN + ",England,7\n", {}, "row 5, column “Code”: the row holds a total"),
    "country code": (CLEAN + "E92000001,,7\n", {}, "row 5, column “Code”: the row holds a total"),
    "another level": (CLEAN + "E02000001,,7\n", {}, "row 5, column “Code”: the code is of another level than lsoa21"),
    "empty code": (CLEAN + ",Four,7\n", {}, "row 5, column “Code”: the code is empty"),
    "broken code": (CLEAN + "E0100000X,Four,7\n", {}, "row 5, column “Code”: the code is not one of the level"),
    "lost start of two": (CLEAN + "1000009,Four,7\n", {}, "Got 1000009; expected E01000009 or W01000009"),
    "text in numbers": (CLEAN.replace("2.5", "high"), {}, "row 3, column “Rate”: text stands where a number is expected. Got 'high'"),
    "infinity": (CLEAN.replace("2.5", "inf"), {}, "row 3, column “Rate”: the number is not finite"),
    "too large": (CLEAN.replace("2.5", "1e999"), {}, "row 3, column “Rate”: the number is not finite"),
    "underscore": (CLEAN.replace("2.5", "1_000"), {}, "row 3, column “Rate”: text stands where a number is expected"),
    "percent and none": (CLEAN.replace("2.5", "25%"), {}, "some numbers of the column carry a percent sign and 2 do not"),
    "comma of either kind": (
        CLEAN.replace(",", ";").replace("2.5", "1,234"),
        {},
        "row 3, column “Rate”: the comma may part thousands or decimals",
    ),
    "code made a date": (CLEAN.replace("E01000002", "02-Sep"), {}, "row 3, column “Code”: a spreadsheet has turned the code into a date"),
    "unknown column": (CLEAN.replace("Rate", "Ratte"), {}, "Did you mean “Ratte”?"),
    "a column twice": (CLEAN.replace("Name", "Rate"), {"name": ""}, "row 1, header: the column “Rate” stands more than once. Got 2, 3"),
    "a whole page in a cell": (CLEAN.replace("2.5", "x" * 500), {}, "x…; expected a number"),
    "a cell beyond all limits": (CLEAN.replace("Two", "x" * 200_000) + "short\n", {}, "data.csv, line 3: the text cannot be parted"),
    "stated header row": (CLEAN, {"header": 2}, "row 2, header: there is no column “Code”"),
    "too many cells": ('x\n' + CLEAN.replace("2.5", "2,5"), {}, "row 4: the row has more cells than the header. Got 4; expected 3"),
    "another encoding": (CLEAN.replace("Two", "Tŵo").encode("utf-16-le")[1:], {}, "there is no column"),
    "not UTF-8": (CLEAN.replace("Two", "Två").encode("cp1252"), {}, "line 3: the file is not UTF-8 text"),
    "no such encoding": (CLEAN, {"encoding": "utf-99"}, "no such encoding"),
    "empty file": ("", {}, "the file is empty"),
    "not a period": (CLEAN.replace("Name", "Year"), {"period_column": "Year", "name": ""}, "row 2, column “Year”: not a period"),
    "vintage by number": (
        CLEAN + "E01034000,New,7\n",
        {"level": "lsoa11"},
        "row 5, column “Code”: the file holds codes of another vintage than lsoa11",
    ),
    "two vintages": (
        "Code,Name,Rate\nE06000063,Cumberland,1\nE07000026,Allerdale,2\n",
        {"level": "lad24"},
        "of another vintage than lad24 (1 such rows). Got E07000026 (not in use since April 2023); expected codes as of 2024",
    ),
    "later vintage": (
        "Code,Name,Rate\nE07000026,Allerdale,2\nE06000063,Cumberland,1\n",
        {"level": "lad19"},
        "Got E06000063 (in use from April 2023)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_fault_is_told_with_file_row_and_column(tmp_path: Path, name: str) -> None:
    text, settings, message = REFUSED[name]
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, text, **settings)
    assert message in str(caught.value)
    assert str(caught.value).startswith("data.csv")
    assert exit_code(caught.value) == 3


def test_all_faults_come_together_and_no_more_than_can_be_read(tmp_path: Path) -> None:
    lines = "".join(f"E01{number:06d},x,bad\n" for number in range(1, 41))
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, "Code,Name,Rate\n" + lines + "Total,,7\n")
    assert len(caught.value.problems) == 21
    assert "and 21 more problems" in str(caught.value)


def test_a_column_that_is_named_twice_is_mended_and_counted_once(tmp_path: Path) -> None:
    text = CLEAN.replace("1.5", '"1,500"').replace("2.5", '"2,500"')
    result = read_text(tmp_path, text, population="Rate")
    assert mendings(result) == {("Rate", "thousands separators"): 2}
    assert list(result.area_facts["population"]) == [1500, 2500, 3.5]


def test_encoding_can_be_stated(tmp_path: Path) -> None:
    result = read_text(tmp_path, CLEAN.replace("Two", "Två").encode("cp1252"), encoding="cp1252")
    assert result.area_facts["name"][1] == "Två"


def test_codes_of_a_level_without_pattern(tmp_path: Path) -> None:
    result = read_text(tmp_path, "Code,Name,Rate\nGB,a,1\n All  Saints,b,2\n12,c,3\n", level="free")
    assert values(result) == {"GB": 1.0, "All Saints": 2.0, "12": 3.0}
    with pytest.raises(InputError, match="the row holds a total"):
        read_text(tmp_path, "Code,Name,Rate\nGB,a,1\nTotal,b,2\n", level="free")


HEADER: list[Any] = ["Code", "Name", "Rate"]


def test_workbook_with_titles_dates_and_a_hidden_whole_number(tmp_path: Path) -> None:
    rows = [
        ["Title"],
        [],
        HEADER,
        ["E01000001", "One", 1.5],
        ["E01000002", "Two", "[c]"],
        ["E01000003", "Three", 3],
    ]
    result = read_cells(tmp_path, rows)
    assert values(result) == {"E01000001": 1.5, "E01000002": None, "E01000003": 3.0}
    assert mendings(result) == {("*", "title rows"): 2, ("Rate", "suppressed"): 1}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [HEADER, [datetime.datetime(2025, 9, 2), "One", 1]],
            "data.xlsx, sheet “Sheet”, row 2, column “Code”: a spreadsheet has turned the code into a date. Got 2025-09-02",
        ),
        (
            [HEADER, ["E01000001", "One", datetime.datetime(2025, 9, 2)]],
            "row 2, column “Rate”: a date stands where a number is expected",
        ),
        ([HEADER, ["E01000001", "One", True]], "row 2, column “Rate”: a yes or no stands where a number is expected"),
        ([HEADER, ["E01000001", "One", "#DIV/0!"]], "row 2, column “Rate”: text stands where a number is expected"),
        ([["a", "b"], ["x", 1]], "there is no column “Code”"),
    ],
)  # fmt: skip
def test_faults_of_workbooks(tmp_path: Path, rows: list[list[Any]], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_cells(tmp_path, rows)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "period"),
    [
        (datetime.datetime(2021, 3, 31), "2021-03-31"),
        (44286, "2021-03-31"),
        (2021, "2021"),
        ("2020/21", "2020/2021"),
        ("2020-21", "2020/2021"),
        ("2019/2021", "2019/2021"),
        ("04/2020-03/2021", "2020-04/2021-03"),
        ("31/03/2021", "2021-03-31"),
        ("March 2021", "2021-03"),
        ("2021-Q1", "2021-Q1"),
        ("2021-03", "2021-03"),
    ],
)
def test_periods_as_people_write_them(tmp_path: Path, cell: Any, period: str) -> None:
    rows = [["Code", "When", "Rate"], ["E01000001", cell, 1.0], ["E01000002", cell, 2.0]]
    result = read_cells(tmp_path, rows, period_column="When", name="", period="")
    assert list(result.values["period"]) == [period, period]


def test_faults_of_the_section_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(CLEAN)
    for settings, message in (
        ({"period": ""}, "no period is stated"),
        ({"period": "2020/21"}, "the period is not ISO 8601. Got 2020/21; expected 2020/2021"),
        ({"columns": {}}, "no column is mapped to an indicator"),
        ({"kind": "memberships"}, "no column of parents is named"),
        ({"kind": "classes", "columns": {}}, "no column of classes is named"),
        ({"layout": "long"}, "a long file needs"),
    ):
        with pytest.raises(StudyError) as caught:
            read_spec(tmp_path, spec_of(**settings))
        assert message in str(caught.value)
        assert exit_code(caught.value) == 2
