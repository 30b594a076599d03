"""Rounds through a whole run: rules that cannot hold are refused together with their lines; presets and all rules run."""

from __future__ import annotations

from pathlib import Path

import pytest

from wardmote.errors import StudyError
from wardmote.pipeline import run
from wardmote.toy.files import write_county

BAD = """
[round.bad]
level = "patch25"
measure = [{ index = "deprivation" }]
places = 5
budget = 90000
award = { pounds = 100000 }
include = ["T01000001", "T01000002"]
exclude = [{ title = "done already", areas = ["T01000002"] }]

[[round.bad.groups]]
by = "borough25"
cap = 1
minimum = 2

[[round.bad.groups]]
by = "ward99"
cap = 1
caps = { T03000001 = -3 }

[round.worse]
level = "patch25"
measure = [{ index = "deprivation" }, {}]
combine = "z"
places = -1
award = { pounds = -5 }
"""


def lines_of(folder: Path, text: str) -> list[str]:
    study = folder / "study.toml"
    study.write_text(study.read_text(encoding="utf-8") + text, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        run(folder)
    return [str(problem) for problem in caught.value.problems]


def line(folder: Path, wanted: str) -> int:
    lines = (folder / "study.toml").read_text(encoding="utf-8").splitlines()
    return max(i for i, text in enumerate(lines, 1) if text.startswith(wanted))


def test_rules_that_cannot_hold_are_refused_together_with_their_lines(tmp_path: Path) -> None:
    write_county(tmp_path)
    told = lines_of(tmp_path, BAD)
    assert len(told) == 7

    def said(*parts: str) -> bool:
        return any(all(part in one for part in parts) for one in told)

    assert said(f"line {line(tmp_path, 'budget = 90000')}", "under one award", "£90,000", "Raise the budget")
    assert said(
        f"line {line(tmp_path, 'include')}",
        "both excluded and required",
        "T01000002",
        "Take them from include",
    )
    assert said(
        "round.bad.groups.1.cap", "the cap is below the minimum", "Raise the cap or lower the minimum"
    )
    assert said("round.bad.groups.2.caps.T03000001", "is negative")
    assert said("round.worse.measure.2", "one index or one indicator")
    assert said("round.worse.places", "is negative")
    assert said("round.worse.award.pounds", "an award is negative")


def test_what_only_the_data_show_is_refused_together_too(tmp_path: Path) -> None:
    write_county(tmp_path)
    rules = """
[round.bad]
level = "patch25"
measure = [{ index = "deprivation" }, { indicator = "sunshine" }]
places = 5
include = ["T01009999"]
apart = true
small = "patch25"

[[round.bad.groups]]
by = "ward99"
cap = 1

[[round.bad.groups]]
by = "borough25"
caps = { T03000099 = 1 }
"""
    told = lines_of(tmp_path, rules)
    text = "\n".join(told)
    assert "sunshine" in text
    assert "unknown codes. Got T01009999" in text
    assert "unknown group: neither a larger area of the places nor a classification. Got ward99" in text
    assert "unknown group: a cap for one that holds no place. Got T03000099" in text
    assert all(" line " in one for one in told)


def test_a_preset_and_a_list_that_do_not_exist_are_named(tmp_path: Path) -> None:
    write_county(tmp_path)
    rules = """
[round.first]
preset = "pride-in-palace"

[round.second]
level = "patch25"
measure = [{ index = "deprivation" }]
places = 3
exclude = [{ file = "gone.csv", column = "code" }, { register = "pride-in-place-phase-1", column = "code" }]
"""
    told = "\n".join(lines_of(tmp_path, rules))
    assert (
        "no such preset. Got pride-in-palace; expected community-wealth-fund, greatest-need-on-both" in told
    )
    assert "there is no such list. Got gone.csv" in told
    assert "the list has no such column. Got code; expected place, local_authority" in told


def test_minimums_that_clash_are_answered_with_the_smallest_set_that_conflicts(tmp_path: Path) -> None:
    write_county(tmp_path)
    rules = """
[round.clash]
level = "patch25"
measure = [{ index = "deprivation" }]
places = 10

[[round.clash.groups]]
by = "borough25"
cap = 1

[[round.clash.groups]]
by = "part25"
minimum = 4
"""
    told = "\n".join(lines_of(tmp_path, rules))
    assert "a minimum cannot be filled" in told
    assert "These rules cannot hold together: " in told
    assert "minimum of region" in told
    assert "cap of authority" in told


def test_a_changed_list_runs_again(tmp_path: Path) -> None:
    write_county(tmp_path)
    (tmp_path / "done.csv").write_text("code\nT01000001\n", encoding="utf-8")
    study = tmp_path / "study.toml"
    rules = """
[round.listed]
level = "patch25"
measure = [{ index = "deprivation" }]
places = 3
exclude = [{ title = "done", file = "done.csv", column = "code" }]
"""
    study.write_text(study.read_text(encoding="utf-8") + rules, encoding="utf-8")
    run(tmp_path)
    assert run(tmp_path).done == ()
    (tmp_path / "done.csv").write_text("code\nT01000002\n", encoding="utf-8")
    assert [task.task for task in run(tmp_path).done] == ["allocate.listed"]


PRESETS = """
[round.fund]
preset = "community-wealth-fund"
level = "patch25"
starting = []
population = [1000, 2000]
definition = "wider"
measure = [{ index = "deprivation" }, { index = "community" }]
budget = 30_000_000

[round.plain]
preset = "greatest-need-on-both"
level = "patch25"
measure = [{ index = "deprivation" }, { index = "community" }]
places = 20

[round.formula]
preset = "pro-rata"
level = "patch25"
measure = [{ index = "deprivation" }]
budget = 1_000_001
compare = ["plain", "fund"]
exclude = [{ title = "funded before", round = "plain" }]
show_by = ["part25"]

[round.groups]
level = "patch25"
measure = [{ index = "residents" }]
places = 4
award = { pounds = 100 }
apart = true

[round.clusters]
level = "patch25"
measure = [{ index = "deprivation" }]
places = 3
award = { pounds = 1_000_000 }
cluster = { within = "borough25", low = 4000, high = 6000 }
"""


def test_presets_and_all_other_rules_run_on_the_invented_county(tmp_path: Path) -> None:
    import pandas as pd

    write_county(tmp_path)
    study = tmp_path / "study.toml"
    study.write_text(study.read_text(encoding="utf-8") + PRESETS, encoding="utf-8")
    run(tmp_path)

    def read(table: str, name: str) -> pd.DataFrame:
        return pd.read_parquet(tmp_path / "out" / "tables" / f"{table}.allocate.{name}.parquet")

    fund = read("awards", "fund")
    assert fund["pounds"].between(1_000_000, 2_500_000).all()
    assert fund["pounds"].sum() <= 30_000_000
    plain, formula = read("decisions", "plain"), read("decisions", "formula")
    assert plain["funded"].sum() == 20
    assert not (plain["funded"].to_numpy(dtype=bool) & formula["funded"].to_numpy(dtype=bool)).any()
    assert read("awards", "formula")["pounds"].sum() == 1_000_001
    clusters = read("decisions", "clusters")
    assert clusters["pounds"].sum() == 3_000_000
    people = clusters.loc[clusters["funded"], "population"].sum()
    assert 3 * 4000 <= people <= 3 * 6000
