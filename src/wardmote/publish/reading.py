"""What publishing may read: tables whose licences allow it, and for the rest the reason why not.

Pages and packages see tables only through `OpenTables`, so nothing that a licence or a sensitivity forbids can reach them by
mistake. A study's workspace is the usual one; a notebook gives its data frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wardmote import words
from wardmote.errors import MissingError, Problem
from wardmote.tables import TABLES, empty

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from wardmote.lineage import Part, Refusal
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


class BaseTables(OpenTables, Protocol):
    """Tables of one study, as far as whole parts of them may be published."""

    def area_facts(self) -> pa.Table:
        """Return what every source says about areas, closed ones too: to tell which cells repeat it, never to be published."""
        ...


class WorkspaceTables:
    """The tables of a study's workspace, by the export rule of its ledger.

    The tables of areas and of what they lie in are made from many sources. Where some of these may not be passed on, the rows stay and
    `wardmote.publish.closing` empties the cells that repeat them.

    Args:
        workspace: The workspace.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def read(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return the rows of a table that may be published; see `OpenTables.read`."""
        return self._workspace.read_parts(name, self._parts(name)[0], columns)

    def area_facts(self) -> pa.Table:
        """Return what every source says about areas; see `BaseTables.area_facts`."""
        import pyarrow as pa

        parts = [self._workspace.read_arrow(part) for part in self._workspace.ledger.parts("area_facts")]
        return pa.concat_tables(parts, promote_options="default") if parts else _arrow(empty("area_facts"))

    def withheld(self, names: Iterable[str]) -> tuple[Withheld, ...]:
        """Return what may not be published; see `OpenTables.withheld`."""
        refused = [item for name in names for item in self._parts(name)[1]]
        return tuple(Withheld(item.part.table, item.part.id, item.sources, item.reason) for item in refused)

    def fingerprint(self, name: str) -> str:
        """Return the checksums of the parts that may be published, as far as the files are those of the ledger."""
        allowed, _ = self._parts(name)
        if not all(self._workspace.intact(part) for part in allowed):
            return ""
        return " ".join(["made of", *(f"{part.file}:{part.sha256}" for part in allowed)])

    def _parts(self, name: str) -> tuple[list[Part], list[Refusal]]:
        """Return the parts of a table that may be read for publishing, and those that may not with the reason."""
        allowed, refused = self._workspace.ledger.exportable([name])
        saved = [item for item in refused if self._known_by_cell(item)]
        return [*allowed, *(item.part for item in saved)], [item for item in refused if item not in saved]

    def _known_by_cell(self, item: Refusal) -> bool:
        """Return whether it is known of each cell which source it repeats, so that the others need not be left out.

        Nothing made from a private source is published. Of areas each cell stands in the facts that sources state. Of memberships,
        chains of several look-ups cannot be told apart, so they stay only where no closed look-up added anything. Of areas nothing but
        codes goes into joined outlines, so these hang on the shapes that were joined and on the look-ups alone.
        """
        ledger = self._workspace.ledger
        if any(ledger.access_of(source) != "derived-only" for source in item.sources):
            return False
        if item.part.table == "areas":
            return True
        writer = ledger.writer(item.part.file)
        if item.part.table == "boundaries" and item.part.stage == "outlines" and writer is not None:
            given = [part for part in ledger.parts("boundaries") if part.stage == "sources"]
            joined = {part.id for part in given if part.file not in writer.idle}
            return joined.isdisjoint(item.sources) and not self._parts("memberships")[1]
        return (
            item.part.table == "memberships"
            and writer is not None
            and all(
                part.file in writer.idle or not part.rows
                for part in ledger.parts("membership_facts")
                if ledger.access_of(part.id) != "open"
            )
        )


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

    def area_facts(self) -> pa.Table:
        """Return what every source says about areas; see `BaseTables.area_facts`."""
        return _arrow(self._frames.get("area_facts", empty("area_facts")))


def _arrow(frame: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


def nothing_to_publish(folder: object, refused: Iterable[Withheld]) -> MissingError:
    """Return the error that a study has nothing to publish: it has not run, or sources forbid all that it made.

    Args:
        folder: The folder of the study.
        refused: What may not be published.
    """
    told = list(refused)
    shut = sorted({source for item in told for source in item.sources})
    if not shut:
        remedy = "Run `wardmote run` first."
    else:
        sections = words.listed([f"[sources.{source}]" for source in shut])
        remedy = (
            f'State a licence of {sections}, and with access = "open" or "derived-only" what it allows; then run'
            " `wardmote run` again."
        )
    return MissingError(
        Problem(
            str(folder),
            "there is nothing to publish",
            got="; ".join(dict.fromkeys(item.reason for item in told)),
            expected="the tables of a run",
            remedy=remedy,
        )
    )
