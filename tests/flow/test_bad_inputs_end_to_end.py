"""Bad inputs through the command line, as a person meets them: message, exit code, and earlier results untouched.

The small study of `wardmote new` has run once; then its file of figures, or its settings, are spoilt in one way. What each reader says
in detail is tested in `test_sources_bad_inputs.py`; here it is that a whole run ends in a sentence and harms nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from wardmote import cli

Speak = Callable[..., tuple[int, str, str]]

STARTER = Path(cli.__file__).parent / "starter"
CSV = (STARTER / "figures.csv").read_text(encoding="utf-8")
TOML = (STARTER / "study.toml").read_text(encoding="utf-8")
LINES = CSV.splitlines()
HARBOUR = "P01,Harbour,4100,14.2,56.1,0.7,0.2"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad") / "study"
    for words in (["new", str(folder), "--quiet"], ["run", "--study", str(folder), "--quiet"]):
        with pytest.raises(SystemExit) as left:
            cli.main(words)
        assert left.value.code == 0
    return folder


@pytest.fixture
def folder(once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once, tmp_path / "study"))


def results(folder: Path) -> dict[str, str]:
    """Return the bytes of all that was made from the sources."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted((folder / "out" / "tables").glob("*.parquet"))
        if ".sources." not in file.name
    }


def constant(column: int) -> str:
    rows = [line.split(",") for line in LINES]
    return "\n".join([LINES[0]] + [",".join([*row[:column], "5", *row[column + 1 :]]) for row in rows[1:]])


BAD_FILES: dict[str, tuple[str | bytes, int, str]] = {
    "some percent signs": (CSV.replace("14.2", "14.2%"), 3, "row 3, column “out_of_work”: some numbers of the column carry a percent"),
    "an area twice": (CSV + HARBOUR + "\n", 3, "rows 2 and 12, column “code”: the area stands twice"),
    "a row of totals": (CSV + "Total,,36000,8.4,61.4,2.4,0.8\n", 3, "row 12, column “code”: the row holds a total"),
    "a code of nothing": (CSV.replace("P03", "Q03"), 3, "row 4, column “code”: the code is not one of the level"),
    "text": (CSV.replace("14.2", "about 14"), 3, "row 2, column “out_of_work”: text stands where a number"),
    "decimal comma in one cell": (CSV.replace("14.2", '"14,2"'), 3, "row 2, column “out_of_work”"),
    "infinity": (CSV.replace("14.2", "inf"), 3, "row 2, column “out_of_work”: the number is not finite"),
    "fewer than no people": (CSV.replace("4100", "-4100"), 3, "row 2, column “people”: the number cannot be. Got -4100"),
    "not UTF-8": (CSV.replace("Quarry", "Café").encode("cp1252"), 3, "line 8: the file is not UTF-8 text"),
    "nothing": ("", 3, "figures.csv: the file is empty"),
    "a header alone": (LINES[0] + "\n", 3, "figures.csv: no row holds an area. Got 0 rows"),
    "a header twice": (CSV.replace("clubs,meeting_places", "clubs,clubs"), 3, "there is no column “meeting_places”"),
    "a column misspelt": (CSV.replace("clubs", "clubz"), 3, "there is no column “clubs”. Got “clubz”"),
    "a cell too many": (CSV.replace("Northfield,", "Northfield,x,"), 3, "row 4: the row has more cells than the header"),
    "a quotation mark left open": (CSV.replace("Old Mill", '"Old Mill'), 3, "line 3: a quotation mark opens a cell and is never closed"),
    "a constant indicator": (constant(3), 4, "'work' has one value only"),
    "no values": (CSV.replace(",14.2", ",").replace("out_of_work", "other_name"), 3, "there is no column “out_of_work”"),
    "numbers beyond all measure": (
        CSV.replace("14.2", "1e308").replace(",9.5,", ",1e308,"),
        4,
        "(zscore): the numbers cannot be calculated with. Got work with values up to 1e+308",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_ends_in_a_sentence_and_leaves_results_as_they_were(
    speak: Speak, folder: Path, name: str
) -> None:
    data, code, text = BAD_FILES[name]
    before = results(folder)
    (folder / "figures.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    found, _, said = speak("run", "--study", folder)
    assert found == code
    assert text in said
    told = said.splitlines()
    assert len(set(told)) == len(told), "two sources read this file; a fault is told once"
    assert results(folder) == before
    assert speak("explain", "P01", "--study", folder)[0] == 0


BAD_SETTINGS: dict[str, tuple[str, str, int, str]] = {
    "not TOML": ("[study]", "[study", 2, "study.toml: the file is not TOML"),
    "unknown keys": ("seed = 1 ", "sead = 1 ", 2, "line 14, study.sead: unknown key"),
    "wrong type": ("share = 0.2", 'share = "a fifth"', 2, "line 98, need.both.share: the value is not allowed. Got 'a fifth'"),
    "share above one": ("share = 0.2", "share = 1.5", 2, "Got 1.5; expected less than 1"),
    "seed below nought": ("seed = 1 ", "seed = -1 ", 2, "study.seed: the value is not allowed. Got -1"),
    "unknown level": ('levels = ["place"]', 'levels = ["plaice"]', 2, "study.levels: no such level. Got plaice; expected place"),
    "pattern": (r"P\d{2}", r"P(\d{2}", 2, "level.place.pattern: the pattern cannot be read"),
    "weights sum to nought": ("weight = 2", "weight = 0", 2, "the weights of the children of deprivation sum to 0"),
    "weight below nought": ("weight = 2", "weight = -2", 2, "index.deprivation.tree.work: the weight is not a weight"),
    "no root": ('{ node = "deprivation" }', '{ node = "deprivation", parent = "work" }', 2, "an index has exactly one root"),
    "a circle": (
        '{ node = "deprivation" },',
        '{ node = "deprivation" }, { node = "a", parent = "b" }, { node = "b", parent = "a" },',
        2,
        "index.deprivation.tree.a: the node hangs in a circle",
    ),
    "a mean below nought": ('"arithmetic"', '"geometric"', 4, "the mean is not defined for. Got 6, the first -0.368496 in P04"),
    "no such index": ('deprivation = "deprivation"', 'deprivation = "depr"', 2, "need.both.deprivation: no such index. Got depr"),
    "no such file": ('file = "figures.csv"', 'file = "figs.csv"', 5, "sources.places, file: the file is not there"),
    "no such set": ('file = "figures.csv"\nlevel', 'use = "imd-england-2099"\nlevel', 2, "no such official set. Got imd-england-2099"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_bad_settings_end_in_a_sentence_and_leave_results_as_they_were(
    speak: Speak, folder: Path, name: str
) -> None:
    old, new, code, text = BAD_SETTINGS[name]
    assert old in TOML
    before = results(folder)
    changed = TOML.replace(old, new, 1) if "weight" in old else TOML.replace(old, new)
    if name == "weights sum to nought":
        changed = changed.replace("weight = 1,", "weight = 0,", 1)
    (folder / "study.toml").write_text(changed, encoding="utf-8")
    found, _, said = speak("run", "--study", folder)
    assert (found, text in said) == (code, True), said
    assert results(folder) == before


MENDED = {
    "byte-order mark": ("\ufeff" + CSV, "The byte-order mark at the start of the file was removed. (once)"),
    "title rows": ("Figures of 2024\n\n" + CSV, "2 rows above the header (row 3) were left out. (2 times)"),
    "thousands": (CSV.replace("4100", '"4,100"'), "(once in column “people”)"),
    "codes": (CSV.replace("P01", " P01").replace("P02", "P02 "), "(2 times in column “code”)"),
    "short rows": (CSV.replace(",0.5\n", "\n"), "were read as if their last cells were empty. (once)"),
}  # fmt: skip


@pytest.mark.parametrize("name", MENDED)
def test_what_was_mended_is_told_with_its_count(speak: Speak, folder: Path, name: str) -> None:
    text, sentence = MENDED[name]
    before = results(folder)
    (folder / "figures.csv").write_text(text, encoding="utf-8")
    code, said, _ = speak("run", "--study", folder)
    assert code == 0
    assert sentence in said
    assert (results(folder) == before) == (name != "short rows")


def test_a_workbook_whose_codes_lost_their_letters_or_whose_number_became_a_date(
    speak: Speak, folder: Path
) -> None:
    import datetime

    (folder / "study.toml").write_text(TOML.replace("figures.csv", "figures.xlsx"), encoding="utf-8")
    book = openpyxl.Workbook()
    for place, line in enumerate(LINES):
        code, name, *rest = line.split(",")
        book.active.append([code, name, *(float(cell) if place else cell for cell in rest)])
    book.active["D4"] = datetime.datetime(2024, 3, 5)
    book.save(folder / "figures.xlsx")
    code, _, said = speak("run", "--study", folder)
    assert code == 3
    assert "sheet “Sheet”, row 4, column “out_of_work”: a date stands where a number is expected" in said
    book.active["D4"] = 12.8
    for row in range(2, 12):
        book.active.cell(row, 1, row - 1)
    book.save(folder / "figures.xlsx")
    code, _, said = speak("run", "--study", folder)
    assert code == 3
    assert (
        "row 2, column “code”: the code has lost its first characters, and more than one code ends so" in said
    )


def test_names_of_any_writing_come_out_whole_on_terminal_and_page(speak: Speak, folder: Path) -> None:
    names = CSV.replace("Harbour", '"<b>Har""bour</b>,\nNorth"').replace("Northfield", "Ynys Môn – Tŷ'r Ŵyl")
    (folder / "figures.csv").write_text(names, encoding="utf-8")
    code, said, _ = speak("run", "--study", folder)
    assert code == 0
    assert "were replaced by a space in names. (once in column “name”)" in said
    assert speak("explain", "P01", "--study", folder)[1].startswith('<b>Har"bour</b>, North (P01, place')
    assert speak("explain", "Ynys Môn – Tŷ'r Ŵyl", "--study", folder)[0] == 0
    assert speak("publish", "site", "--study", folder)[0] == 0
    page = (folder / "out" / "site" / "full" / "index.html").read_text(encoding="utf-8")
    assert "<b>Har" not in page
    assert "Ynys Môn – Tŷ&#39;r Ŵyl" in page


def test_a_study_file_with_a_byte_order_mark_is_read(speak: Speak, folder: Path) -> None:
    (folder / "study.toml").write_text("\ufeff" + TOML, encoding="utf-8")
    assert speak("run", "--study", folder)[0] == 0


def test_one_area_cannot_be_ranked_and_says_why(speak: Speak, folder: Path) -> None:
    (folder / "figures.csv").write_text("\n".join(LINES[:2]), encoding="utf-8")
    code, _, said = speak("run", "--study", folder)
    assert code == 4
    assert "'work' has one value only" in said


def test_two_and_three_areas_make_a_study(speak: Speak, folder: Path) -> None:
    for count in (2, 3):
        (folder / "figures.csv").write_text("\n".join(LINES[: count + 1]), encoding="utf-8")
        code, said, _ = speak("run", "--study", folder)
        assert code == 0
        assert "No places are in the greatest-need tenth of this index.\n" in said


def test_a_folder_that_cannot_be_written_is_told(speak: Speak, folder: Path) -> None:
    shutil.rmtree(folder / "out")
    (folder / "out").write_text("a file of mine", encoding="utf-8")
    code, _, said = speak("run", "--study", folder)
    assert code == 8
    assert "the derived files cannot be written" in said
    assert (folder / "out").read_text(encoding="utf-8") == "a file of mine"


def test_a_full_disk_is_told_and_loses_nothing(
    speak: Speak, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wardmote import workspace

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = results(folder)
    (folder / "figures.csv").write_text(CSV.replace("14.2", "19"), encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(workspace, "write_parquet", full)
        code, _, said = speak("run", "--study", folder)
    assert code == 8
    assert "No space left on device. Make room" in said
    assert results(folder) == before
    assert speak("run", "--study", folder)[0] == 0
    assert results(folder) != before


def test_two_sources_of_one_shape_are_refused(speak: Speak, folder: Path) -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    features = [{"type": "Feature", "properties": {"code": "P01"}, "geometry": square}]
    shapes = json.dumps({"type": "FeatureCollection", "features": features})
    section = '[sources.{0}]\nkind = "boundaries"\nfile = "{0}.geojson"\nlevel = "place"\narea = "code"\nlicence = "CC0-1.0"\n'
    for name in ("old", "new"):
        (folder / f"{name}.geojson").write_text(shapes, encoding="utf-8")
    (folder / "study.toml").write_text(TOML + section.format("old"), encoding="utf-8")
    assert speak("run", "--study", folder)[0] == 0
    before = results(folder)
    both = TOML + section.format("old") + section.format("new")
    (folder / "study.toml").write_text(both, encoding="utf-8")
    for _ in range(2):  # it does not go away by running again
        code, _, said = speak("run", "--study", folder)
        assert code == 3
        assert "table boundaries: several sources speak of the same area (one area)." in said
        assert "Got P01 of place, from new and old" in said
        assert results(folder) == before


def test_a_place_that_no_lookup_places_is_told(speak: Speak, folder: Path) -> None:
    hubs = """
[level.hub]
title = "hub"
[sources.hubs]
kind = "memberships"
file = "hubs.csv"
level = "place"
area = "code"
parents = { hub = "hub" }
licence = "CC0-1.0"
"""
    rows = "".join(f"P{number:02d},H{number % 2}\n" for number in range(2, 11))
    (folder / "hubs.csv").write_text(f"code,hub\n{rows}", encoding="utf-8")
    text = TOML.replace('levels = ["place"]', 'levels = ["place", "hub"]') + hubs
    (folder / "study.toml").write_text(text, encoding="utf-8")
    code, said, _ = speak("run", "--study", folder)
    assert code == 0
    assert "In none of the hubs by any lookup: one place.\n" in said
