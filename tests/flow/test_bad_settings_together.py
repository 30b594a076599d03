"""All that is wrong with a study comes in one error, before any work: settings that cannot be read, settings that cannot be, and what
the data refuse. Through the command line, as a person meets it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wardmote import cli

Speak = Callable[..., tuple[int, str, str]]

STARTER = Path(cli.__file__).parent / "starter"
CSV = (STARTER / "figures.csv").read_text(encoding="utf-8")
TOML = (STARTER / "study.toml").read_text(encoding="utf-8")

STEPS = TOML.replace('method = "zscore" },\n  { id = "combine"', 'method = "minmax" },\n  { id = "combine"')
"""The starter's study on a scale from 0, where a geometric mean meets zero and an arithmetic one does not."""

SOUND = """
[uncertainty.main]
index = ["deprivation", "community"]
draws = 20
factors = [
  { path = "weights.children of deprivation", spread = 0.2 },  # sound
]
"""

BAD = """
[uncertainty.main]
index = ["deprivation", "community"]
draws = 20
factors = [
  { path = "weights.children of deprivation", spread = 0.2 },  # sound
  { path = "steps.one-scale.method", choices = ["minmax", "zscore"], p = [0.5, 0.4] },
  { path = "steps.smooth.method", choices = ["minmax", "zscore"] },
  { path = "steps.combine.method", choices = ["arithmetic", "geometric"] },
  { path = "values.out-of-work", error = "sd", sd = -1 },
  { path = "values.clubs", error = "standard-error" },
]
"""

ERRORS = STEPS.replace(
    'title = "Clubs and groups"\n', 'title = "Clubs and groups"\nstandard_error = "clubs_error"\n'
)


def line_of(text: str, begin: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if begin in line)


def figures(*, constant: bool, negative: bool) -> str:
    """Return the starter's figures, with an error beside each number of clubs, and nothing to tell places apart in another column."""
    header, *rows = (line.split(",") for line in CSV.splitlines())
    at = header.index("meeting_places")
    told = [",".join([*header, "clubs_error"])]
    for row in rows:
        cells = [*row[:at], "5", *row[at + 1 :]] if constant else row
        told.append(",".join([*cells, "-0.1" if negative else "0.1"]))
    return "\n".join(told) + "\n"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sound study, run."""
    folder = tmp_path_factory.mktemp("together") / "study"
    folder.mkdir()
    (folder / "study.toml").write_text(ERRORS + SOUND, encoding="utf-8")
    (folder / "figures.csv").write_text(figures(constant=False, negative=False), encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        cli.main(["run", "--study", str(folder), "--quiet"])
    assert left.value.code == 0
    return folder


@pytest.fixture
def folder(once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once, tmp_path / "study"))


def everything(folder: Path) -> dict[str, str]:
    """Return the bytes of all derived files, but for the lock and the notes of what files were read."""
    files = (file for file in sorted((folder / "out").rglob("*")) if file.is_file())
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if not file.name.startswith(".lock") and "raw" not in file.parts
    }


def spoil(folder: Path, text: str, *, constant: bool = True, negative: bool = True) -> None:
    (folder / "study.toml").write_text(text, encoding="utf-8")
    (folder / "figures.csv").write_text(figures(constant=constant, negative=negative), encoding="utf-8")


def test_all_five_and_an_unreadable_setting_come_in_one_error(speak: Speak, folder: Path) -> None:
    text = ERRORS + BAD
    before = everything(folder)
    spoil(folder, text)
    code, _, said = speak("run", "--study", folder)
    assert code == 2, said
    told = said.splitlines()
    for place, what, got, expected, remedy in (
        ('error = "sd"', "the value is not allowed", "Got -1", "greater than or equal to 0", "Correct"),
        ("p = [0.5, 0.4]", "the probabilities do not sum to 1", "Got 0.9", "sum to 1", "Correct p"),
        (
            "steps.smooth",
            "no index of the section has this",
            "Got smooth.method",
            "one of one-scale",
            "Name one",
        ),
        ("values.clubs", "a standard error is negative", "Got -0.1", "0 or more", "Correct"),
    ):
        line = next(one for one in told if what in one)
        assert f"study.toml line {line_of(text, place)}, uncertainty.main.factors" in line, line
        assert got in line
        assert expected in line
        assert remedy in line
    flat = next(one for one in told if "'meeting-places' has one value only" in one)
    scale = line_of(text, '{ id = "one-scale"')
    assert "study.toml line " in flat
    assert int(flat.split("line ")[1].split(",")[0]) > scale, "the step of the second index"
    assert "Got 5 in every area where it is known; expected at least two different values. Leave" in flat
    zero = [one for one in told if "the mean is not defined for, with combine.method = geometric" in one]
    assert len(zero) == 3
    combine = line_of(text, '{ id = "combine"')
    assert zero[0].startswith(
        f"study.toml line {combine}, index.deprivation.steps.combine (geometric): 'work' has values"
    )
    assert all(" in P" in one and "expected values above 0. Normalise" in one for one in zero)
    assert len(set(told)) == len(told), "each is told once"
    assert everything(folder) == before, "nothing was worked out, and earlier results are whole"
    assert speak("explain", "P01", "--study", folder)[0] == 0


def test_a_new_study_with_all_five_makes_no_table(speak: Speak, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    spoil(folder, ERRORS + BAD)
    code, _, said = speak("run", "--study", folder)
    assert code == 2
    assert "do not sum to 1" in said
    assert "has one value only" in said
    assert everything(folder) == {}


def test_what_the_data_refuse_comes_together_before_an_index_is_written(speak: Speak, folder: Path) -> None:
    """Settings alone are sound; both indices could be built were it not for what is told of uncertainty."""
    section = (
        BAD.replace("p = [0.5, 0.4]", "p = [0.5, 0.5]")
        .replace("sd = -1", "sd = 1")
        .replace("steps.smooth", "steps.one-scale")
    )
    section = "\n".join(line for line in section.splitlines() if "steps.one-scale.method" not in line)
    before = {
        name: data
        for name, data in everything(folder).items()
        if ".index." in name or ".uncertainty." in name
    }
    spoil(folder, ERRORS.replace("weight = 2", "weight = 3") + section, constant=False)
    code, _, said = speak("run", "--study", folder)
    assert code == 3, said
    assert (
        "column standard_error, row 21: the value is below 0 (10 such rows). Got -0.1; expected at least 0. Correct it"
        in said
    )
    assert "a standard error is negative" in said
    assert "the mean is not defined for" in said
    after = everything(folder)
    assert {name: after.get(name) for name in before} == before


def test_an_index_that_cannot_be_read_is_told_with_what_was_not_checked(speak: Speak, folder: Path) -> None:
    text = ERRORS.replace('method = "arithmetic"', 'method = "middle"', 1) + BAD
    spoil(folder, text)
    code, _, said = speak("run", "--study", folder)
    assert code == 2
    assert "'middle'" in said
    assert "do not sum to 1" in said
    assert (
        "not checked yet: the rest of index.deprivation and what varies in uncertainty.main. Mend this first"
        in said
    )
    assert "'meeting-places' has one value only" in said, (
        "the other index is sound, and its data are looked at"
    )


def test_a_source_that_cannot_be_read_leaves_the_data_unchecked(speak: Speak, folder: Path) -> None:
    text = ERRORS.replace('period = "2024"', "period = 2024.5", 1) + BAD
    spoil(folder, text)
    code, _, said = speak("run", "--study", folder)
    assert code == 2
    assert "do not sum to 1" in said
    assert "not checked yet: the rest of sources.figures and the data." in said
    assert "has one value only" not in said


def test_a_missing_file_is_told_with_the_settings(speak: Speak, folder: Path) -> None:
    spoil(folder, ERRORS + BAD)
    (folder / "figures.csv").unlink()
    code, _, said = speak("run", "--study", folder)
    assert code == 2
    assert "do not sum to 1" in said
    assert "the file is not there" in said
