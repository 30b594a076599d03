"""Row heads in the tag tree of a PDF: what Typst's Python package cannot ask for yet is put into the finished file.

Typst marks the cells of a table's head as heads of their columns. Heads of rows (``pdf.header-cell``) need a feature flag that the
Python package does not pass on, so the first cell of each row would be read aloud as one figure among others. An incremental update
(ISO 32000-1, 7.5.6) mends it: the file stays as it is, and changed objects follow after it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

_TRAILER = re.compile(rb"trailer\s*<<(.*?)>>\s*startxref\s+(\d+)\s+%%EOF\s*\Z", re.DOTALL)
_SECTION = re.compile(rb"(\d+) (\d+)\s*\n((?:\d{10} \d{5} [nf][ \r\n]{2})+)")
_ELEMENT = re.compile(rb"(\d+) 0 obj\s*<</Type/StructElem/S/(\w+)/P (\d+) 0 R")
_KIDS = re.compile(rb"/K\[((?:\d+ 0 R ?)+)\]")
_COUNT = re.compile(rb"/Type/Pages\b[^>]*?/Count (\d+)")
_HEADERS = re.compile(rb"/Headers\[[^\]]*\]")


def with_row_heads(pdf: bytes) -> bytes:
    """Return a tagged PDF in which the first cell of each row of a table's body heads its row.

    Cells then find their heads by the scope of these (ISO 32000-1, 14.8.5.7), no longer by lists that name the columns' alone. A file
    of another build than Typst's comes back as it was.

    Args:
        pdf: The file, as Typst writes it.
    """
    # The last one: a title may hold the same word.
    found = _TRAILER.match(pdf, max(pdf.rfind(b"trailer"), 0))
    if found is None:
        return pdf
    elements = _elements(pdf, int(found[2]))
    changed: dict[int, bytes] = {}
    for kind, parent, body in elements.values():
        if kind != b"TR" or parent not in elements or elements[parent][0] != b"TBody":
            continue
        kids = _KIDS.search(body)
        cells = [int(one) for one in re.findall(rb"(\d+) 0 R", kids[1])] if kids else []
        for i, cell in enumerate(cells):
            if cell in elements and elements[cell][0] == b"TD":
                changed[cell] = _changed(elements[cell][2], head=i == 0)
    return _updated(pdf, found[1], int(found[2]), changed) if changed else pdf


def pages_of(pdf: bytes) -> int:
    """Return how many pages a file of Typst's has.

    Args:
        pdf: The file, as Typst writes it.
    """
    return max((int(count) for count in _COUNT.findall(pdf)), default=0)


def _elements(pdf: bytes, start: int) -> dict[int, tuple[bytes, int, bytes]]:
    """Return the elements of the tag tree: kind, number of the parent and the whole object, by number."""
    places, at = [], pdf.index(b"xref", start) + len(b"xref\n")
    while section := _SECTION.match(pdf, at):
        rows = (section[3][i : i + 20] for i in range(0, len(section[3]), 20))
        places += [int(row[:10]) for row in rows if row[17:18] == b"n"]
        at = section.end()
    found = {}
    for first, last in pairwise(sorted([*places, start])):
        element = _ELEMENT.match(pdf, first, last)
        if element:
            found[int(element[1])] = (element[2], int(element[3]), pdf[first:last].rstrip())
    return found


def _changed(cell: bytes, *, head: bool) -> bytes:
    """Return the object of a cell as the head of its row, or as a cell that finds its heads by their scope."""
    if not head:
        return _HEADERS.sub(b"", cell, count=1)
    if _HEADERS.search(cell):
        cell = _HEADERS.sub(b"/Scope/Row", cell, count=1)
    else:
        cell = cell.replace(b"/K[", b"/A[<</O/Table/Scope/Row>>]/K[", 1)
    return cell.replace(b"/S/TD", b"/S/TH", 1)


def _updated(pdf: bytes, trailer: bytes, start: int, objects: Mapping[int, bytes]) -> bytes:
    """Return a file with objects put after it in place of those that it had, and a table of where they lie."""
    # Some readers take a table that does not begin with object 0 for a miscounted one, so it comes first, free as ever.
    out, rows = bytearray(pdf.rstrip() + b"\n"), [b"0 1\n0000000000 65535 f \n"]
    for number, body in sorted(objects.items()):
        rows.append(b"%d 1\n%010d 00000 n \n" % (number, len(out)))
        out += body + b"\n"
    at = len(out)
    out += b"xref\n" + b"".join(rows)
    out += b"trailer\n<<" + trailer + b"/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (start, at)
    return bytes(out)
