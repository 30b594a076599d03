"""The command line end to end: verbs, exit codes, JSON, messages. Called in process; a few times as a real process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from wardmote import cli
from wardmote.pipeline import is_complete
from wardmote.workspace import Workspace


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> object:
    def call(*words: object) -> Said:
        with pytest.raises(SystemExit) as left:
            cli.main([str(word) for word in words])
        captured = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Said(left.value.code, captured.out, captured.err)

    return call


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study made by `new` and run once, for verbs that only look."""
    folder = tmp_path_factory.mktemp("starter") / "study"
    for words in (["new", str(folder), "--quiet"], ["run", "--study", str(folder), "--quiet"]):
        with pytest.raises(SystemExit) as left:
            cli.main(words)
        assert left.value.code == 0
    return folder


def imported_by(*words: str) -> set[str]:
    """Return the top-level modules that a real process has imported when a command is done."""
    code = (
        "import sys\nfrom wardmote.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print('\\nMODULES', *{name.partition('.')[0] for name in sys.modules})"
    )
    result = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    return set(result.stdout.rpartition("MODULES")[2].split())


HEAVY = {"numpy", "pandas", "pyarrow", "scipy", "pydantic", "geopandas", "shapely", "jinja2", "openpyxl"}


def test_help_imports_nothing_heavy() -> None:
    assert not HEAVY & imported_by("--help")


def test_status_imports_no_numerical_library(starter: Path) -> None:
    assert not (HEAVY - {"pydantic"}) & imported_by("status", "--study", str(starter))


def test_every_verb_has_help_and_stands_in_the_reference(say) -> None:
    page = cli.reference_page()
    for verb in ("demo", "new", "get", "check", "run", "status", "explain", "publish", "serve"):
        assert f"## wardmote {verb}" in page
        said = say(verb, "--help")
        assert said.code == 0
    assert "--mirror" in page
    assert "$WARDMOTE_MIRROR" in page
    assert "callback" not in page


def test_new_check_run_status_explain(say, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    said = say("new", folder)
    assert said.code == 0
    assert f"wardmote run --study {folder}" in said.out
    assert say("check", "--study", folder).code == 0
    said = say("run", "--study", folder)
    assert said.code == 0
    assert "two areas" in said.out.lower() or "Two places" in said.out
    assert "Ran 6 of 6 tasks" in said.out
    assert "Nothing to do" in say("run", "--study", folder).out
    said = say("status", "--study", folder)
    assert said.out.count("current") == 6
    said = say("explain", "P01", "--study", folder)
    assert said.code == 0
    for word in (
        "Harbour (P01, place, 4,100 people)",
        "Out of work",
        "CC0-1.0",
        "Step one-scale",
        "No interval",
    ):
        assert word in said.out
    assert "doubly disadvantaged" in said.out.lower()


def test_new_refuses_to_overwrite(say, starter: Path) -> None:
    before = (starter / "study.toml").read_bytes()
    said = say("new", starter)
    assert said.code == 2
    assert "is not replaced" in said.err
    assert (starter / "study.toml").read_bytes() == before


def test_json_is_one_object_on_standard_output(say, starter: Path) -> None:
    run = say("run", "--study", starter, "--json").json
    assert set(run) == {"done", "skipped", "findings", "mended", "seconds"}
    status = say("status", "--study", starter, "--json").json
    assert {task["state"] for task in status["tasks"]} == {"current"}  # type: ignore[attr-defined, index]  # shape pinned here
    area = say("explain", "P01", "--study", starter, "--json").json["areas"][0]  # type: ignore[index]  # the same
    parts = {"level", "area", "name", "population", "parents", "indices", "needs", "fundings", "sources"}
    assert parts == set(area)
    table = say("explain", "--table", "scores", "--study", starter, "--json").json
    assert {"table", "parts", "ancestry", "raw", "key", "kind", "meaning", "rows", "sensitive"} == set(table)
    assert set(say("check", "--study", starter, "--json").json) == {"sentences"}
    assert set(say("get", "--study", starter, "--json").json) == {"files", "fetched"}


def test_quiet_says_nothing(say, starter: Path) -> None:
    for verb in ("run", "status", "check", "get"):
        said = say(verb, "--study", starter, "--quiet")
        assert (said.code, said.out, said.err) == (0, "", "")


def test_problems_are_told_each_on_a_line_with_the_exit_code_of_their_kind(say, tmp_path: Path) -> None:
    said = say("run", "--study", tmp_path)
    assert said.code == 5
    assert said.err.startswith(f"{tmp_path / 'study.toml'}: there is no study here.")
    (tmp_path / "study.toml").write_text('[study]\nid = "a"\ntitel = "b"\n[index.i]\nlevl = "x"\n')
    said = say("check", "--study", tmp_path, "--json")
    assert said.code == 2
    assert said.err.count("\n") == 4
    assert "study.toml line 3, study.titel: unknown key" in said.err
    assert "Traceback" not in said.err
    told = said.json
    assert told["error"] == "StudyError"
    assert told["exit_code"] == 2
    assert len(told["problems"]) == 4  # type: ignore[arg-type]  # a list, pinned here
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("rnu",), (2, "No such command 'rnu'")),
        (("run", "--stuy", "x"), (2, "No such option")),
        (("run", "indx"), (2, "no such stage. Got indx")),
        (("publish", "poster"), (2, "'poster' is not one of")),
        (("publish", "site", "--place", "P01"), (2, "only the report is made for one place")),
        (("publish", "--place", "P01"), (2, "publish report --place CODE")),
        (("explain",), (2, "neither an area nor a table")),
        (("explain", "P01", "--table", "need"), (2, "one thing")),
        (("explain", "P99"), (5, "no such area")),
        (("explain", "--table", "nonsense"), (5, "no such table")),
    ],
)
def test_wrong_words(say, starter: Path, monkeypatch: pytest.MonkeyPatch, words, expected) -> None:
    monkeypatch.chdir(starter)
    code, message = expected
    said = say(*words)
    assert said.code == code
    assert message in said.err
    assert "Traceback" not in said.err
    assert say(*words, "--json").json["exit_code"] == code


def test_a_second_run_says_that_another_is_at_work(say, starter: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from wardmote.workspace import Workspace\n"
        "with Workspace(Path(sys.argv[1])).lock(): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(starter)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        said = say("get", "--study", starter, "--wait", "0.2")
        other.communicate("")
    assert said.code == 6
    assert "Another run is at work on this study" in said.err
    assert f"process {other.pid}" in said.err


def test_two_runs_at_once_both_end_well_and_do_the_work_once(say, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    say("new", folder, "--quiet")
    command = [sys.executable, "-m", "wardmote", "run", "--study", str(folder), "--json"]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"
    ]
    told = [json.loads(process.communicate()[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(len(report["done"]) for report in told) == [0, 6]
    assert told[0]["findings"] == told[1]["findings"]


def test_a_defect_of_ours_leaves_its_details_and_asks_to_be_reported(
    say, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("wardmote.pipeline.status", fail)
    said = say("status", "--study", starter)
    assert said.code == 70
    assert "ZeroDivisionError: oh" in said.err
    assert "report" in said.err
    assert "Traceback" not in said.err
    assert "Traceback" in (starter / "out" / "crash.log").read_text()
    (starter / "out" / "crash.log").unlink()


def test_an_interrupt_is_told_with_exit_code_130(say, starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wardmote.pipeline.status", interrupt)
    said = say("status", "--study", starter)
    assert said.code == 130
    assert "Stopped" in said.err


def test_the_mirror_may_stand_in_the_environment(
    say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[study]\nid = "a"\ntitle = "b"\n[sources.imd]\nuse = "imd-england-2025"\n'
    (tmp_path / "study.toml").write_text(text)
    monkeypatch.delenv("WARDMOTE_MIRROR", raising=False)
    said = say("run", "--study", tmp_path)
    assert said.code == 5
    assert "wardmote get" in said.err
    monkeypatch.setenv("WARDMOTE_MIRROR", str(tmp_path / "nowhere"))
    said = say("run", "--study", tmp_path)
    assert said.code == 5
    assert "nowhere" in said.err


def test_the_wait_is_the_workspaces() -> None:
    from wardmote.workspace import WAIT_SECONDS

    assert cli.WAIT == WAIT_SECONDS


def test_version_and_module(say) -> None:
    assert say("--version").out.startswith("wardmote ")
    result = subprocess.run(
        [sys.executable, "-m", "wardmote", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("wardmote ")


def test_demo_and_again(say, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    said = say("demo", folder)
    assert said.code == 0
    assert "doubly disadvantaged" in said.out
    page = Path(said.out.rpartition("Open the page: ")[2].strip())
    assert page.is_file()
    # What it has just run is current, and it does not say otherwise.
    assert "changed since" not in said.err
    states = {task["state"] for task in say("status", "--study", folder, "--json").json["tasks"]}  # type: ignore[attr-defined, index, union-attr]  # shape pinned
    assert states == {"current"}
    assert is_complete(Workspace(folder))
    edited = (folder / "study.toml").read_text().replace("share = 0.2", "share = 0.3")
    (folder / "study.toml").write_text(edited)
    again = say("demo", folder, "--json")
    assert [task["task"] for task in again.json["done"]] == ["need.wider"]  # type: ignore[attr-defined, index]  # shape pinned
    assert (folder / "study.toml").read_text() == edited
    said = say("publish", "data", "--study", folder, "--json")
    assert said.code == 0
    assert (Path(str(said.json["data"])) / "datapackage.json").is_file()
    assert not [file for file in folder.iterdir() if file.name.startswith(".writing")]


def test_demo_does_not_take_another_study(say, starter: Path) -> None:
    said = say("demo", starter)
    assert said.code == 2
    assert "another study stands there" in said.err


def test_publishing_says_that_nobody_is_named_who_decides(say, starter: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(starter, tmp_path / "copy")
    said = say("publish", "data", "--study", folder)
    assert said.code == 0
    assert said.err.count("Nobody is named who decides") == 1
    study = folder / "study.toml"
    study.write_text(study.read_text().replace('contact = ""', 'contact = "Ask the clerk."'))
    assert "Nobody is named" not in say("publish", "data", "--study", folder).err


def test_publishing_before_a_run_says_so(say, tmp_path: Path) -> None:
    say("new", tmp_path / "s")
    said = say("publish", "--study", tmp_path / "s")
    assert said.code == 5
    assert "wardmote run" in said.err
    said = say("serve", "--study", tmp_path / "s")
    assert said.code == 5
    assert "wardmote publish" in said.err
