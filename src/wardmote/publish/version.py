"""Which Wardmote made a page."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def wardmote_version() -> str:
    """Return the version of Wardmote that is installed, or "unreleased"."""
    try:
        return version("wardmote")
    except PackageNotFoundError:
        return "unreleased"
