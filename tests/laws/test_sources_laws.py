"""Laws of reading: a mended input equals the clean one, the two readers of text agree, and no row is lost."""

from __future__ import annotations

import csv
import io
import string
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.levels import known_levels
from wardmote.sources import SourceTables, get_source, read_source
from wardmote.sources import read as reading
from wardmote.sources.catalogue import Layout, Place, normal_header
from wardmote.sources.mend import iso_period
from wardmote.study import ColumnSpec, LevelSpec, SourceSpec

LEVELS = known_levels({"spot": LevelSpec(title="spot", pattern=r"E01\d{6}")})
QUICK = settings(max_examples=30, deadline=None)

Row = tuple[str, str, float | None, float | None]

numbers = st.one_of(
    st.none(),
    st.integers(-(10**9), 10**9).map(float),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda number: round(number, 4)),
)
names = st.text(string.ascii_letters + " ,'é\"", min_size=1, max_size=12).map(
    lambda text: text.strip() or "x"
)


@st.composite
def clean_tables(draw: st.DrawFn) -> list[Row]:
    codes = draw(st.lists(st.integers(1, 999999), min_size=1, max_size=12, unique=True))
    return [(f"E01{code:06d}", draw(names), draw(numbers), draw(numbers)) for code in codes]


def text_of(number: float | None) -> str:
    if number is None:
        return ""
    return str(int(number)) if number.is_integer() else f"{number:.4f}".rstrip("0")


def write_csv(rows: list[list[str]], delimiter: str = ",", end: str = "\n") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator=end).writerows(rows)
    return stream.getvalue()


HEADER = ["Area code", "Area name", "Count of things", "Share"]


def clean_text(rows: list[Row]) -> str:
    return write_csv([HEADER, *([code, name, text_of(one), text_of(two)] for code, name, one, two in rows)])


def dirty_text(draw: st.DrawFn, rows: list[Row]) -> bytes:
    """Return the same table with faults that can be mended."""
    delimiter = draw(st.sampled_from([",", ";", "\t"]))
    comma = delimiter == ";" and draw(st.booleans())
    percent = draw(st.booleans())
    body: list[list[str]] = []
    for code, name, one, two in rows:
        cells = [draw(dirty_codes(code)), draw(st.sampled_from([name, f" {name} "]))]
        cells.append(draw(dirty_numbers(one, comma=comma, thousands=delimiter != ";")))
        share = draw(dirty_numbers(two, comma=comma, thousands=False))
        cells.append(f"{share}%" if percent and two is not None else share)
        body.append(cells)
        if draw(st.integers(0, 9)) == 0:
            body.append(["", "", "", ""])
    titles = [
        [title] for title in draw(st.lists(st.sampled_from(["Table 1", "", "Source, 2021"]), max_size=3))
    ]
    notes = [
        [note, "", "", ""] for note in draw(st.lists(st.sampled_from(["Source: ONS", "Note 1"]), max_size=2))
    ]
    text = write_csv([*titles, HEADER, *body, *notes], delimiter, draw(st.sampled_from(["\n", "\r\n"])))
    return (b"\xef\xbb\xbf" if draw(st.booleans()) else b"") + text.encode()


def dirty_codes(code: str) -> st.SearchStrategy[str]:
    return st.sampled_from(
        [
            code,
            f" {code}",
            f"{code}\u00a0",
            f"{code[:3]} {code[3:]}",
            code.lower(),
            code[1:],
            code[2:],
            f"\t{code} ",
        ]
    )


@st.composite
def dirty_numbers(draw: st.DrawFn, number: float | None, *, comma: bool, thousands: bool) -> str:
    if number is None:
        return draw(st.sampled_from(["", "..", ":", "*", "c", "n/a", "-", "[x]", " "]))
    text = text_of(number)
    if thousands and draw(st.booleans()):
        whole, dot, rest = text.partition(".")
        text = f"{int(whole):,}{dot}{rest}" if whole not in ("-0",) else text
    if comma:
        text = text.replace(".", ",")
    if text.startswith("-") and draw(st.booleans()):
        text = f"\u2212{text[1:]}"
    return draw(st.sampled_from([text, f" {text} "]))


def read_bytes(data: bytes, **settings: Any) -> SourceTables:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data.csv").write_bytes(data)
        spec = SourceSpec(
            file="data.csv",
            level="spot",
            area="Area code",
            name="Area name",
            period="2021",
            columns={
                "Count of things": ColumnSpec(indicator="count", direction=1),
                "Share": ColumnSpec(indicator="share", direction=-1, unit="%"),
            },
            **settings,
        )
        files = get_source("mine", spec, study_folder=folder, raw_folder=folder / "raw", mirror=None)
        return read_source("mine", spec, files, levels=LEVELS)


def facts(result: SourceTables) -> tuple[list[Any], list[Any]]:
    values = result.values[["indicator", "area", "period", "value"]].astype(object)
    areas = result.area_facts[["area", "name"]].astype(object)
    return values.where(values.notna(), None).values.tolist(), areas.where(
        areas.notna(), None
    ).values.tolist()


@QUICK
@given(st.data())
def test_a_mended_input_equals_the_clean_one(data: st.DataObject) -> None:
    rows = data.draw(clean_tables())
    clean = read_bytes(clean_text(rows).encode())
    dirty = data.draw(st.composite(dirty_text)(rows))
    assert facts(read_bytes(dirty)) == facts(clean)


@QUICK
@given(clean_tables(), st.integers(0, 3), st.booleans())
def test_rows_in_are_rows_kept_and_rows_left_out(rows: list[Row], totals: int, twice: bool) -> None:
    body = [[code, name, text_of(one), text_of(two)] for code, name, one, two in rows]
    more = [["Total", "", "1", "2"]] * totals + [body[0]] * twice + [["E02000001", "", "1", "2"]]
    text = write_csv([HEADER, *body, *more]).encode()
    result = read_bytes(text, totals="drop", duplicates="drop identical", other_levels="drop")
    dropped = int(result.mendings["cells"][result.mendings["column"] == "*"].sum())
    assert int(result.sources["rows_read"][0]) == len(body) + len(more)
    assert int(result.sources["rows_kept"][0]) == len(rows)
    assert dropped == len(more)


@QUICK
@given(
    st.lists(
        st.lists(st.text(string.ascii_letters + ' ",\n', max_size=6), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    )
)
def test_the_two_readers_of_text_agree(rows: list[list[str]]) -> None:
    header = ["a", "b", "c"]
    text = write_csv([header, *rows])
    found = {"a": 0, "b": 1, "c": 2}
    quick = reading._fast_columns(text, ",", 0, found, 3)
    slow, count, short = reading._slow_columns(text, ",", 0, found, headers=("a", "b", "c"), name="x")
    assert (count, short) == (len(rows), [])
    if quick is not None:
        assert quick[1] == count
        assert {key: column.to_pylist() for key, column in quick[0].items()} == {
            key: column.to_pylist() for key, column in slow.items()
        }


@QUICK
@given(st.text(max_size=30))
def test_headers_are_compared_without_signs_and_case(text: str) -> None:
    assert normal_header(text) == normal_header(f"  {text} ") == normal_header(normal_header(text))
    assert (
        normal_header("Core homelessness (rate, % of households)")
        == "core-homelessness-rate-percent-of-households"
    )


@QUICK
@given(st.integers(1900, 2100), st.integers(1, 12), st.integers(1, 28))
def test_a_period_that_is_iso_stays_and_mending_twice_changes_nothing(
    year: int, month: int, day: int
) -> None:
    for text in (f"{year}", f"{year}-{month:02d}", f"{year}-{month:02d}-{day:02d}", f"{year}/{year + 1}"):
        assert iso_period(text) == (text, "")
    for text in (f"{day:02d}/{month:02d}/{year}", f"{year}.0", f"{year}/{(year + 1) % 100:02d}"):
        read = iso_period(text)
        if read is not None:
            assert iso_period(read[0]) == (read[0], "")


@pytest.mark.parametrize("text", ["", "x", "2021-13", "20-21", "2021/20", "99999", "32/01/2021", "2021-Q5"])
def test_what_is_no_period_is_refused(text: str) -> None:
    assert iso_period(text) is None


def test_a_layout_lists_each_header_once() -> None:
    layout = Layout((Place("lsoa21", "Code", "Name"), Place("lad24", "LAD", "Name")), population="People")
    assert layout.headers == ("Code", "Name", "LAD", "People")
