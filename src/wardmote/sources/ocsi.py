"""Oxford Consultants for Social Inclusion and Local Trust: the Community Needs Index.

The index was announced as open data at the UK Data Service, but neither record number nor licence text was seen: until then its rows
are not published (access ``derived-only``), and the user supplies the file.
"""

from __future__ import annotations

from wardmote.sources.catalogue import Entry, Field, File, Form, Layout, Measure, Place

_DOMAINS = (
    ("", "Community Needs Index", "Community Needs Index 2023"),
    ("civic-assets", "Civic assets", "Civic Assets Domain"),
    ("connectedness", "Connectedness", "Connectedness Domain"),
    ("active-and-engaged", "Active and engaged community", "Active and Engaged Community Domain"),
)

_DEFINITIONS = {
    "": "How far an area lacks places to meet, links and community life: its three domains, each ranked, stretched at the end of greatest "
    "need and added up.",
    "civic-assets": "The lack of community, civic, educational and cultural places in or near the area.",
    "connectedness": "How far people are cut off: from key services, from the internet, from each other and from jobs.",
    "active-and-engaged": "How little civic and third-sector activity there is, and what stands in its way.",
}
"""What the makers mean by the index and its domains, in one sentence; the list of indicators is in their methodology paper."""


def _id(node: str, what: str) -> str:
    return "-".join(part for part in ("cni2023", node, what) if part)


_LAYOUT = Layout(
    (Place("lsoa21", "lsoa21_code", "lsoa21_name"),),
    fields=(
        *(
            Field(f"{header} {what.title()}", _id(node, what))
            for what in ("score", "rank")
            for node, _, header in _DOMAINS
        ),
        Field("Left Behind Area?", "cni2023-left-behind", flag=True),
    ),
    loose=True,
    period="2023",
)

SOURCES: dict[str, Entry] = {
    "cni-2023": Entry(
        "Community Needs Index 2023, England",
        "Oxford Consultants for Social Inclusion and Local Trust",
        "© OCSI and Local Trust; licence not established",
        "derived-only",
        "2023",
        (Form("mirror", (File("community/cni2023_england_lsoa21.parquet", _LAYOUT),)),),
        (
            *(
                Measure(_id(node, "score"), f"{title}: score, 2023", 1, "score", note=_DEFINITIONS[node])
                for node, title, _ in _DOMAINS
            ),
            *(
                Measure(
                    _id(node, "rank"),
                    f"{title}: rank, 2023",
                    -1,
                    "rank",
                    note=f"{_DEFINITIONS[node]} Areas are ranked by it: 1 is the greatest need.",
                )
                for node, title, _ in _DOMAINS
            ),
            Measure(
                "cni2023-left-behind",
                "Marked as left behind in the file",
                1,
                "1 or 0",
                note="Derived by the package that carries the file (greatest-need tenth of both the 2025 index of deprivation and this "
                "index); not official.",
            ),
        ),
        "2023",
        "https://ocsi.uk/?p=10082",
        "No public address: name your copy with `file`. Rows may not be redistributed; results made from them are shown. Higher scores "
        "and lower ranks mean more community need.",
        (_LAYOUT,),
    ),
}
"""All sets of the supplier, by name."""
