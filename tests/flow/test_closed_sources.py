"""What a closed source published cannot be worked out from what a study publishes, and what is not lost for it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wardmote.errors import MissingError
from wardmote.pipeline import run
from wardmote.publish import FrameTables, publish_data, publish_site
from wardmote.publish.closing import closed_nodes, open_tables, solvable
from wardmote.study import read_study
from wardmote.workspace import Workspace

PLACES = 30

STUDY = """
[study]
id = "closed"
title = "Closed"
seed = 1
levels = ["place", "district"]
[level.place]
title = "place"
[level.district]
title = "district"
[sources.places]
file = "open.csv"
kind = "areas"
level = "place"
area = "code"
name = "name"
licence = "CC0-1.0"
access = "open"
[sources.people]
file = "closed.csv"
kind = "areas"
level = "place"
area = "code"
population = "people"
licence = "C"
access = "ACCESS_PEOPLE"
[sources.inside]
file = "open.csv"
kind = "memberships"
level = "place"
area = "code"
parents = {district = "district"}
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
file = "closed.csv"
level = "place"
area = "code"
period = "2024"
title = "Secret figures"
licence = "C"
access = "ACCESS"
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
[index.two]
title = "Two"
tree = [
    {node = "root"},
    {node = "lb", parent = "root", indicator = "ind-b"},
    {node = "lc", parent = "root", indicator = "sec-c"},
    {node = "ld", parent = "root", indicator = "sec-d"},
]
steps = [{id = "n", do = "normalise", on = "leaves", method = "zscore"}, {id = "c", do = "aggregate", on = "root", method = "arithmetic"}]
[index.solo]
title = "Solo"
tree = [{node = "root"}, {node = "lc", parent = "root", indicator = "sec-c"}]
steps = [{id = "n", do = "normalise", on = "leaves", method = "zscore"}, {id = "c", do = "aggregate", on = "root", method = "arithmetic"}]
[need.both]
deprivation = "one"
community = "two"
share = 0.2
[round.fund]
title = "Fund"
level = "place"
measure = [{indicator = "sec-c"}]
places = 5
award = {by = "sec-d", rate = 1000.0}
show_by = ["district"]
[publish]
contact = "ask@example.org"
"""


def written(folder: Path, access: str = "derived-only", people: str = "derived-only") -> pd.DataFrame:
    """Write a study with closed figures and a closed population, run it, and return the closed file."""
    rng = np.random.default_rng(4)
    codes = [f"P{i:02}" for i in range(PLACES)]
    # One district has a single place, so that its sums are that place's own.
    district = ["D0", *(f"D{1 + i % 3}" for i in range(PLACES - 1))]
    open_ = pd.DataFrame(
        {
            "code": codes,
            "name": [f"Place {i}" for i in range(PLACES)],
            "district": district,
            "a": rng.normal(50, 9, PLACES).round(3),
            "b": rng.normal(70, 9, PLACES).round(3),
        }
    )
    shut = pd.DataFrame(
        {
            "code": codes,
            "people": rng.integers(20000, 90000, PLACES),
            "c": rng.uniform(20, 60, PLACES).round(3),
            "d": rng.uniform(200, 900, PLACES).round(3),
        }
    )
    shut.loc[0, "c"] = 99.123  # the only place of its district is funded
    open_.to_csv(folder / "open.csv", index=False)
    shut.to_csv(folder / "closed.csv", index=False)
    text = STUDY.replace("ACCESS_PEOPLE", people).replace("ACCESS", access)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    run(folder)
    return shut


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """Return the folder of a published study with closed sources, and what they hold."""
    folder = tmp_path_factory.mktemp("closed")
    shut = written(folder)
    workspace, study = Workspace(folder), read_study(folder)
    publish_site(workspace, study, workspace.site)
    publish_data(workspace, study, workspace.data_package)
    return folder, shut


def table(made: tuple[Path, pd.DataFrame], name: str) -> pd.DataFrame:
    return pd.read_csv(made[0] / "out" / "data-package" / f"{name}.csv")


def texts(folder: Path) -> dict[str, str]:
    """Return every file of what was published as text."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".html", ".js", ".json", ".csv", ".txt"}:
            found[str(path)] = path.read_text(encoding="utf-8")
        elif path.suffix == ".parquet":
            out = io.StringIO()
            pd.read_parquet(path).drop(columns="geometry", errors="ignore").to_csv(out)
            found[str(path)] = out.getvalue()
    return found


def test_no_closed_figure_stands_anywhere(made: tuple[Path, pd.DataFrame]) -> None:
    folder, shut = made
    told = [f"{value:.3f}" for value in shut["c"]] + [f"{value:.3f}" for value in shut["d"]]
    told += [f"{value * 1000:.0f}" for value in shut["d"]] + [f"{value * 1000:,.0f}" for value in shut["d"]]
    told += [str(value) for value in shut["people"]] + [f"{value:,}" for value in shut["people"]]
    found = {**texts(folder / "out" / "site"), **texts(folder / "out" / "data-package")}
    assert len(found) > 50
    leaks = {path: [one for one in told if one in text] for path, text in found.items()}
    assert not {path: ones for path, ones in leaks.items() if ones}


def test_a_round_keeps_decisions_ranks_and_sums(made: tuple[Path, pd.DataFrame]) -> None:
    decisions, awards = table(made, "decisions"), table(made, "awards")
    assert decisions["funded"].sum() == 5
    assert decisions[["rank", "margin_rank", "sentence"]].notna().all().all()
    assert decisions[["score", "line", "margin", "flip", "pounds", "population"]].isna().all().all()
    assert len(awards) == 5
    assert awards["pounds"].isna().all()
    stated = table(made, "rule_comparison").set_index(["topic", "measure"])["value"]
    assert stated["reach", "pounds"] > 0
    # The sum of a district of one place is its own award, and all the others would tell it.
    assert stated["by district"].filter(like="pounds").isna().all()
    assert stated["by district"].filter(like="places").notna().all()


def test_one_closed_part_cannot_be_solved_for(made: tuple[Path, pd.DataFrame]) -> None:
    """``2 · root − z(open part)`` was the closed part to the last digit."""
    scores = table(made, "scores").set_index("index")
    assert scores.loc["one"][scores.loc["one"]["node"] == "root"]["score"].isna().all()
    assert scores.loc["one"][["rank", "decile"]].notna().all().all()
    root = json.loads((made[0] / "out/site/data/columns/place/one.score.json").read_text())["values"]
    assert set(root) == {None}
    # Two closed parts behind one score: one equation, two unknowns, and nothing need be lost.
    assert scores.loc["two"]["score"].notna().all()
    assert "solo" not in scores.index


def test_pages_show_no_pulls_of_a_part_only(made: tuple[Path, pd.DataFrame]) -> None:
    contributions = table(made, "contributions").set_index("index")
    assert contributions.loc["one"]["contribution"].isna().all()
    page = (made[0] / "out/site/place/place/P03.html").read_text(encoding="utf-8")
    assert "towards need" not in page


def test_an_index_of_closed_leaves_alone_stops_no_page(made: tuple[Path, pd.DataFrame]) -> None:
    measures = json.loads((made[0] / "out/site/data/columns/place/codes.json").read_text())["measures"]
    assert {one["index"] for one in measures} >= {"one", "two"}
    assert not [one for one in measures if one["index"] == "solo" and not one["measure"].startswith("solo.")]


def test_a_closed_population_leaves_names_and_codes(made: tuple[Path, pd.DataFrame]) -> None:
    areas = table(made, "areas")
    assert areas[areas["level"] == "place"]["name"].notna().all()
    assert areas[areas["level"] == "place"]["population"].isna().all()
    sums = areas[areas["level"] == "district"].set_index("area")["population"].notna()
    assert sums.to_dict() == {"D0": False, "D1": True, "D2": True, "D3": True}
    assert len(table(made, "memberships")) == PLACES
    assert table(made, "need")["population"].isna().all()


def test_what_was_emptied_is_said_with_the_title_of_its_source(made: tuple[Path, pd.DataFrame]) -> None:
    readme = (made[0] / "out/data-package/README.txt").read_text(encoding="utf-8")
    assert (
        "decisions of fund: Measures of need of single places would give back the figures of secret" in readme
    )
    assert "The column population would repeat the figures of people" in readme
    page = (made[0] / "out/site/data/index.html").read_text(encoding="utf-8")
    assert "give back the figures of “Secret figures”, whose licence" in page


def test_open_sources_lose_nothing(tmp_path: Path) -> None:
    written(tmp_path, "open", "open")
    workspace, study = Workspace(tmp_path), read_study(tmp_path)
    opened = open_tables(workspace, study)
    for name in ("areas", "need", "decisions", "awards", "scores", "contributions", "rule_comparison"):
        pd.testing.assert_frame_equal(opened.read(name), workspace.read(name))
    assert not opened.withheld(["areas", "need", "decisions", "awards", "scores"])


def test_a_private_source_is_named_once_with_what_mends_it(tmp_path: Path) -> None:
    written(tmp_path, "open", "private")
    workspace, study = Workspace(tmp_path), read_study(tmp_path)
    for publish in (publish_site, publish_data):
        with pytest.raises(MissingError) as caught:
            publish(workspace, study, tmp_path / "elsewhere")
        assert str(caught.value).count("Its rows are made from people (private)") == 1
        assert "[sources.people]" in str(caught.value)
        assert "Run `wardmote run` first" not in str(caught.value)


def test_frames_are_read_by_the_same_rule(made: tuple[Path, pd.DataFrame]) -> None:
    workspace, study = Workspace(made[0]), read_study(made[0])
    frames = {name: workspace.read(name) for name in ("sources", "nodes", "areas", "area_facts", "decisions")}
    opened = open_tables(FrameTables({**frames, "indicators": workspace.read("indicators")}), study)
    areas = opened.read("areas", ["level", "population"])
    assert areas[areas["level"] == "place"]["population"].isna().all()
    assert opened.read("decisions", ["score"])["score"].isna().all()
    assert opened.read("decisions", ["funded"])["funded"].sum() == 5


@pytest.mark.parametrize(
    ("figures", "left_out"),
    [
        ({"root": "c"}, {"root"}),
        ({"root": "cd"}, set()),
        ({"root": "cd", "branch": "c"}, {"branch"}),
        ({"root": "cd", "beside": "cd"}, {"beside"}),
        ({"root": "cde", "beside": "cde"}, set()),
        ({"root": "cde", "b1": "cd", "b2": "de"}, {"b2"}),
        ({"root": "cdef", "b1": "cd", "b2": "ef"}, set()),
    ],
)
def test_figures_stay_only_while_no_unknown_can_be_solved_for(
    figures: dict[str, str], left_out: set[str]
) -> None:
    found = solvable({("x", name): unknowns for name, unknowns in figures.items()})
    assert found == {("x", name) for name in left_out}


def test_a_closed_leaf_closes_the_scores_up_to_the_root() -> None:
    rows = [("root", None, None, 0), ("b1", "root", None, 1), ("b2", "root", None, 1)]
    rows += [("a", "b1", "open", 2), ("c", "b1", "shut", 2), ("b", "b2", "open", 2)]
    nodes = pd.DataFrame(rows, columns=["node", "parent", "source", "depth"])
    nodes["indicator"] = nodes["node"].where(nodes["source"].notna())
    nodes = nodes.assign(index="x", status="used")
    found = closed_nodes(nodes, {"open": "open", "shut": "derived-only"})
    assert found.rows == {("x", "c")}
    assert found.scores == {("x", "root"), ("x", "b1")}
    assert found.behind("x") == {"shut"}
