"""Row heads in the tag tree of a PDF: what Typst's Python package cannot ask for yet is put into the finished file.

Typst marks the cells of a table's head as heads of their columns. Heads of rows (``pdf.header-cell``) need a feature flag that the
Python package does not pass on, so the first cell of each row would be read aloud as one figure among others. The file is read and
written by pypdf, as an incremental update (ISO 32000-1, 7.5.6): what Typst wrote stays as it is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pypdf.generic import DictionaryObject


def with_row_heads(pdf: bytes) -> bytes:
    """Return a tagged PDF in which the first cell of each row of a table's body heads its row.

    Cells then find their heads by the scope of these (ISO 32000-1, 14.8.5.7), no longer by lists that name the columns' alone.

    Args:
        pdf: The file, as Typst writes it. One without tables comes back as it was.
    """
    from pypdf import PdfWriter

    writer = PdfWriter(io.BytesIO(pdf), incremental=True)
    changed = False
    for row in _rows(cast("DictionaryObject", writer.root_object["/StructTreeRoot"])):
        for at, cell in enumerate(_kids(row)):
            _tell(cell, head=at == 0)
            changed = True
    if not changed:
        return pdf
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def pages_of(pdf: bytes) -> int:
    """Return how many pages a PDF has.

    Args:
        pdf: The file.
    """
    from pypdf import PdfReader

    return len(PdfReader(io.BytesIO(pdf)).pages)


def _rows(element: DictionaryObject) -> Iterator[DictionaryObject]:
    """Yield the rows of the bodies of all tables below an element of the tag tree."""
    kids = _kids(element)
    if element.get("/S") == "/TBody":
        yield from (one for one in kids if one.get("/S") == "/TR")
        return
    for one in kids:
        yield from _rows(one)


def _kids(element: DictionaryObject) -> list[DictionaryObject]:
    """Return the elements right below one; a single one stands without a list, and numbers are marks of content."""
    from pypdf.generic import ArrayObject, DictionaryObject

    told = element.get("/K", [])
    found = [one.get_object() for one in (told if isinstance(told, ArrayObject) else [told])]
    return [one for one in found if isinstance(one, DictionaryObject)]


def _tell(cell: DictionaryObject, *, head: bool) -> None:
    """Make a cell the head of its row, or one that finds its heads by their scope."""
    from pypdf.generic import ArrayObject, DictionaryObject, NameObject

    about = [one.get_object() for one in cell.get("/A", [])]
    kept = [one for one in about if "/Headers" not in one]
    if head:
        cell[NameObject("/S")] = NameObject("/TH")
        scope = {NameObject("/O"): NameObject("/Table"), NameObject("/Scope"): NameObject("/Row")}
        kept.append(DictionaryObject(scope))
    if kept:
        cell[NameObject("/A")] = ArrayObject(kept)
    else:
        cell.pop("/A", None)
