"""What publishing may read: tables whose licences allow it, and for the rest the reason why not.

Pages and packages see tables only through `OpenTables`, so nothing that a licence or a sensitivity forbids can reach them by
mistake. A study's workspace is the usual one; a notebook gives its data frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from wardmote.tables import TABLES, empty

if TYPE_CHECKING:
    import pandas as pd

    from wardmote.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Withheld:
    """Rows that may not be published.

    Attributes:
        table: The table that they stand in.
        section: The section of the study that made them.
        sources: The sources that forbid it; empty where the table speaks of persons.
        reason: Why, one sentence.
    """

    table: str
    section: str
    sources: tuple[str, ...]
    reason: str


class OpenTables(Protocol):
    """Tables of one study, as far as they may be published."""

    def read(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return the rows of a table that may be published; the empty table where there are none.

        Args:
            name: The table.
            columns: Only these columns; all by default.
        """
        ...

    def withheld(self, names: Iterable[str]) -> tuple[Withheld, ...]:
        """Return what of these tables may not be published.

        Args:
            names: The tables.
        """
        ...

    def fingerprint(self, name: str) -> str:
        """Return what tells two contents of a table apart without reading it; "" where nothing does.

        Args:
            name: The table.
        """
        ...


class WorkspaceTables:
    """The tables of a study's workspace, by the export rule of its ledger.

    Args:
        workspace: The workspace.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def read(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return the rows of a table that may be published; see `OpenTables.read`."""
        allowed, _ = self._workspace.ledger.exportable([name])
        return self._workspace.read_parts(name, allowed, columns)

    def withheld(self, names: Iterable[str]) -> tuple[Withheld, ...]:
        """Return what may not be published; see `OpenTables.withheld`."""
        _, refused = self._workspace.ledger.exportable(names)
        return tuple(Withheld(item.part.table, item.part.id, item.sources, item.reason) for item in refused)

    def fingerprint(self, name: str) -> str:
        """Return the checksums of the parts that may be published, as far as the files are those of the ledger."""
        allowed, _ = self._workspace.ledger.exportable([name])
        if not all(self._workspace.intact(part) for part in allowed):
            return ""
        return " ".join(["made of", *(f"{part.file}:{part.sha256}" for part in allowed)])


class FrameTables:
    """Tables given as data frames, for notebooks and tests. Sensitive tables are never given out.

    Args:
        frames: The frames by table, each as `wardmote.tables.check` returns it.
        forbidden: Reasons by table, for those that may not be published.
    """

    def __init__(
        self, frames: Mapping[str, pd.DataFrame], forbidden: Mapping[str, str] | None = None
    ) -> None:
        sensitive = {name: "It speaks of persons." for name in frames if TABLES[name].sensitive}
        self._frames = dict(frames)
        self._forbidden = {**sensitive, **(forbidden or {})}

    def read(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return the rows of a table that may be published; see `OpenTables.read`."""
        frame = empty(name) if name in self._forbidden or name not in self._frames else self._frames[name]
        return frame if columns is None else frame[columns]

    def withheld(self, names: Iterable[str]) -> tuple[Withheld, ...]:
        """Return what may not be published; see `OpenTables.withheld`."""
        return tuple(
            Withheld(name, "", (), self._forbidden[name])
            for name in names
            if name in self._forbidden and len(self._frames[name])
        )

    def fingerprint(self, name: str) -> str:
        """Return nothing: data frames have no checksum."""
        return ""


def open_tables(tables: Any) -> OpenTables:
    """Return tables for publishing from whatever holds them.

    Args:
        tables: A `wardmote.workspace.Workspace`, data frames by table name, or tables that are open already.
    """
    if isinstance(tables, Mapping):
        return FrameTables(tables)
    if hasattr(tables, "ledger"):
        return WorkspaceTables(tables)
    opened: OpenTables = tables
    return opened
