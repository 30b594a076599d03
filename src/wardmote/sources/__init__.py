"""Where data come from: official sets as a literal catalogue, users' own files, and how both are fetched and read.

`SOURCES` lists the official sets. `get_source` brings the files of one source into the study's raw folder, `have_source` says quickly
whether they are there, and `read_source` turns them into tables, with every mending stated and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wardmote.sources import dcms, mhclg, ocsi, ons, wellbeing
from wardmote.sources.catalogue import Entry
from wardmote.sources.fetch import Progress, RawFile
from wardmote.sources.result import SourceTables
from wardmote.study import SourceSpec

if TYPE_CHECKING:
    from wardmote.levels import Level

SOURCES: dict[str, Entry] = {
    **mhclg.SOURCES,
    **ocsi.SOURCES,
    **ons.SOURCES,
    **wellbeing.SOURCES,
    **dcms.SOURCES,
}
"""The official sets by name."""


def get_source(
    source: str,
    spec: SourceSpec,
    *,
    study_folder: Path,
    raw_folder: Path,
    mirror: Path | None,
    progress: Progress | None = None,
) -> tuple[RawFile, ...]:
    """Return the files of a source after they were brought into the study's raw folder.

    A user's file is read where it lies. A set of the catalogue comes from the mirror if one is given, else from its publisher. Files
    that are there and unchanged are not fetched again.

    Args:
        source: The source's name in the study.
        spec: The source's section of the study.
        study_folder: Folder of the study; the user's file is relative to it.
        raw_folder: Folder of fetched files; each source has its own below it.
        mirror: Folder with the mirror's files, or None.
        progress: Called with bytes done and bytes in all (None where unknown).

    Raises:
        StudyError: No such set is in the catalogue.
        MissingError: The file is not there, the set has no address, or the publisher cannot be reached.
        InputError: What arrived has another checksum or size than expected.
    """
    from wardmote.sources import fetch

    entry = fetch.entry_of(source, spec, SOURCES)
    place = fetch.Place(source, study_folder, raw_folder / source)
    return fetch.bring(place, spec, entry, mirror=mirror, progress=progress)


def have_source(
    source: str, spec: SourceSpec, *, study_folder: Path, raw_folder: Path, mirror: Path | None
) -> tuple[RawFile, ...] | None:
    """Return the files of a source if they are there and unchanged, or None where `get_source` is needed.

    Cheap: a file whose size and time are those of the manifest is not hashed again, and nothing heavy is imported.

    Args:
        source: The source's name in the study.
        spec: The source's section of the study.
        study_folder: Folder of the study.
        raw_folder: Folder of fetched files.
        mirror: Folder with the mirror's files, or None. Files that were fetched in another form stay valid.

    Raises:
        StudyError: No such set is in the catalogue.
    """
    from wardmote.sources import fetch

    entry = fetch.entry_of(source, spec, SOURCES)
    return fetch.at_hand(fetch.Place(source, study_folder, raw_folder / source), spec, entry)


def read_source(
    source: str, spec: SourceSpec, files: tuple[RawFile, ...], *, levels: Mapping[str, Level]
) -> SourceTables:
    """Return a source's files as tables, mended where a fault can be mended and refused where it cannot.

    Args:
        source: The source's name in the study.
        spec: The source's section of the study.
        files: Its files, from `get_source` or `have_source`.
        levels: Levels of the study, from `wardmote.levels.known_levels`.

    Returns:
        The tables; every row of the file is in them or counted in ``mendings``. A suppressed value is null with status
        ``suppressed``; an empty cell is null.

    Raises:
        StudyError: No such set is in the catalogue, or the study names an indicator that the set lacks.
        MissingError: A level is not known.
        InputError: The file does not hold what was expected; all problems together.
    """
    from wardmote.sources import fetch, tidy

    entry = fetch.entry_of(source, spec, SOURCES)
    return tidy.read(source, spec, entry, files, levels)


__all__ = ["SOURCES", "Entry", "RawFile", "SourceTables", "get_source", "have_source", "read_source"]
