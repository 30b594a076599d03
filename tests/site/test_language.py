"""Every text of the pages can be translated: none stands in a template, and a made-up language reaches every kind of page."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import pytest

from wardmote import words
from wardmote.errors import MissingError, StudyError
from wardmote.publish import publish_site, speech
from wardmote.publish.atlas import TEMPLATES, environment
from wardmote.publish.impacts import plain as plain_sentence
from wardmote.publish.pages import as_toml
from wardmote.publish.strings import STRINGS, Translation, marks_of, missing, read_translation, say, speaking
from wardmote.study import Study
from wardmote.tables import TABLES
from wardmote.workspace import Workspace

SPOKEN_BY_PAGES = ("title", "alt", "aria-label", "placeholder")
"""Attributes that people read or hear."""

NOT_WORDS = re.compile(r"[^A-Za-z]+")


class Texts(HTMLParser):
    """Collects what people read on a page: texts, and attributes that are spoken."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.spoken: list[str] = []
        self.silent = ""
        self.feed(html)
        self.found += self.spoken

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in attributes that are spoken."""
        if tag in ("script", "style", "pre"):
            self.silent = tag
        given = dict(attrs)
        names = (*SPOKEN_BY_PAGES, *(["content"] if given.get("name") == "description" else []))
        self.spoken += [text for name in names if (text := given.get(name))]

    def handle_endtag(self, tag: str) -> None:
        if tag == self.silent:
            self.silent = ""

    def handle_data(self, data: str) -> None:
        if not self.silent and data.strip():
            self.found.append(data)


# ---- templates


def without_expressions(source: str) -> str:
    """Return a template with its expressions blanked, so that what is left is what it says by itself."""
    return "".join(
        value if kind == "data" else " "
        for _, kind, value in jinja2.Environment(autoescape=True).lex(source)
        if kind in ("data", "variable_begin")
    )


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.j2")), ids=lambda path: path.name)
def test_no_template_says_anything_by_itself(template: Path) -> None:
    source = template.read_text(encoding="utf-8")
    said = [
        text.strip() for text in Texts(without_expressions(source)).found if re.search("[A-Za-z]{2}", text)
    ]
    # Names of file formats are the same in every language.
    assert [text for text in said if text not in ("README.txt", "datapackage.json", 'class="bare"')] == []
    tree = environment().parse(source)
    for output in tree.find_all(jinja2.nodes.Output):
        for node in output.find_all((jinja2.nodes.CondExpr, jinja2.nodes.Concat)):
            parts = node.nodes if isinstance(node, jinja2.nodes.Concat) else [node.expr1, node.expr2]
            texts = [one.value for one in parts if isinstance(one, jinja2.nodes.Const)]
            assert not [
                text
                for text in texts
                if re.search(r"[A-Za-z]{3,} |^[a-z]{2,}$", str(text))
                and "/" not in str(text)
                and "=" not in str(text)
                and str(text) not in ("true", "false")
            ], texts


# ---- a made-up language


def pseudo(text: str) -> str:
    """Return a text in brackets: what a page says outside brackets has not been translated."""
    return "|".join(f"⟦{part}⟧" for part in text.split("|"))


def unbracketed(text: str) -> str:
    """Return what stands outside brackets, which may hold others."""
    while (less := re.sub(r"⟦[^⟦⟧]*⟧", " ", text)) != text:
        text = less
    return text


def texts_in(value: Any) -> Iterator[str]:
    """Yield all texts in a record, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield str(key)
            yield from texts_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_in(one)


@pytest.fixture(scope="module")
def known(workspace: Workspace, study: Study) -> list[str]:
    """Return all texts of the data and of the study, longest first: they are shown as they are, in any language."""
    found = set(texts_in(study.model_dump()))
    for name in TABLES:
        table = workspace.read(name)
        for column in table.columns:
            if pd.api.types.is_string_dtype(table[column]):
                texts = {one for one in table[column].dropna().unique() if isinstance(one, str)}
                # Kinds that tables know by a small word ("both", "firm") have texts of their own.
                found |= {one for one in texts if one != one.lower() or column in TOLD}
    # What tables are and mean is documentation, the same in every language (docs/reference/tables.md).
    for name, declared in TABLES.items():
        found |= {name, declared.meaning}
    # A page says the decision before its reason.
    found |= {text.partition(": ")[2] for text in found if text.startswith(("Funded: ", "Not funded: "))}
    # Pages of programmes leave a title out that stands above, and print minus signs as such.
    titles = [spec.title for spec in study.programme.values()]
    found |= {plain_sentence(text, title) for text in found for title in ("", *titles)}
    plain = {part.strip() for text in found for part in text.splitlines()}
    return sorted((text for text in plain if len(text) > 1), key=len, reverse=True)


TOLD = ("unit", "title", "name", "period", "topic", "origin", "vintage", "sentence", "flip")
"""Columns whose cells are shown as they are."""

KINDS = (
    "index.html", "map/index.html", "place/patch25/T01000067.html", "place/borough25/T03000004.html", "place/part25/T04000001.html",
    "find.html", "compare/index.html", "table/index.html", "table/borough25.html", "round/index.html", "whatif/index.html",
    "method/index.html", "indicator/low-income.html", "data/index.html", "share/index.html", "about/index.html",
    "embed/card.html", "embed/map.html", "impacts/index.html",
)  # fmt: skip


@pytest.fixture(scope="module")
def translated(workspace: Workspace, study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pseudo")
    texts = {
        name: {key: pseudo(text) for key, text in section.english.items()}
        for name, section in STRINGS.items()
    }
    (folder / "made-up.toml").write_text(as_toml(texts), encoding="utf-8")
    spec = study.publish.model_copy(update={"language": "cy", "strings": "made-up.toml"})
    changed = study.model_copy(update={"publish": spec, "folder": folder})
    tables = {name: workspace.read(name) for name in TABLES}
    return publish_site(tables, changed, folder / "site", built=datetime.date(2025, 6, 1)).parent


@pytest.mark.parametrize("path", KINDS)
def test_every_kind_of_page_is_translated_wholly(translated: Path, known: list[str], path: str) -> None:
    html = (translated / path).read_text(encoding="utf-8")
    assert '<html lang="cy">' in html
    left = []
    # Brackets may open in one piece of a sentence and close in another, so all pieces are read in one go.
    for text in dict.fromkeys(unbracketed("\0".join(Texts(html).found)).split("\0")):
        rest = re.sub(r"\s+", " ", text).strip()
        if not re.search("[A-Za-z]{2}", rest):
            continue
        low = re.sub(r"readme\.txt|datapackage\.json", " ", rest.casefold())
        for one in known:
            if (small := one.casefold()) in low:
                low = low.replace(small, " ")
        # Shares of weights are printed with their unit, and versions, codes and formats are no words.
        low = re.sub(
            r"wardmote|readme\.txt|datapackage\.json|csvw?|geoparquet|parquet|xlsx|json|sha-256|\bt0\d+|\b[0-9a-f]{12}\b|\d[\d,.]*%?",
            " ",
            low,
        )
        if re.search("[a-z]{2}", low):
            left.append((rest, low.strip()))
    assert left == [], left[:40]


def test_words_for_scripts_are_translated(translated: Path) -> None:
    said = (translated / "assets/words.js").read_text(encoding="utf-8")
    assert '"none_found": "⟦Nothing found for “{text}”.⟧"' in said
    assert '"language": "cy"' in said


# ---- translations


def with_strings(study: Study, folder: Path, text: str | None) -> Study:
    if text is not None:
        (folder / "cy.toml").write_text(text, encoding="utf-8")
    spec = study.publish.model_copy(update={"language": "cy", "strings": "cy.toml"})
    return study.model_copy(update={"publish": spec, "folder": folder})


def test_what_a_translation_lacks_stays_english_and_is_listed(study: Study, tmp_path: Path) -> None:
    some = read_translation(with_strings(study, tmp_path, '[site]\nmap = "Map y lle"\n'))
    with speaking(some):
        assert (say("site", "map"), say("site", "table")) == ("Map y lle", "Table")
    assert say("site", "map") == "Map"
    lacking = missing(some)
    assert "map" not in lacking["site"]
    assert lacking["site"]["table"] == "Table"
    assert sum(map(len, lacking.values())) == sum(map(len, STRINGS.values())) - 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[nowhere]\na = "b"\n', "no such section"),
        ('[site]\nmapp = "b"\n', "no page has a text of that name"),
        ('[site]\nmade = "{versoin}"\n', "marks that are not filled in"),
        ('[site]\nmade = "{"\n', "marks that are not filled in"),
        ("[site\n", "not TOML"),
    ],
)
def test_a_wrong_translation_is_refused_by_line(study: Study, tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(StudyError, match=told):
        read_translation(with_strings(study, tmp_path, text))


def test_a_lacking_translation_is_told(study: Study, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such file"):
        read_translation(with_strings(study, tmp_path, None))


def every_mark() -> Iterator[tuple[str, str, str]]:
    for name, section in STRINGS.items():
        for key, text in section.english.items():
            yield name, key, text


def test_braces_match_in_every_text() -> None:
    assert [(name, key) for name, key, text in every_mark() if marks_of(text) is None] == []


def test_numbers_are_told_as_in_findings() -> None:
    """Pages and findings stand side by side, so in English they must say numbers alike."""
    with speaking(Translation()):
        for number in (1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111, 1262, 33755):
            assert speech.ordinal(number) == words.ordinal(number)
            assert speech.rank_of(number, 33755) == words.rank_of(number, 33755)
            assert speech.people(number * 997) == words.people(number * 997)
            assert speech.count(number, "ward", "wards") == words.count(number, "ward", "wards")
        for tenth in range(1, 11):
            assert speech.tenth(tenth) == words.decile(tenth)
        for share in (0.00001, 0.0123, 0.09, 0.1, 0.5, 0.99999, 1.0):
            assert speech.percent(share) == words.percent(share)
        assert speech.listed(["a", "b", "c", "d"], 2) == words.listed(["a", "b", "c", "d"], 2)


def test_no_text_is_hidden_by_what_its_section_can_do() -> None:
    """Templates look for an attribute of that name first, so a text called `items` would never be printed."""
    assert [(name, key) for name, key, _ in every_mark() if hasattr(STRINGS[name], key)] == []
