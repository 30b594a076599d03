"""Drawings of evidence and of what programmes changed in a real browser: nothing is cut, nothing lies on anything, all can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

PAGES = ("impacts/hubs.html", "evidence/elsewhere/places-spaces.html", "evidence/works/contact-cohesion.html")

CROWDED = """() => {
  document.querySelectorAll("details").forEach(one => { one.open = true; });
  const found = [];
  for (const drawing of document.querySelectorAll("svg.drawing")) {
    const edge = drawing.getBoundingClientRect();
    const texts = [...drawing.querySelectorAll("text")].map(one => {
      const box = one.getBoundingClientRect(), size = parseFloat(getComputedStyle(one).fontSize);
      const scale = edge.width / drawing.viewBox.baseVal.width;
      return { said: one.textContent, left: box.left, right: box.right, top: box.top, bottom: box.bottom, size: size * scale };
    });
    if (drawing.closest(".chart")) texts.filter(one => one.size < 10.5).forEach(one => found.push(`small: ${one.said}`));
    for (const one of texts) {
      if (one.left < edge.left - 1 || one.right > edge.right + 1 || one.top < edge.top - 1 || one.bottom > edge.bottom + 1)
        found.push(`cut: ${one.said}`);
      for (const other of texts)
        if (one !== other && drawing.closest(".chart")
            && Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1
            && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 4)
          found.push(`over: ${one.said} / ${other.said}`);
    }
  }
  return [document.querySelectorAll("svg.drawing").length, found];
}"""


@pytest.mark.parametrize("width", [1280, 390, 320])
@pytest.mark.parametrize("path", PAGES)
def test_words_of_drawings_are_whole_apart_and_large_enough(
    page: Path, tab: Any, path: str, width: int
) -> None:
    tab.set_viewport_size({"width": width, "height": 700})
    tab.goto((page.parent / path).as_uri())
    number, found = tab.evaluate(CROWDED)
    assert number
    assert found == []
