"""The pages beside the profiles: look up, compare, table, round, method, indicators, data, share, about."""

from __future__ import annotations

import json

from wardmote.publish.atlas import ASSETS, TEMPLATES, Making
from wardmote.publish.strings import LANGUAGE, MAP, SCRIPT


def make_assets(making: Making) -> None:
    """Write styles, scripts and the words that scripts use.

    Args:
        making: What pages are made of.
    """
    style = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "atlas.css"))
    making.build.put("assets/site.css", style)
    spoken = json.dumps({"language": LANGUAGE, **MAP, **SCRIPT}, ensure_ascii=False)
    making.build.put(
        "assets/words.js", f"window.wardmote = window.wardmote || {{}};\nwardmote.words = {spoken};\n"
    )
    for file in sorted(ASSETS.rglob("*")):
        if file.is_file():
            making.build.put(f"assets/{file.relative_to(ASSETS).as_posix()}", file.read_bytes())
