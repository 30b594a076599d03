"""Findings to share: a picture with its words for each, and a thread of short posts."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from unicodedata import combining, normalize

from wardmote import words
from wardmote.publish.atlas import Making
from wardmote.publish.building import digest
from wardmote.publish.mapping import can_map
from wardmote.publish.page import START, Page
from wardmote.publish.strings import PAGES, say

SIZE = (1200, 630)
"""Size of a picture in dots: what the large networks show without cutting (1.91 to 1)."""

MOST_POST = 300
"""Most characters of one post: the tightest limit among the large open networks (Bluesky 300, Mastodon 500)."""

MOST_PICTURES = 12
"""Most pictures: findings beyond these stand on the first page."""

GROUND, INK, QUIET, BAND = "#ffffff", "#16222b", "#4a5a66", "#2f7d99"
"""Colours of a picture; ink on ground has a contrast of 16 to 1, the quiet one 7 to 1."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: where it lies, and its words for those who cannot see it."""

    path: str
    alt: str


def sentences_of(page: Page) -> tuple[str, ...]:
    """Return the findings that are worth sharing, the leading ones first, each once.

    Args:
        page: What the first page says.
    """
    # What was decided and what was found of need and of each index; how places were put together is no news.
    kept = {START[f"stage_{stage}"] for stage in ("areas", "comparison", "sources")}
    further = [
        sentence
        for title, sentences in page.further
        if title not in kept
        and not any(title == say("start", "compared", title=name) for name in _indices(page))
        for sentence in sentences
    ]
    return tuple(dict.fromkeys([*page.findings, *further]))


def _indices(page: Page) -> tuple[str, ...]:
    return tuple(method.title for method in page.methods)


def make_share(making: Making) -> None:
    """Write the pictures and the page that offers them with the thread.

    Args:
        making: What pages are made of.
    """
    sentences = sentences_of(making.page)
    address = making.frame.address
    pictures = []
    for number, sentence in enumerate(sentences[:MOST_PICTURES], start=1):
        path = f"share/{number}.png"
        below = address.removeprefix("https://").removeprefix("http://") if address else PAGES["made"]
        made_from = digest(making.build.ingredients, sentence, making.page.title, below)
        if not making.build.keep(path, made_from):
            making.build.put(path, picture(making.page.title, sentence, below), made_from)
        pictures.append(Picture(path, f"{sentence} ({making.page.title}.)"))
    largest = next((p for p in reversed(list(making.atlas.levels.values())) if p.paged), making.atlas.base)
    posts = thread(making.page.title, sentences[:8], making.page.contact, address)
    making.put(
        "share/index.html",
        "share.html.j2",
        pictures=pictures,
        thread=[(post, _picture_of(post, sentences[:MOST_PICTURES])) for post in posts],
        map=can_map(making.found, making.atlas),
        address=address,
        level=largest.level.name,
        code_=largest.codes[0],
    )


def _picture_of(post: str, sentences: tuple[str, ...]) -> int:
    """Return the number of the picture that goes with a post, 0 for none."""
    said = post.partition(" ")[2].removesuffix(" …")
    return next((i for i, sentence in enumerate(sentences, start=1) if sentence.startswith(said)), 0)


def picture(title: str, sentence: str, below: str) -> bytes:
    """Return a PNG with a sentence in large letters.

    Args:
        title: Title of the study, small above it.
        sentence: The finding.
        below: A line at the foot.
    """
    from PIL import Image, ImageDraw

    title, sentence, below = drawable(title), drawable(sentence), drawable(below)
    image = Image.new("RGB", SIZE, GROUND)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, SIZE[0], 18), fill=BAND)
    width = SIZE[0] - 140
    draw.text((70, 60), _fitted(draw, title, width, 30), font=_font(30), fill=QUIET)
    for size in (64, 58, 52, 46, 40, 34, 28, 22):
        lines = _lines(draw, sentence, width, size)
        if len(lines) * size * 1.3 <= 400:
            break
    draw.multiline_text((70, 130), "\n".join(lines), font=_font(size), fill=INK, spacing=size * 0.3)
    draw.text((70, 572), _fitted(draw, below, width, 26), font=_font(26), fill=QUIET)
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=6)
    return out.getvalue()


def drawable(text: str) -> str:
    """Return a text in the letters that can be drawn: pounds in words, plain hyphens, letters without the marks that are lacking.

    The words for those who cannot see the picture keep every sign.

    Args:
        text: The text.
    """
    text = re.sub(r"£\s?(\d[\d,.]*\d|\d)( (?:million|billion|thousand))?", r"\1\2 pounds", text)
    shown = []
    for sign in text:
        plain = _PLAIN.get(sign, sign)
        shown.append(plain if plain != sign or _can_draw(sign) else _bare(sign))
    return "".join(shown)


_PLAIN = {"–": "-", "—": "-", "−": "-", "…": "...", "×": "x", "£": "pounds ", "‑": "-", "\u00a0": " "}


@cache
def _can_draw(sign: str) -> bool:
    """Return whether the letters hold a sign: one that they lack is drawn as the box that stands for all such."""
    if sign.isascii():
        return True
    font = _font(40)
    return bytes(font.getmask(sign)) != bytes(font.getmask("\ufffe"))


def _bare(sign: str) -> str:
    """Return a sign without its marks, or a question mark where that cannot be drawn either."""
    base = "".join(part for part in normalize("NFD", sign) if not combining(part))
    return base if base and base != sign and all(_can_draw(part) for part in base) else "?"


@cache
def _font(size: int) -> Any:
    """Return the letters that come with Pillow: no font of the system, so pictures are the same everywhere."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _lines(draw: Any, text: str, width: int, size: int) -> list[str]:
    """Return a text cut into lines no wider than so many dots."""
    font, lines = _font(size), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font=font) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _fitted(draw: Any, text: str, width: int, size: int) -> str:
    """Return the first line of a text, with three dots where it is cut."""
    lines = _lines(draw, text, width - size, size)
    return lines[0] if len(lines) == 1 else f"{lines[0]} …"


def thread(title: str, sentences: tuple[str, ...], contact: str, address: str) -> tuple[str, ...]:
    """Return numbered posts of at most `MOST_POST` characters each: what was found, how sure, whom to ask, where to look.

    Args:
        title: Title of the study.
        sentences: The findings.
        contact: Who decides and whom to ask, or "".
        address: Address of the site, or "".
    """
    said = [PAGES["thread_first"].format(title=title), *sentences]
    said.append(PAGES["thread_caution"])
    said += [contact] if contact else []
    said += [PAGES["thread_last"].format(address=address)] if address else []
    # Nine characters are kept for " 12/345: " in front.
    pieces = [
        piece
        for text in said
        for piece in _cut(words.sentence(text) if "://" not in text else text, MOST_POST - 9)
    ]
    return tuple(f"{number}/{len(pieces)} {piece}" for number, piece in enumerate(pieces, start=1))


def _cut(text: str, most: int) -> list[str]:
    """Return a text in pieces, cut between words; three dots tell that it goes on."""
    pieces = []
    while len(text) > most:
        at = text.rfind(" ", 0, most - 2)
        at = at if at > 0 else most - 2
        pieces.append(f"{text[:at]} …")
        text = text[at:].strip()
    return [*pieces, text] if text else pieces
