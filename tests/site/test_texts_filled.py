"""No page says a text whose gaps were not filled: each ``{name}`` of the file of texts must have been replaced."""

from __future__ import annotations

import html
import re
from pathlib import Path


def test_no_page_prints_a_gap_that_was_not_filled(page: Path) -> None:
    pages = sorted(page.parent.rglob("*.html"))
    assert len(pages) > 100
    left = {}
    for path in pages:
        # Scripts fill their own texts; drawings and data hold no prose.
        text = re.sub(
            r"<(script|style|pre)\b.*?</\1>|<[^>]+>", " ", path.read_text(encoding="utf-8"), flags=re.S
        )
        if found := re.findall(r"\{\w+\}", html.unescape(text)):
            left[path.name] = sorted(set(found))
    assert left == {}
