"""Spreadsheets (XLSX) of plain tables, written straight to the format: a country's rows in seconds, the same rows as the same bytes.

Format: ECMA-376, Office Open XML, part 1 (SpreadsheetML), cells with inline strings. Texts are always texts: a name that starts with an
equals sign is never read as a formula.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape

_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

_UNSEEN = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
"""Signs that XML 1.0 does not allow."""

_BEFORE, _AFTER = '<c t="inlineStr"><is><t xml:space="preserve">', "</t></is></c>"
"""What stands around a text in its cell."""

ROWS = 2_000
"""Rows that are turned into text at a time: all cells of a country as texts would take hundreds of megabytes."""

_FONTS = "".join(f'<font>{bold}<sz val="11"/><name val="Calibri"/></font>' for bold in ("", "<b/>"))

_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_NAMESPACE}"><fonts count="2">{_FONTS}</fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf/><xf fontId="1" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)

_PACKAGE_TYPE = "application/vnd.openxmlformats-package"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def workbook(sheets: Sequence[tuple[str, Sequence[str], Sequence[Sequence[Any]]]]) -> bytes:
    """Return a workbook.

    Args:
        sheets: Name, header and columns of each sheet; columns are lists or Arrow arrays of texts or of
            numbers; None, and what is no finite number, is an empty cell.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:

        def put(name: str, *text: str) -> None:
            put_all(name, text)

        def put_all(name: str, texts: Iterable[str]) -> None:
            # Opened by name, a part bears the first day that the format knows: the same rows give the same bytes.
            with file.open(name, "w") as part:
                for text in texts:
                    part.write(text.encode())

        numbers = range(1, len(sheets) + 1)
        parts = "".join(
            f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
            for i in numbers
        )
        relations = f"{_PACKAGE_TYPE}.relationships+xml"
        put(
            "[Content_Types].xml",
            f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType="{relations}"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>{parts}</Types>',
        )
        put(
            "_rels/.rels",
            f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        named = "".join(
            f'<sheet name="{escape(name[:31], {chr(34): "&quot;"})}" sheetId="{i}" r:id="rId{i}"/>'
            for i, (name, _, _) in zip(numbers, sheets, strict=True)
        )
        put(
            "xl/workbook.xml",
            f'{_HEAD}<workbook xmlns="{_NAMESPACE}" xmlns:r="{_RELATIONS}"><sheets>{named}</sheets></workbook>',
        )
        related = "".join(
            f'<Relationship Id="rId{i}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{i}.xml"/>'
            for i in numbers
        )
        put(
            "xl/_rels/workbook.xml.rels",
            f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{related}<Relationship Id="rId{len(sheets) + 1}" '
            f'Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        )
        put("xl/styles.xml", _STYLES)
        for i, (_, header, columns) in zip(numbers, sheets, strict=True):
            put_all(f"xl/worksheets/sheet{i}.xml", _sheet(header, columns))
    return out.getvalue()


def _sheet(header: Sequence[str], columns: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Yield one sheet in pieces: a bold header that stays in sight, and the rows below it."""
    top = "".join(_text(title, ' s="1"') for title in header)
    yield (
        f'{_HEAD}<worksheet xmlns="{_NAMESPACE}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
        f'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData><row>{top}</row>'
    )
    for start in range(0, max(map(len, columns), default=0), ROWS):
        rows = _glued("<row>", *(_cells(column[start : start + ROWS]) for column in columns), "</row>")
        yield "".join(rows.to_pylist())
    yield "</sheetData></worksheet>"


def _cells(column: Any) -> Any:
    """Return the cells of a piece of one column as an Arrow array of texts: whole columns at a time, since a country has a million."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pa.array(column, from_pandas=True) if isinstance(column, (list, tuple)) else column
    if pa.types.is_null(values.type):
        return pa.array(["<c/>"] * len(values), pa.string())
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        text = pc.replace_substring_regex(values.cast(pa.string()), _UNSEEN, "")
        for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = pc.replace_substring(text, sign, name)
        cells = _glued(_BEFORE, text, _AFTER)
    else:
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_finite(values), values, None)  # the format has no other numbers
        cells = _glued("<c><v>", values.cast(pa.string()), "</v></c>")
    return pc.fill_null(cells, "<c/>")


def _glued(*parts: Any) -> Any:
    """Return texts put together piece by piece; null where one of them is."""
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(*parts, "")


def _text(value: str, style: str = "") -> str:
    """Return the cell of one text."""
    before = _BEFORE.replace("<c", f"<c{style}", 1)
    return f"{before}{escape(re.sub(_UNSEEN, '', value))}{_AFTER}"
