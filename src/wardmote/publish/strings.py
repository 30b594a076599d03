"""Every text that pages show and that is not made from data, in one file, and the language that pages speak.

`english.toml` holds the texts; a translation is a file of the same form, laid over it text by text (``[publish] strings``). What it
lacks stays English and is listed. Sentences that are made when a study is run (findings, decisions, the audit) are data and stay as
they were made.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from pathlib import Path
from string import Formatter
from typing import Any, TypeVar

from wardmote import words
from wardmote.errors import MissingError, Problem, StudyError
from wardmote.study import Study

ENGLISH = "en-GB"
"""Language of `english.toml`, as browsers read it."""

Kind = TypeVar("Kind", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Translation:
    """A language, and its texts by section and key where they are known."""

    language: str = ENGLISH
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


_SPOKEN: ContextVar[Translation | None] = ContextVar("spoken", default=None)
_ENGLISH = Translation()
_REMEMBERED: list[Callable[[], None]] = []


class Section(Mapping[str, str]):
    """The texts of one section in the language that is spoken now, English where that lacks one.

    Args:
        name: Its name.
        english: Its English texts.
    """

    def __init__(self, name: str, english: Mapping[str, str]) -> None:
        self._name = name
        self.english = english

    def __getitem__(self, key: str) -> str:
        """Return a text in the language that is spoken now."""
        text = self.english[key]
        return spoken_now().texts.get(self._name, {}).get(key, text)

    def __iter__(self) -> Iterator[str]:
        """Return the keys."""
        return iter(self.english)

    def __len__(self) -> int:
        """Return how many texts there are."""
        return len(self.english)


def _english() -> dict[str, Section]:
    """Return the sections of the file beside this module."""
    texts = tomllib.loads((Path(__file__).parent / "english.toml").read_text(encoding="utf-8"))
    # The questions of the audit stand with its sentences, which are made when a study is run.
    texts["audit_tests"] = words.AUDIT_TESTS
    return {name: Section(name, section) for name, section in texts.items()}


STRINGS: Mapping[str, Section] = _english()
"""All texts by section."""

SITE, FRONT, PLACE, PAGES, SCRIPT = (STRINGS[name] for name in ("site", "front", "place", "pages", "script"))
MAP, WHATIF, EVIDENCE, NUMBERS = (STRINGS[name] for name in ("map", "whatif", "evidence", "numbers"))


def language() -> str:
    """Return the language that is spoken now, as browsers read it."""
    return spoken_now().language


def spoken_now() -> Translation:
    """Return the translation that is spoken now."""
    return _SPOKEN.get() or _ENGLISH


def say(section: str, key: str, number: float | None = None, /, **marks: Any) -> str:
    """Return a text with its marks filled in.

    Args:
        section: Its section.
        key: Its key.
        number: Where given, the text ``key_one`` is taken for 1, where there is such a text.
        marks: What fills the marks.
    """
    texts = STRINGS[section]
    chosen = f"{key}_one" if number == 1 and f"{key}_one" in texts.english else key
    return texts[chosen].format(**marks)


@contextmanager
def speaking(translation: Translation) -> Iterator[None]:
    """Speak a language inside the block.

    Args:
        translation: The language with its texts.
    """
    token = _SPOKEN.set(translation)
    _forget()
    try:
        yield
    finally:
        _SPOKEN.reset(token)
        _forget()


def in_its_language(publisher: Kind) -> Kind:
    """Make a function that publishes a study speak the study's language; its second argument is the study."""

    @wraps(publisher)
    def spoken(tables: Any, study: Study, *rest: Any, **named: Any) -> Any:
        with speaking(read_translation(study)):
            return publisher(tables, study, *rest, **named)

    return spoken  # type: ignore[return-value]  # the same parameters


def remembered(most: int) -> Callable[[Kind], Kind]:
    """Remember what a function of words returns, until another language is spoken.

    Args:
        most: Most answers that are kept.
    """

    def wrap(function: Kind) -> Kind:
        kept = lru_cache(maxsize=most)(function)
        _REMEMBERED.append(kept.cache_clear)
        return kept  # type: ignore[return-value]  # the same parameters

    return wrap


def _forget() -> None:
    for clear in _REMEMBERED:
        clear()


# ---- translations


def read_translation(study: Study) -> Translation:
    """Return the language of a study's pages with its texts.

    Args:
        study: The study.

    Raises:
        MissingError: There is no such file.
        StudyError: The file is not TOML, or holds texts that no page has, or marks that the English text does not have.
    """
    spec = study.publish
    if not spec.strings:
        return Translation(spec.language)
    path = study.folder / spec.strings
    where = f"[publish] strings, {spec.strings}"
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError:
        remedy = "Put it there, or take the setting away."
        raise MissingError(Problem(where, "there is no such file", got=str(path), remedy=remedy)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(
            Problem(
                where, "it is not TOML in UTF-8", got=str(error), remedy="Correct the line that is named."
            )
        ) from None
    problems = list(_problems(where, given))
    if problems:
        raise StudyError(problems)
    return Translation(spec.language, given)


def _problems(where: str, given: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong in a translation."""
    for name, texts in given.items():
        if name not in STRINGS or not isinstance(texts, dict):
            known = ", ".join(STRINGS)
            yield Problem(f"{where}, [{name}]", "no such section", expected=f"one of {known}")
            continue
        for key, text in texts.items():
            english = STRINGS[name].english.get(key)
            if english is None or not isinstance(text, str):
                remedy = "Take the line away, or correct its key."
                yield Problem(f"{where}, {name}.{key}", "no page has a text of that name", remedy=remedy)
                continue
            expected = marks_of(english)
            if marks_of(text) is None or not (marks_of(text) or set()) <= (expected or set()):
                told = ", ".join(f"{{{mark}}}" for mark in sorted(expected or ())) or "no marks in braces"
                yield Problem(
                    f"{where}, {name}.{key}", "it holds marks that are not filled in", got=text, expected=told
                )


def marks_of(text: str) -> set[str] | None:
    """Return the marks in braces of a text; None where the braces do not match.

    Args:
        text: The text.
    """
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        return None


def missing(translation: Translation) -> dict[str, dict[str, str]]:
    """Return the English texts that a translation lacks, by section and key.

    Args:
        translation: The translation.
    """
    lacking = {
        name: {
            key: text for key, text in section.english.items() if key not in translation.texts.get(name, {})
        }
        for name, section in STRINGS.items()
    }
    return {name: texts for name, texts in lacking.items() if texts}
