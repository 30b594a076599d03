"""What tests share: where the real data lie, and the invented county, run once for all that only read it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from wardmote.study import Study
    from wardmote.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Return the folder with real data, or skip and say so.

    ``WARDMOTE_MIRROR`` names it; without it, ``../shared/data`` beside the project is tried.
    """
    folder = Path(os.environ.get("WARDMOTE_MIRROR") or ROOT.parent / "shared" / "data")
    if not (folder / "deprivation").is_dir():
        pytest.skip(f"no real data at {folder} (set WARDMOTE_MIRROR)")
    return folder


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return the invented county's workspace after a run. Tests publish from it; its tables they leave as they are."""
    from wardmote.pipeline import run
    from wardmote.toy import write_county
    from wardmote.workspace import Workspace

    folder = tmp_path_factory.mktemp("county")
    write_county(folder)
    run(folder)
    return Workspace(folder)


@pytest.fixture(scope="session")
def study(workspace: Workspace) -> Study:
    """Return the invented county's study."""
    from wardmote.study import read_study

    return read_study(workspace.folder)


@pytest.fixture
def speak(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return the command line as a function: exit code, what was printed, what was said of errors; never a traceback."""
    from wardmote import cli

    def call(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main([str(word) for word in words])
        said = capsys.readouterr()
        assert isinstance(left.value.code, int)
        assert "Traceback" not in said.out + said.err
        return left.value.code, said.out, said.err

    return call
