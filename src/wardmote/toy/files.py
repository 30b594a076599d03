"""The invented county as a study folder: a commented ``study.toml``, its recipes, and the data files that it names."""

from __future__ import annotations

import csv
import io
import json
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wardmote.toy.county import LEVELS, SEED, County, make_county, polygons
from wardmote.toy.elsewhere import finding_rows
from wardmote.toy.indicators import INDICATORS, Indicator
from wardmote.toy.programme import Programme, belonging_rows, cohorts_text, make_programme

if TYPE_CHECKING:
    import pandas as pd

RECIPES = ("deprivation.toml", "community.toml")
"""Recipe files that stand beside the study."""

MISSING = ".."
"""How the county's publishers write a value that is held back or was never collected."""


def write_county(folder: Path, seed: int = SEED) -> None:
    """Write the county's study: ``study.toml``, two recipes, nine data files; the same seed writes the same bytes.

    Args:
        folder: Where to; made where it is absent. Files of the same names are replaced, others stay.
        seed: Seed of the county.
    """
    county = make_county(seed)
    programme = make_programme(county, seed)
    here = Path(__file__).parent
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    template = (here / "study.toml").read_text(encoding="utf-8")
    _write(folder / "study.toml", _study_text(template, seed, programme))
    for recipe in RECIPES:
        _write(folder / recipe, (here / recipe).read_text(encoding="utf-8"))
    files = {
        **county_files(county),
        "belonging.csv": belonging_rows(programme),
        "findings.csv": finding_rows(seed),
    }
    for name, rows in files.items():
        _write(data / name, _csv(rows))
    _write(data / "boundaries.geojson", _geojson(county, LEVELS[0], "patch"))
    _write(data / "boroughs.geojson", _geojson(county, LEVELS[2], "borough"))


def county_files(county: County) -> dict[str, list[dict[str, str]]]:
    """Return the rows of the county's CSV files by file name, each cell as it stands in the file.

    Args:
        county: The county.
    """
    return {
        "areas.csv": _area_rows(county),
        "memberships.csv": _membership_rows(county),
        "deprivation.csv": _value_rows(county, "deprivation"),
        "community.csv": _value_rows(county, "community"),
        "priorities.csv": _priority_rows(county),
    }


def _write(path: Path, text: str) -> None:
    """Write text as UTF-8 with plain line ends on every system, so that bytes and checksums agree."""
    path.write_bytes(text.encode("utf-8"))


def _study_text(template: str, seed: int, programme: Programme) -> str:
    """Return the study with the county's seed, the columns of its files and the areas that the programme supports."""
    text = template.replace(f"seed = {SEED}", f"seed = {seed}")
    for source in ("deprivation", "community"):
        columns = "\n".join(_column_text(item) for item in INDICATORS if item.source == source)
        text = text.replace(f"#COLUMNS {source}\n", columns)
    return text.replace("#COHORTS hubs\n", cohorts_text(programme))


def _column_text(item: Indicator) -> str:
    """Return the settings of one indicator's column."""
    lines = [
        f"[sources.{item.source}.columns.{item.column}]",
        f'indicator = "{item.name}"',
        f"direction = {item.direction:<19}# higher means {'more' if item.direction == 1 else 'less'} need",
        f'title = "{item.title}"',
        f'unit = "{item.unit}"',
    ]
    if item.above_column:
        lines += [f'numerator = "{item.above_column}"', f'denominator = "{_below_column(item)}"']
    if item.note:
        lines.append(f'note = "{item.note}"')
    return "\n".join(lines) + "\n"


def _below_column(item: Indicator) -> str:
    return {"people": "people", "homes": "homes", "workers": "working_age_people"}[item.below]


def _cells(values: pd.Series[Any], digits: int = 0) -> list[str]:
    """Return numbers as they stand in a file; missing ones as the publishers' mark."""
    numbers = values.to_numpy(dtype=float, na_value=float("nan"))
    return [MISSING if isnan(x) else f"{x:.{digits}f}" for x in numbers]


def _area_rows(county: County) -> list[dict[str, str]]:
    small = county.areas[county.areas["level"] == LEVELS[0]]
    columns = {
        "patch": list(small["area"]),
        "patch_name": list(small["name"]),
        "people": _cells(small["population"]),
        "homes": _cells(small["households"]),
    }
    return _rows(columns)


def _membership_rows(county: County) -> list[dict[str, str]]:
    names = dict(zip(county.areas["area"], county.areas["name"], strict=True))
    columns: dict[str, list[str]] = {"patch": list(county.patches)}
    for level in LEVELS[1:]:
        links = county.memberships[county.memberships["parent_level"] == level]
        parent = dict(zip(links["area"], links["parent"], strict=True))
        stem = level.removesuffix("25")
        columns[stem] = [parent[code] for code in county.patches]
        columns[f"{stem}_name"] = [names[code] for code in columns[stem]]
    return _rows(columns)


def _value_rows(county: County, source: str) -> list[dict[str, str]]:
    """Return a wide table: one row an area, one column an indicator, counts beside rates."""
    columns: dict[str, list[str]] = {"patch": list(county.patches)}
    for item in (item for item in INDICATORS if item.source == source):
        values = county.values[county.values["indicator"] == item.name]
        columns[item.column] = _cells(values["value"], 2)
        if item.above_column:
            columns[item.above_column] = _cells(values["numerator"])
            columns[_below_column(item)] = _cells(values["denominator"])
    return _rows(columns)


def _priority_rows(county: County) -> list[dict[str, str]]:
    """Return one row for the county: points and their interval for each thing weighed."""
    table = county.priorities
    columns = {"county": [str(table["area"].iloc[0])]}
    for column, ending in (("weight", ""), ("low", "_low"), ("high", "_high")):
        for name, cell in zip(table["priority"], _cells(table[column], 1), strict=True):
            columns[f"{name}{ending}"] = [cell]
    columns["people_asked"] = _cells(table["respondents"])[:1]
    return _rows(columns)


def _rows(columns: dict[str, list[str]]) -> list[dict[str, str]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _csv(rows: list[dict[str, str]]) -> str:
    """Return rows as CSV with a header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _geojson(county: County, level: str, key: str) -> str:
    """Return boundaries of one level as GeoJSON (RFC 7946: EPSG:4326, outer rings anticlockwise)."""
    names = dict(zip(county.areas["area"], county.areas["name"], strict=True))
    features = []
    for code, rings in county.rings[level].items():
        parts = polygons(rings)
        shape = (
            {"type": "Polygon", "coordinates": parts[0]}
            if len(parts) == 1
            else {"type": "MultiPolygon", "coordinates": parts}
        )
        properties = {key: code, "name": names[code]}
        features.append({"type": "Feature", "properties": properties, "geometry": shape})
    lines = ",\n".join(json.dumps(feature, separators=(",", ":")) for feature in features)
    return f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'
