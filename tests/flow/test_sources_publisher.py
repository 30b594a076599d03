"""Publishers' own files: small made-up ones in the publishers' layouts, since the real ones cannot be fetched in tests.

Layouts: headers of File 7 and sheets of File 8 of the English indices, census topic summaries, ONS look-ups and ArcGIS layers, as
the notes on official addresses describe them.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pytest

from wardmote import tables
from wardmote.errors import InputError, StudyError
from wardmote.levels import LEVELS
from wardmote.sources import SOURCES, RawFile, SourceTables, get_source, read_source
from wardmote.study import ColumnSpec, SourceSpec

DOMAINS = [
    "Index of Multiple Deprivation (IMD)",
    "Income",
    "Employment",
    "Education, Skills and Training",
    "Health Deprivation and Disability",
    "Crime",
    "Barriers to Housing and Services",
    "Living Environment",
    "Income Deprivation Affecting Children Index (IDACI)",
    "Income Deprivation Affecting Older People (IDAOPI)",
    "Children and Young People Sub-domain",
    "Adult Skills Sub-domain",
    "Geographical Barriers Sub-domain",
    "Wider Barriers Sub-domain",
    "Indoors Sub-domain",
    "Outdoors Sub-domain",
]
RATES = ("Income", "Employment", "Income Deprivation")


def file7(year: str, lad: str, population: str) -> list[list[str]]:
    """Return File 7 with two areas: scores are 0.5 and up, ranks 1 and 2; one header is cut off as in the real file."""
    header = [f"LSOA code ({year})", f"LSOA name ({year})"]
    header += [f"Local Authority District code ({lad})", f"Local Authority District name ({lad})"]
    rows: list[list[str]] = [
        ["E01000001", "A 001A", "E09000001", "A"],
        ["E01000002", "A 001B", "E09000001", "A"],
    ]
    for number, domain in enumerate(DOMAINS):
        rate = " (rate)" if domain.startswith(RATES) else ""
        header += [f"{domain} Score{rate}", f"{domain} Rank (where 1 is most deprived)"]
        header += [f"{domain} Decile (where 1 is most deprived 10% of LSOAs)"]
        rows[0] += [f"{number + 0.5}", "1", "1"]
        rows[1] += [f"{number + 0.25}", "33,755", "10"]
    header[-1] = header[-1][:-3]
    header += [population, "Dependent Children aged 0-15: mid 2015 (excluding prisoners)"]
    header += ["Population aged 16-59: mid 2015 (excluding prisoners)"]
    header += ["Older population aged 60 and over: mid 2015 (excluding prisoners)"]
    header += [
        "Working age population 18-59/64: for use with Employment Deprivation Domain (excluding prisoners)"
    ]
    return [header, *([*row, "1,500", "300", "900", "300", "1,000"] for row in rows)]


def text_of(rows: list[list[str]]) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue()


def raw_of(path: Path) -> tuple[RawFile, ...]:
    return (RawFile(path, "https://example.org/file", "2026-01-01", "0" * 64, "publisher"),)


def read_file(source: str, path: Path, spec: SourceSpec | None = None) -> SourceTables:
    result = read_source("it", spec or SourceSpec(use=source), raw_of(path), levels=LEVELS)
    for name in SourceTables.__dataclass_fields__:
        tables.check(name, getattr(result, name))
    return result


def of(result: SourceTables, area: str) -> dict[str, float]:
    frame = result.values[result.values["area"] == area]
    return dict(zip(frame["indicator"], frame["value"], strict=True))


def test_file_7_of_2025(tmp_path: Path) -> None:
    path = tmp_path / "file7.csv"
    path.write_text(text_of(file7("2021", "2024", "Total population: mid 2022")), encoding="utf-8-sig")
    result = read_file("imd-england-2025", path)
    first = of(result, "E01000001")
    assert len(first) == 20
    assert (first["imd2025-score"], first["imd2025-income-score"], first["imd2025-idaopi-score"]) == (
        0.5,
        1.5,
        9.5,
    )
    assert {name: value for name, value in of(result, "E01000002").items() if name.endswith("rank")} == {
        measure.indicator: 33755.0
        for measure in SOURCES["imd-england-2025"].measures
        if measure.indicator.endswith("rank")
    }
    areas = result.area_facts.set_index(["level", "area"])
    assert areas.loc[("lsoa21", "E01000002"), "population"] == 1500
    assert areas.loc[("lad24", "E09000001"), "name"] == "A"
    assert list(result.membership_facts["parent"]) == ["E09000001", "E09000001"]
    subdomains = of(read_file("imd-england-2025-subdomains", path), "E01000001")
    assert subdomains["imd2025-outdoors-score"] == 15.5
    assert subdomains["imd2025-outdoors-rank"] == 1
    assert len(subdomains) == 12


def test_file_7_of_2019_and_its_denominators(tmp_path: Path) -> None:
    path = tmp_path / "file7.csv"
    path.write_text(text_of(file7("2011", "2019", "Total population: mid 2015 (excluding prisoners)")))
    assert of(read_file("imd-england-2019", path), "E01000001")["imd2019-living-environment-score"] == 7.5
    assert len(of(read_file("imd-england-2019-subdomains", path), "E01000001")) == 12
    people = read_file("imd-england-2019-population", path)
    assert of(people, "E01000001")["imd2019-working-age"] == 1000
    assert set(people.values["period"]) == {"2015"}


@pytest.mark.parametrize(
    ("source", "code"), [("imd-england-2025-indicators", "2021"), ("imd-england-2019-indicators", "2011")]
)
def test_file_8_has_a_sheet_for_each_domain(tmp_path: Path, source: str, code: str) -> None:
    entry = SOURCES[source]
    form = entry.form("publisher")
    assert form is not None
    headers = [field.header for field in form.files[0].layout.fields]
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["File 8", "about", "everything"])
    for number in range(0, len(headers), 6):
        sheet = book.create_sheet(f"IoD Domain {number}")
        some = headers[number : number + 6]
        sheet.append([f"LSOA code ({code})", f"LSOA name ({code})", *some])
        sheet.append(["E01000002", "b", *(number + k + 0.5 for k in range(len(some)))])
        sheet.append(["E01000001", "a", *(None for _ in some)])
    path = tmp_path / "file8.xlsx"
    book.save(path)
    result = read_file(source, path)
    prefix = form.files[0].layout.fields[0].indicator.split("-")[0]
    assert list(of(result, "E01000002").values()) == [number + 0.5 for number in range(len(headers))]
    assert result.values["value"].isna().sum() == len(headers)
    assert all(name.startswith(prefix) for name in result.indicators["indicator"])
    book.remove(book["IoD Domain 6"])
    book.save(path)
    with pytest.raises(InputError, match="there is no column"):
        read_file(source, path)


def test_census_topic_summaries(tmp_path: Path) -> None:
    for number, column, source, what in (
        ("ts001", "Residence type: Total; measures: Value", "census-2021-population", "population"),
        ("ts041", "Number of households", "census-2021-households", "households"),
    ):
        path = tmp_path / f"census2021-{number}.zip"
        text = f'date,geography,geography code,"{column}",other\n2021,Here,E01000001,1475,3\n2021,There,W01000001,900,4\n'
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"census2021-{number}-lsoa.csv", text)
            archive.writestr(f"census2021-{number}-msoa.csv", "date,geography,geography code,x\n")
            archive.writestr("metadata/notes.txt", "notes")
        result = read_file(source, path)
        assert dict(zip(result.area_facts["area"], result.area_facts[what], strict=True)) == {
            "E01000001": 1475,
            "W01000001": 900,
        }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("else.csv", "x\n")
    with pytest.raises(Exception, match="does not hold the one file that is wanted"):
        read_file("census-2021-households", path)
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="cannot be unpacked"):
        read_file("census-2021-households", path)


def test_look_up_that_starts_from_output_areas(tmp_path: Path) -> None:
    path = tmp_path / "oa.csv"
    header = (
        "OA21CD,LSOA21CD,LSOA21NM,LSOA21NMW,MSOA21CD,MSOA21NM,MSOA21NMW,LAD22CD,LAD22NM,LAD22NMW,ObjectId\n"
    )
    line = "{},E01000001,A 001A,,E02000001,A 001,,E09000001,A,,1\n"
    text = header + line.format("E00000001") + line.format("E00000002")
    path.write_text(
        text + "E00000003,E01000002,A 001B,,E02000001,A 001,,E09000001,A,,3\n", encoding="utf-8-sig"
    )
    result = read_file("lsoa21-msoa21", path)
    assert result.membership_facts[["area", "parent", "weight"]].values.tolist() == [
        ["E01000001", "E02000001", 1.0],
        ["E01000002", "E02000001", 1.0],
    ]
    assert sorted(result.area_facts["area"]) == ["E01000001", "E01000002", "E02000001"]
    assert (result.sources["rows_read"][0], result.sources["rows_kept"][0]) == (3, 3)


def test_changes_of_lsoas_are_shared_out(tmp_path: Path) -> None:
    path = tmp_path / "changes.csv"
    text = "LSOA11CD,LSOA11NM,LSOA21CD,LSOA21NM,CHGIND,LAD22CD,LAD22NM,LAD22NMW,ObjectId\n"
    text += "E01000001,a,E01000001,a,U,E09000001,A,,1\n"
    text += "E01000002,b,E01033769,b1,S,E09000001,A,,2\nE01000002,b,E01033770,b2,S,E09000001,A,,3\n"
    text += "E01000003,c,E01033771,d,M,E09000001,A,,4\nE01000004,d,E01033771,d,M,E09000001,A,,5\n"
    path.write_text(text, encoding="utf-8-sig")
    result = read_file("lsoa11-lsoa21", path)
    assert list(result.membership_facts["weight"]) == [1.0, 0.5, 0.5, 1.0, 1.0]
    assert set(result.membership_facts["base"]) == {"areas"}
    assert len(result.area_facts) == 8


def layer(path: Path, rows: list[dict[str, str]], shapes: list[object]) -> None:
    features = [
        {"type": "Feature", "properties": row, "geometry": shape}
        for row, shape in zip(rows, shapes, strict=True)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def test_layers_of_the_geography_portal(tmp_path: Path) -> None:
    path = tmp_path / "layer.geojson"
    row = {"LSOA21CD": "E01000001", "LSOA21NM": "a", "WD24CD": "E05000001", "WD24NM": "w", "WD24NMW": " "}
    row |= {"LAD24CD": "E09000001", "LAD24NM": "A", "LAD24NMW": " "}
    layer(path, [row, {**row, "LSOA21CD": "E01000002"}], [None, None])
    result = read_file("lsoa21-ward24-lad24", path)
    assert sorted(result.membership_facts[["level", "parent_level"]].apply(tuple, axis=1)) == [
        ("lsoa21", "lad24"),
        ("lsoa21", "lad24"),
        ("lsoa21", "ward24"),
        ("lsoa21", "ward24"),
        ("ward24", "lad24"),
    ]
    layer(
        path, [{"LAD24CD": "E09000001", "LAD24NM": "A", "RGN24CD": "E12000007", "RGN24NM": "London"}], [None]
    )
    assert list(read_file("lad24-rgn24", path).membership_facts["parent"]) == ["E12000007"]
    ruc = {
        "LSOA21CD": "E01000001",
        "RUC21CD": "UN1",
        "RUC21NM": "Urban: Nearer to a major town",
        "Urban_rural_flag": "Urban",
    }
    layer(path, [ruc], [None])
    assert dict(read_file("rural-urban-2021", path).classes[["scheme", "class"]].values.tolist()) == {
        "ruc21": "Urban: Nearer to a major town",
        "ruc21-rural": "Urban",
    }


def test_boundary_layers(tmp_path: Path) -> None:
    import shapely

    path = tmp_path / "shapes.geojson"
    square = {"type": "Polygon", "coordinates": [[[0, 51], [1, 51], [1, 52], [0, 52], [0, 51]]]}
    layer(path, [{"LAD24CD": "E09000001", "LAD24NM": "A", "FID": "1"}], [square])
    result = read_file("boundaries-lad24", path)
    assert shapely.from_wkb(result.boundaries["geometry"][0]).bounds == (0, 51, 1, 52)
    layer(
        path,
        [{"LAD24CD": "E09000001", "LAD24NM": "A"}, {"LAD24CD": "E09000002", "LAD24NM": "B"}],
        [square, None],
    )
    with pytest.raises(InputError, match=r"row 2: the area has no shape\. Got E09000002"):
        read_file("boundaries-lad24", path)


def test_names_that_residents_use(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text(
        "msoa21cd,msoa21nm,msoa21nmw,msoa21hclnm,msoa21hclnmw,localauthorityname,type\n"
        "E02000001,City of London 001,,City of London,,City of London,x\n"
    )
    assert list(read_file("msoa21-names", path).area_facts["name"]) == ["City of London"]


CNI = (
    "lsoa21_code,lsoa21_name,Community Needs Index 2023 Score,Community Needs Index 2023 Rank,Civic Assets Domain Score,"
    "Civic Assets Domain Rank,Connectedness Domain Score,Connectedness Domain Rank,Active and Engaged Community Domain Score,"
    "Active and Engaged Community Domain Rank,Left Behind Area?\n"
    "E01026129,Lincoln 007C,251.21,1,1.52,710,118.75,298,137.25,407,TRUE\n"
    "E01011978,Hartlepool 012D,241.11,2,1.64,435,108.58,659,124.78,720,FALSE\n"
)  # fmt: skip


def test_the_users_copy_of_the_community_needs_index(tmp_path: Path) -> None:
    (tmp_path / "cni.csv").write_text(CNI)
    spec = SourceSpec(use="cni-2023", file="cni.csv")
    files = get_source("cni", spec, study_folder=tmp_path, raw_folder=tmp_path / "raw", mirror=None)
    result = read_source("cni", spec, files, levels=LEVELS)
    assert of(result, "E01026129")["cni2023-left-behind"] == 1
    assert of(result, "E01011978")["cni2023-left-behind"] == 0
    assert of(result, "E01011978")["cni2023-connectedness-rank"] == 659
    assert result.sources["access"][0] == "derived-only"
    book = openpyxl.Workbook()
    for row in csv.reader(io.StringIO(CNI)):
        book.active.append(
            [
                cell == "TRUE" if cell in ("TRUE", "FALSE") else float(cell) if cell[0].isdigit() else cell
                for cell in row
            ]
        )
    book.save(tmp_path / "cni.xlsx")
    spec = SourceSpec(use="cni-2023", file="cni.xlsx")
    files = get_source("cni", spec, study_folder=tmp_path, raw_folder=tmp_path / "raw", mirror=None)
    again = read_source("cni", spec, files, levels=LEVELS)
    assert of(again, "E01026129") == of(result, "E01026129")


def test_access_of_a_set_cannot_become_freer_without_a_licence(tmp_path: Path) -> None:
    (tmp_path / "cni.csv").write_text(CNI)
    for settings, access in (
        ({"access": "open"}, "derived-only"),
        ({"access": "open", "licence": "by letter"}, "open"),
    ):
        spec = SourceSpec(use="cni-2023", file="cni.csv", **settings)
        files = get_source("cni", spec, study_folder=tmp_path, raw_folder=tmp_path / "raw", mirror=None)
        assert read_source("cni", spec, files, levels=LEVELS).sources["access"][0] == access


def test_a_study_takes_some_indicators_and_renames_columns(tmp_path: Path) -> None:
    (tmp_path / "cni.csv").write_text(
        CNI.replace("Community Needs Index 2023 Rank", "Overall rank").replace("lsoa21_code", "LSOA")
    )
    spec = SourceSpec(
        use="cni-2023",
        file="cni.csv",
        area="LSOA",
        indicators=["cni2023-rank", "cni2023-civic-assets-rank"],
        columns={"Overall rank": ColumnSpec(indicator="cni2023-rank", direction=-1)},
    )
    files = get_source("cni", spec, study_folder=tmp_path, raw_folder=tmp_path / "raw", mirror=None)
    assert of(read_source("cni", spec, files, levels=LEVELS), "E01026129") == {
        "cni2023-rank": 1,
        "cni2023-civic-assets-rank": 710,
    }
    for wrong, message in (
        (spec.model_copy(update={"indicators": ["cni2023-ranks"]}), "cni2023-rank"),
        (
            spec.model_copy(update={"columns": {"x": ColumnSpec(indicator="other", direction=1)}}),
            "no such indicator",
        ),
    ):
        with pytest.raises(StudyError, match=message):
            read_source("cni", wrong, files, levels=LEVELS)


def test_a_users_file_that_fits_no_layout_of_the_set_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "cni.csv").write_text(CNI.replace("Left Behind Area?", "Left"))
    spec = SourceSpec(use="cni-2023", file="cni.csv")
    files = get_source("cni", spec, study_folder=tmp_path, raw_folder=tmp_path / "raw", mirror=None)
    with pytest.raises(InputError, match=r"cni\.csv, row 1, header: there is no column “Left Behind Area\?”"):
        read_source("cni", spec, files, levels=LEVELS)
