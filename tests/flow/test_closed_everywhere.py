"""Whatever is published of a study with closed sources (pages, data, pictures' words, report) holds none of their figures or texts, in any
usual rounding, and no system of sums on all of it has one as its solution."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wardmote.pipeline import run
from wardmote.publish import FrameTables, publish_data, publish_report, publish_site
from wardmote.publish import report as reports
from wardmote.publish.closing import open_tables
from wardmote.study import read_study
from wardmote.workspace import Workspace

PLACES, OPEN_PEOPLE = 26, 14

STUDY = """
[study]
id = "shut"
title = "Shut"
seed = 3
levels = ["place", "district", "region"]
[level.place]
title = "place"
[level.district]
title = "district"
[level.region]
title = "region"
[sources.places]
file = "open.csv"
kind = "areas"
level = "place"
area = "code"
population = "people"
licence = "CC0-1.0"
access = "open"
[sources.named]
file = "shut.csv"
kind = "areas"
level = "place"
area = "code"
name = "label"
population = "people"
licence = "C"
access = "derived-only"
[sources.inside]
file = "open.csv"
kind = "memberships"
level = "place"
area = "code"
parents = {district = "district", region = "region"}
licence = "CC0-1.0"
access = "open"
[sources.figures]
file = "open.csv"
level = "place"
area = "code"
period = "2024"
licence = "CC0-1.0"
access = "open"
[sources.figures.columns.a]
indicator = "ind-a"
direction = 1
title = "Alpha"
[sources.figures.columns.b]
indicator = "ind-b"
direction = 1
title = "Beta"
[sources.secret]
file = "shut.csv"
level = "place"
area = "code"
period = "2024"
title = "Secret figures"
licence = "C"
access = "derived-only"
[sources.secret.columns.c]
indicator = "sec-c"
direction = 1
title = "Gamma"
[sources.secret.columns.d]
indicator = "sec-d"
direction = 1
title = "Delta"
[index.one]
title = "One"
tree = [{node = "root"}, {node = "la", parent = "root", indicator = "ind-a"}, {node = "lc", parent = "root", indicator = "sec-c"}]
steps = [{id = "n", do = "normalise", on = "leaves", method = "zscore"}, {id = "c", do = "aggregate", on = "root", method = "arithmetic"}]
[index.one.summarise]
levels = ["district", "region"]
measures = ["average score", "average rank", "proportion", "extent"]
[index.two]
title = "Two"
tree = [
    {node = "root"},
    {node = "lb", parent = "root", indicator = "ind-b"},
    {node = "lc", parent = "root", indicator = "sec-c"},
    {node = "ld", parent = "root", indicator = "sec-d"},
]
steps = [{id = "n", do = "normalise", on = "leaves", method = "zscore"}, {id = "c", do = "aggregate", on = "root", method = "arithmetic"}]
[need.both]
deprivation = "one"
community = "two"
share = 0.2
[uncertainty.main]
index = ["one", "two"]
draws = 16
factors = [{path = "weights.children of root", spread = 0.25}]
[round.five]
title = "Five"
level = "place"
measure = [{indicator = "sec-c"}]
places = 5
award = {by = "sec-d", rate = 1000.0}
budget = 9000000
show_by = ["district", "region"]
groups_of_people = ["sec-d"]
[round.six]
title = "Six"
level = "place"
measure = [{indicator = "sec-c"}]
places = 6
award = {by = "sec-d", rate = 1000.0}
[round.heads]
title = "Heads"
level = "place"
measure = [{index = "two"}]
places = 7
award = {by = "population", rate = 3.0}
show_by = ["district"]
[publish]
contact = "ask@example.org"
"""


def districts() -> list[str]:
    """Return the district of each place: of two regions one has a district with a single place beside one with several."""
    return ["D0", *["D1"] * 5, *["D2"] * 9, *["D3"] * 8, *["D4"] * 3]


def regions() -> list[str]:
    return ["R0" if name in ("D0", "D1") else "R1" for name in districts()]


def written(folder: Path, open_people: int) -> pd.DataFrame:
    """Write a study in which an open source counts the people of some places, run it, and return the closed file."""
    rng = np.random.default_rng(11)
    codes = [f"P{i:02}" for i in range(PLACES)]
    open_ = pd.DataFrame({"code": codes, "district": districts(), "region": regions()})
    people = rng.integers(20_000, 90_000, PLACES)
    open_["people"] = [people[i] if i >= PLACES - open_people else None for i in range(PLACES)]
    open_["a"], open_["b"] = (rng.normal(50, 9, PLACES).round(3) for _ in "ab")
    shut = pd.DataFrame({"code": codes, "people": people})
    shut["label"] = [f"Zyxquil {i:02}" for i in range(PLACES)]
    shut["c"], shut["d"] = (rng.uniform(900, 990, PLACES).round(3) for _ in "cd")
    shut.loc[0, "c"] = 987.123
    open_.to_csv(folder / "open.csv", index=False)
    shut.to_csv(folder / "shut.csv", index=False)
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    run(folder)
    return shut


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """Return the folder of a study with everything published, and its closed file."""
    folder = tmp_path_factory.mktemp("shut")
    shut = written(folder, OPEN_PEOPLE)
    workspace, study = Workspace(folder), read_study(folder)
    publish_site(workspace, study, workspace.site)
    publish_data(workspace, study, workspace.data_package)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reports, "compile_pdf", lambda content, day: json.dumps(content).encode())
        patch.setattr(reports, "pages_of", lambda made: 1)
        publish_report(workspace, study, folder / "report")
        publish_report(workspace, study, folder / "report", place="P03")
    return folder, shut


def unpacked(name: str, content: bytes) -> Iterable[tuple[str, str]]:
    """Yield the texts in a file: of workbooks and archives those of their members, of Parquet its rows."""
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for one in archive.namelist():
                yield from unpacked(f"{name}!{one}", archive.read(one))
    elif name.endswith(".parquet"):
        frame = pd.read_parquet(io.BytesIO(content))
        yield name, frame.to_csv()
    else:
        yield name, content.decode("utf-8", errors="replace")


def published(folder: Path) -> dict[str, str]:
    files = [*(folder / "out" / "site").rglob("*"), *(folder / "out" / "data-package").rglob("*")]
    files += (folder / "report").rglob("*")
    found = {}
    for path in files:
        if path.is_file() and path.suffix not in {".png", ".woff2"} and "vendor" not in path.parts:
            found.update(unpacked(str(path), path.read_bytes()))
    return found


def roundings(value: float) -> set[str]:
    """Return a figure as it may be written: with all its digits, fewer, and commas."""
    return {f"{value:.{digits}f}" for digits in (1, 2, 3)} | {f"{value:,.{digits}f}" for digits in (1, 2, 3)}


def needles(shut: pd.DataFrame) -> set[str]:
    told: set[str] = set(shut["label"])
    for name in ("c", "d"):
        for value in shut[name]:
            told |= roundings(value)
        scaled = (shut[name] - shut[name].mean()) / shut[name].std(ddof=0)
        told |= {f"{value:.8f}"[:-1] for value in scaled}  # as it would enter an index
    for value in shut["d"]:
        told |= {f"{1000 * value:.0f}", f"{1000 * value:,.0f}"}
    for value in shut["people"][: PLACES - OPEN_PEOPLE]:
        told |= {f"{value}", f"{value:,}", f"{round(value, -2):,} people", f"{3 * value}", f"{3 * value:,}"}
    return told


def test_no_byte_that_is_published_tells_a_closed_figure_or_name(made: tuple[Path, pd.DataFrame]) -> None:
    folder, shut = made
    told = needles(shut)
    # Numbers stand by themselves: digits of a checksum or of a coordinate are no figures.
    sought = re.compile(
        r"(?<![\d.,A-Fa-f])(?:" + "|".join(map(re.escape, sorted(told))) + r")(?![.,]?\d|[a-f])"
    )
    texts = published(folder)
    assert len(texts) > 80
    assert any(".xlsx!" in name for name in texts)
    assert any(name.endswith("report.pdf") for name in texts)
    leaks = {name: sorted(set(found)) for name, text in texts.items() if (found := sought.findall(text))}
    assert not leaks


def test_no_packed_column_holds_a_closed_figure(made: tuple[Path, pd.DataFrame]) -> None:
    folder, shut = made
    closed = [shut[name].to_numpy(dtype=np.float64) for name in ("c", "d")]
    closed += [(one - one.mean()) / one.std() for one in closed]
    closed.append(shut["people"].to_numpy(dtype=np.float64)[: PLACES - OPEN_PEOPLE])
    figures = np.unique(np.concatenate(closed).round(6))
    for path in (folder / "out" / "site").rglob("*.js"):
        if "vendor" in path.parts:
            continue
        for text in re.findall(r'"([A-Za-z0-9+/]{40,}=*)"', path.read_text(encoding="utf-8")):
            content = base64.b64decode(text + "=" * (-len(text) % 4))
            for kind in ("<f8", "<f4", "<u4"):
                size = np.dtype(kind).itemsize
                values = np.frombuffer(content[: len(content) // size * size], dtype=kind).astype(np.float64)
                with np.errstate(invalid="ignore", over="ignore"):
                    assert not np.isin(values.round(6), figures).any(), path


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "out" / "data-package" / f"{name}.csv")


def solved(rows: list[Any], cells: int) -> list[int]:
    """Return the unknowns that equations determine."""
    matrix = np.array(rows, dtype=np.float64).reshape(-1, cells)
    rank = np.linalg.matrix_rank(matrix) if len(rows) else 0
    return [i for i in range(cells) if np.linalg.matrix_rank(np.vstack([matrix, np.eye(cells)[i]])) == rank]


def test_an_attacker_with_all_sums_finds_no_closed_population(made: tuple[Path, pd.DataFrame]) -> None:
    folder, _ = made
    areas = table(folder, "areas").set_index(["level", "area"])["population"]
    within = {"district": np.array(districts()), "region": np.array(regions())}
    rows = [
        within[level] == area
        for level in within
        for area in np.unique(within[level])
        if areas.notna()[level, area]
    ]
    own = [np.eye(PLACES)[i] for i in range(PLACES) if areas.notna()["place", f"P{i:02}"]]
    assert len(own) == OPEN_PEOPLE
    assert rows
    assert solved([*rows, *own], PLACES) == list(range(PLACES - OPEN_PEOPLE, PLACES))
    compared = table(folder, "rule_comparison")
    assert compared[compared["unit"] == "people"]["value"].isna().all()
    summaries = table(folder, "summaries")
    # Averages by people are equations in people; those that count every place alike are not.
    assert summaries[summaries["weighted_by"] != "none"]["value"].isna().all()
    assert summaries["rank"].notna().all()
    assert summaries[summaries["measure"] == "proportion"]["value"].notna().all()


def test_an_attacker_with_all_averages_finds_no_closed_score(tmp_path: Path) -> None:
    shut = written(tmp_path, PLACES)
    workspace, study = Workspace(tmp_path), read_study(tmp_path)
    publish_data(workspace, study, tmp_path / "out" / "data-package")
    summaries = table(tmp_path, "summaries")
    scored = summaries[(summaries["index"] == "one") & (summaries["measure"] == "average score")]
    values = scored.set_index(["level", "area"])["value"].dropna()
    # The district of one place, and the one that its region's average less it would tell, are left out; all regions stay.
    assert sorted(values.index) == [("district", d) for d in ("D2", "D3", "D4")] + [
        ("region", r) for r in ("R0", "R1")
    ]
    within = {"district": np.array(districts()), "region": np.array(regions())}
    people = shut["people"].to_numpy(dtype=np.float64)
    rows = [np.where(within[level] == area, people, 0.0) for level, area in values.index]
    assert solved([row / row.sum() for row in rows], PLACES) == []
    ranks = table(tmp_path, "summary_ranks")
    mine = ranks[(ranks["index"] == "one") & (ranks["measure"] == "average score")]
    told = set(zip(*(mine[mine["value_median"].notna()][key] for key in ("level", "area")), strict=True))
    assert told <= set(values.index)
    # Nothing of this is lost where ranks are all that a summary is made of.
    assert summaries[summaries["measure"] != "average score"]["value"].notna().all()
    assert table(tmp_path, "areas")["population"].notna().all()


def test_an_attacker_with_all_awards_finds_no_closed_quantity(made: tuple[Path, pd.DataFrame]) -> None:
    folder, _ = made
    compared = table(folder, "rule_comparison")
    pounds = compared[(compared["unit"] == "pounds") & compared["value"].notna()]
    # Five and six places differ by one: one of the two totals stays.
    assert set(zip(pounds["round"], pounds["rules"], pounds["measure"], strict=True)) == {
        ("six", "stated", "pounds")
    }
    findings = table(folder, "findings")
    said = findings[findings["stage"] == "allocate"].groupby("id")["sentence"].agg(" ".join)
    assert "£" not in said["five"]
    assert "£" not in said["heads"]
    assert "with £" in said["six"]
    assert "may not be published" in said["five"]


def test_sentences_say_that_figures_are_held_back(made: tuple[Path, pd.DataFrame]) -> None:
    folder, _ = made
    findings = table(folder, "findings")
    said = " ".join(findings["sentence"])
    assert "how many people live there may not be published" in said
    assert not re.search(r"\d people", said)
    page = (folder / "out" / "site" / "full" / "index.html").read_text(encoding="utf-8")
    assert "may not be published" in page
    # The names of closed indicators are part of the method, which is public.
    assert "Gamma" in page


def test_a_sum_that_an_open_source_states_itself_stays() -> None:
    people = {"P0": 20.0, "P1": 30.0, "P2": 50.0}
    facts = [("shut", "place", "P0", 20.0), *(("free", "place", code, people[code]) for code in ("P1", "P2"))]
    towns = {"T0": ("P0", "P1"), "T1": ("P2",)}
    rows = [("place", *item) for item in people.items()] + [("town", "T0", 50.0), ("town", "T1", 50.0)]
    frames = {
        "sources": pd.DataFrame({"source": ["free", "shut"], "access": ["open", "derived-only"]}),
        "areas": pd.DataFrame(rows, columns=["level", "area", "population"]).assign(
            name=None, households=None
        ),
        "memberships": pd.DataFrame(
            [("place", code, "town", town, 1.0) for town, codes in towns.items() for code in codes],
            columns=["level", "area", "parent_level", "parent", "weight"],
        ),
    }

    def told(more: list[tuple[str, str, str, float]]) -> dict[str, bool]:
        table = pd.DataFrame([*facts, *more], columns=["source", "level", "area", "population"])
        given = {**frames, "area_facts": table.assign(name=None, households=None)}
        areas = open_tables(FrameTables(given)).read("areas").set_index("area")["population"]
        return dict(areas.notna())

    # The town's people less those of P1 are those of P0; where an open source states the town's, that is no news.
    assert told([]) == {"P0": False, "P1": True, "P2": True, "T0": False, "T1": True}
    assert told([("free", "town", "T0", 50.0)]) == {
        "P0": False,
        "P1": True,
        "P2": True,
        "T0": True,
        "T1": True,
    }


def populations(
    people: dict[tuple[str, str], float],
    closed: set[tuple[str, str]],
    inside: list[tuple[str, str, str, str]],
) -> dict[str, Any]:
    """Return tables in which an open source states the people of all places but those of a closed one, and nobody those of towns and
    regions."""
    facts = [
        ("shut" if place in closed else "free", *place, number)
        for place, number in people.items()
        if place in closed or place[0] == "place"
    ]
    area_facts = pd.DataFrame(facts, columns=["source", "level", "area", "population"])
    areas = pd.DataFrame(
        [(*place, number) for place, number in people.items()], columns=["level", "area", "population"]
    )
    return {
        "sources": pd.DataFrame({"source": ["free", "shut"], "access": ["open", "derived-only"]}),
        "area_facts": area_facts.assign(name=None, households=None),
        "areas": areas.assign(name=None, households=None),
        "memberships": pd.DataFrame(inside, columns=["level", "area", "parent_level", "parent"]).assign(
            weight=1.0
        ),
    }


def kept_of(frames: dict[str, Any]) -> set[str]:
    areas = open_tables(FrameTables(frames)).read("areas")
    return set(areas[areas["population"].notna()]["area"])


def test_a_region_does_not_tell_what_its_town_keeps() -> None:
    """A closed place that fills its town is one figure, not two that hide each other."""
    people = {
        ("place", "P0"): 20.0,
        ("place", "P1"): 30.0,
        ("town", "T0"): 20.0,
        ("town", "T1"): 30.0,
        ("region", "R"): 50.0,
    }
    inside = [
        ("place", "P0", "town", "T0"),
        ("place", "P1", "town", "T1"),
        *(("place", place, "region", "R") for place in ("P0", "P1")),
        *(("town", town, "region", "R") for town in ("T0", "T1")),
    ]
    assert kept_of(populations(people, {("place", "P0")}, inside)) == {"P1", "T1"}
    # Nor where the closed source states the town as well, which is the sum of more places.
    people = {**people, ("place", "P2"): 5.0, ("town", "T0"): 25.0, ("region", "R"): 55.0}
    inside += [("place", "P2", "town", "T0"), ("place", "P2", "region", "R")]
    assert kept_of(populations(people, {("place", "P0"), ("town", "T0")}, inside)) == {"P1", "P2", "T1"}


def test_a_place_without_a_share_lies_in_its_town_wholly() -> None:
    people = {("place", "P0"): 20.0, ("place", "P1"): 30.0, ("town", "T0"): 50.0}
    frames = populations(
        people, {("place", "P0")}, [("place", place, "town", "T0") for place in ("P0", "P1")]
    )
    none = pd.array([None, None], dtype="double[pyarrow]")
    assert kept_of({**frames, "memberships": frames["memberships"].assign(weight=none)}) == {"P1"}


def test_the_order_in_which_closed_figures_are_found_changes_no_mark() -> None:
    people = {("place", "P0"): 20.0, ("place", "P1"): 30.0, ("zone", "Z0"): 70.0}
    frames = populations(people, {("place", "P0"), ("zone", "Z0")}, [("place", "P0", "town", "T0")])
    turned = {**frames, "area_facts": frames["area_facts"].iloc[::-1]}

    class Known(FrameTables):
        def fingerprint(self, name: str) -> str:
            return "known"

    one, other = (open_tables(Known(given)) for given in (frames, turned))
    assert one.fingerprint("areas") == other.fingerprint("areas") != "known"


def test_a_group_of_people_that_a_closed_source_counts_is_not_told_of_an_open_round(tmp_path: Path) -> None:
    written(tmp_path, PLACES)
    study = tmp_path / "study.toml"
    told = study.read_text(encoding="utf-8")
    told = told.replace('name = "label"\n', "")  # nothing else is kept back of the table
    head, rounds = told[: told.index("[round.five]")], told[told.index("[publish]") :]
    open_round = (
        '[round.open]\ntitle = "Open"\nlevel = "place"\nmeasure = [{indicator = "ind-a"}]\nplaces = 5\n'
        'groups_of_people = ["sec-d", "ind-b"]\n'
    )
    study.write_text(head + open_round + rounds, encoding="utf-8")
    run(tmp_path)
    publish_data(Workspace(tmp_path), read_study(tmp_path), tmp_path / "out" / "data-package")
    compared = table(tmp_path, "rule_comparison")
    known = compared[compared["topic"] == "equality"].set_index("measure")["value"].notna()
    assert dict(known) == {
        f"{what}: {of}": of == "Beta"
        for what in ("people in funded places", "share of all")
        for of in ("Delta", "Beta")
    }
    readme = (tmp_path / "out" / "data-package" / "README.txt").read_text(encoding="utf-8")
    assert "Sums of a group of people" in readme


def test_a_closed_name_of_two_areas_is_told_by_the_codes_of_both() -> None:
    sentence = "The line is thinnest here: Newtown is funded, and Oldtown is not"
    places = [("place", "P0", "Newtown"), ("place", "P1", "Newtown"), ("place", "P2", "Oldtown")]
    areas = pd.DataFrame(places, columns=["level", "area", "name"]).assign(population=None, households=None)
    frames = {
        "sources": pd.DataFrame({"source": ["shut"], "access": ["derived-only"]}),
        "area_facts": areas.assign(source="shut"),
        "areas": areas,
        "findings": pd.DataFrame(
            [("allocate", "one", 1, sentence, 0.5, "fragility")],
            columns=["stage", "id", "position", "sentence", "value", "source_table"],
        ),
    }
    told = open_tables(FrameTables(frames)).read("findings")["sentence"].tolist()
    assert told == ["The line is thinnest here: P0 or P1 is funded, and P2 is not"]
