"""What all tests share: where the real data lie, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
