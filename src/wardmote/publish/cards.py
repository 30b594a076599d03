"""Findings to share: a picture with its words for each, and a thread of short posts."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from unicodedata import category, combining, normalize

from wardmote import words
from wardmote.publish import speech
from wardmote.publish.atlas import Making
from wardmote.publish.building import digest
from wardmote.publish.page import START, Page
from wardmote.publish.strings import PAGES, say

SIZE = (1200, 630)
"""Size of a picture in dots: what the large networks show without cutting (1.91 to 1)."""

MOST_POST = 300
"""Most characters of one post: the tightest limit among the large open networks (Bluesky 300, Mastodon 500)."""

MOST_PICTURES = 12
"""Most pictures: findings beyond these stand on the first page."""

MOST_SHARED = 8
"""Most findings of a thread: more posts than a dozen nobody reads."""

LISTED = 5
"""Most names of a list in a post; the others are counted."""

LIST_COMMA = ", "
"""What stands between the names of a list."""

BOX = "□"
"""What stands for a sign that cannot be drawn; the letters lack it as well, so it is drawn as the box that they have for all such."""

GROUND, INK, QUIET, BAND, WARN = "#ffffff", "#16222b", "#4a5a66", "#2f7d99", "#8c2d04"
"""Colours of a picture; ink on ground has a contrast of 16 to 1, the quiet one 7 to 1, that of cautions 8 to 1."""

SIZES = (64, 58, 52, 46, 40, 34, 28, 22)
"""Sizes of the letters of a finding, the largest in which it fits."""

LEAST_WHOLE = 34
"""Size of the letters below which a long word is broken instead, so that the others can be read."""

NOTE_SIZE = 30
"""Size of the letters of what must be said with a finding."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: where it lies, and its words for those who cannot see it."""

    path: str
    alt: str


@dataclass(frozen=True, slots=True)
class Said:
    """One finding to share.

    Attributes:
        sentence: The finding.
        of: What it speaks of (a funding round, an index), where it does not name it itself; else "".
        note: What must be said with it wherever it goes (that a round is an example), or "".
    """

    sentence: str
    of: str = ""
    note: str = ""

    @property
    def told(self) -> str:
        """The finding with the name of what it speaks of, so that it can stand by itself."""
        return say("pages", "shared_of", title=self.of, said=self.sentence) if self.of else self.sentence


@dataclass(frozen=True, slots=True)
class Post:
    """One post: its text, and the number of the picture that goes with it, 0 for none."""

    text: str
    picture: int


def findings_of(page: Page) -> tuple[Said, ...]:
    """Return the findings that are worth sharing, the leading ones first, each once.

    Args:
        page: What the first page says.
    """
    # What was decided and what was found of need and of each index; how places were put together is no news.
    kept = {START[f"stage_{stage}"] for stage in ("areas", "comparison", "sources")}
    rounds = {told.title: told for told in page.fundings}
    found = [Said(sentence) for sentence in page.findings]
    for title, sentences in page.further:
        if title in kept or any(title == say("start", "compared", title=name) for name in _indices(page)):
            continue
        told = rounds.get(title)
        note = told.standing if told else ""
        of = title if told or title in _indices(page) else ""
        found += [
            Said(sentence, of if of not in sentence else "", note)
            for sentence in sentences
            if sentence != note
        ]
    return tuple(dict.fromkeys(found))


def _indices(page: Page) -> tuple[str, ...]:
    return tuple(method.title for method in page.methods)


def make_share(making: Making) -> None:
    """Write the pictures and the page that offers them with the thread.

    Args:
        making: What pages are made of.
    """
    found = findings_of(making.page)
    address = making.frame.address
    pictures = []
    for number, one in enumerate(found[:MOST_PICTURES], start=1):
        path = f"share/{number}.png"
        below = address.removeprefix("https://").removeprefix("http://") if address else PAGES["made"]
        made_from = digest(making.build.ingredients, one.told, one.note, making.page.title, below)
        if not making.build.keep(path, made_from):
            making.build.put(path, picture(making.page.title, one.told, below, one.note), made_from)
        said = f"{one.told} {one.note}".strip()
        pictures.append(Picture(path, f"{said} ({making.page.title}.)"))
    largest = next((p for p in reversed(list(making.atlas.levels.values())) if p.paged), making.atlas.base)
    names = {name for place in making.atlas.levels.values() for name in place.names}
    making.put(
        "share/index.html",
        "share.html.j2",
        pictures=pictures,
        thread=thread(
            making.page.title,
            found[:MOST_SHARED],
            making.page.contact,
            address,
            names,
            drawn=bool(making.page.sure),
        ),
        address=address,
        level=largest.level.name,
        code_=largest.codes[0],
    )


def picture(title: str, sentence: str, below: str, note: str = "") -> bytes:
    """Return a PNG with a sentence in large letters.

    Args:
        title: Title of the study, small above it.
        sentence: The finding.
        below: A line at the foot.
        note: What must be said with it, or "": it stands under the sentence, and takes of its room.
    """
    from PIL import Image, ImageDraw

    # What the letters lack stands as a box, and the caution says what boxes are, so that nobody reads them as the source's.
    shown = [drawable(one) for one in (title, sentence, below, note)]
    lacking = BOX in "".join(shown) and BOX not in f"{title}{sentence}{below}{note}"
    title, sentence, below, note = shown
    if lacking:
        note = f"{note} {drawable(PAGES['card_boxes'].format(box=BOX))}".strip()
    image = Image.new("RGB", SIZE, GROUND)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, SIZE[0], 18), fill=BAND)
    width = SIZE[0] - 140
    draw.text((70, 60), _fitted(draw, title, width, 30), font=_font(30), fill=QUIET)
    caution = _lines(draw, note, width, NOTE_SIZE) if note else []
    size, lines = _set(draw, sentence, width, 400 - len(caution) * NOTE_SIZE * 1.3)
    draw.multiline_text((70, 130), "\n".join(lines), font=_font(size), fill=INK, spacing=size * 0.3)
    if caution:
        top = 555 - len(caution) * NOTE_SIZE * 1.3
        draw.multiline_text(
            (70, top), "\n".join(caution), font=_font(NOTE_SIZE), fill=WARN, spacing=NOTE_SIZE * 0.3
        )
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
    for sign in normalize("NFC", text):
        plain = _PLAIN.get(sign, " " if category(sign) == "Zs" else sign)
        shown.append(plain if plain != sign or _can_draw(sign) else _bare(sign))
    return "".join(shown)


_PLAIN = {"–": "-", "—": "-", "−": "-", "…": "...", "×": "x", "£": "pounds ", "‑": "-", "\u00a0": " "}
_PLAIN |= {
    "•": "-",
    "ß": "ss",
    "Æ": "AE",
    "æ": "ae",
    "Œ": "OE",
    "œ": "oe",
    "Ø": "O",
    "ø": "o",
    "Ł": "L",
    "ł": "l",
}
_PLAIN |= {"Đ": "D", "đ": "d", "Ð": "D", "ð": "d", "Þ": "Th", "þ": "th", "ı": "i"}
"""Signs that these letters lack, as people write them where they lack them too."""


@cache
def _can_draw(sign: str) -> bool:
    """Return whether the letters hold a sign: one that they lack is drawn as the box that stands for all such."""
    if sign.isascii():
        return True
    font = _font(40)
    return bytes(font.getmask(sign)) != bytes(font.getmask("\ufffe"))


def _bare(sign: str) -> str:
    """Return a sign without its marks, or a box where that cannot be drawn either; marks and signs without a shape are left out."""
    if category(sign) in ("Mn", "Me", "Cf"):
        return ""
    base = "".join(part for part in normalize("NFD", sign) if not combining(part))
    return base if base and base != sign and all(_can_draw(part) for part in base) else BOX


@cache
def _font(size: int) -> Any:
    """Return the letters that come with Pillow: no font of the system, so pictures are the same everywhere."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _set(draw: Any, text: str, width: int, room: float) -> tuple[int, list[str]]:
    """Return the largest size in which a text fits, its words whole if they can be, and its lines; three dots where it fits in none."""
    for size, must_be_whole in [
        *((size, True) for size in SIZES if size >= LEAST_WHOLE),
        *((s, False) for s in SIZES),
    ]:
        lines = _lines(draw, text, width, size)
        whole = all(draw.textlength(word, font=_font(size)) <= width for word in text.split())
        if len(lines) * size * 1.3 <= room and (whole or not must_be_whole):
            return size, lines
    most = max(1, int(room / (size * 1.3)))
    return size, lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1]} ..."]


def _lines(draw: Any, text: str, width: int, size: int) -> list[str]:
    """Return a text cut into lines no wider than so many dots; a word that is wider by itself is broken."""
    font, lines = _font(size), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font=font) <= width:
            lines[-1] = longer
            continue
        lines += [""] if lines[-1] else []
        for sign in word:
            if lines[-1] and draw.textlength(lines[-1] + sign, font=font) > width:
                lines.append("")
            lines[-1] += sign
    return lines


def _fitted(draw: Any, text: str, width: int, size: int) -> str:
    """Return the first line of a text, with three dots where it is cut."""
    lines = _lines(draw, text, width - size, size)
    return lines[0] if len(lines) == 1 else f"{lines[0]} ..."


def thread(
    title: str,
    found: Sequence[Said],
    contact: str,
    address: str,
    names: Collection[str] = (),
    *,
    drawn: bool = False,
) -> tuple[Post, ...]:
    """Return numbered posts of at most `MOST_POST` characters each: what was found, how sure, whom to ask, where to look.

    Args:
        title: Title of the study.
        found: The findings, in the order of their pictures.
        contact: Who decides and whom to ask, or "".
        address: Address of the site, or "".
        names: Names of places, by which lists of them are known.
        drawn: Whether findings may speak of draws, so that one post says what these are.
    """
    # Nine characters are kept for " 12/345: " in front.
    most = MOST_POST - 9
    pieces = [(piece, 0) for piece in _cut(PAGES["thread_first"].format(title=title), most)]
    for number, one in enumerate(found, start=1):
        room = most - len(one.note) - 1 if one.note else most
        told = words.sentence(one.told)
        told = told if len(told) <= room else words.sentence(one.sentence)
        said = _cut(shortened(told, room, names), room)
        # The first piece carries the picture; what must be said with a finding stands in each.
        pieces += [(f"{piece} {one.note}".strip(), 0 if i else number) for i, piece in enumerate(said)]
    for note in (*([PAGES["thread_draws"]] if drawn else []), PAGES["thread_caution"]):
        pieces += [(piece, 0) for piece in _cut(note, most)]
    pieces += [(piece, 0) for piece in _cut(words.sentence(contact), most)]
    if address:
        pieces += [(piece, 0) for piece in _cut(PAGES["thread_last"].format(address=address), most)]
    return tuple(
        Post(f"{number}/{len(pieces)}: {piece}", picture)
        for number, (piece, picture) in enumerate(pieces, start=1)
    )


def shortened(text: str, most: int, names: Collection[str] = ()) -> str:
    """Return a sentence that ends with a list of places with fewer of them, where it is too long: ``…: Here, There and 12 more.``

    Args:
        text: The sentence.
        most: Most characters.
        names: Names of places; a sentence that ends otherwise stays as it is.
    """
    head, colon, tail = text.rpartition(": ")
    if len(text) <= most or not colon:
        return text
    kept = tail.removesuffix(".")
    for name in names:
        if LIST_COMMA in name:
            kept = kept.replace(name, name.replace(LIST_COMMA, COVER))
    # The last two of a list stand on either side of “and”, without a comma: they count as one here, and are never shown.
    items = [item.replace(COVER, LIST_COMMA) for item in kept.split(LIST_COMMA)]
    for shown in range(min(LISTED, len(items) - 1), 0, -1):
        short = words.sentence(f"{head}{colon}{speech.listed([*items, ''], shown)}")
        if len(short) <= most and all(item in names for item in items[:shown]):
            return short
    return text


COVER = "\0"
"""What stands for a comma that is part of a name, while a list is taken apart."""

ENDS = (". ", "; ", ", ", " ")
"""Where a text may be cut, the best places first."""


def _cut(text: str, most: int) -> list[str]:
    """Return a text in pieces, cut where a sentence or clause ends if that is in the second half; three dots tell that it goes on."""
    pieces = []
    while len(text) > most:
        room = most - 2
        found = ((text.rfind(end, room // 2, room), len(end.rstrip())) for end in ENDS)
        at = next((where + kept for where, kept in found if where > 0), room)
        pieces.append(f"{text[:at]} …")
        text = text[at:].strip()
    return [*pieces, text] if text else pieces
