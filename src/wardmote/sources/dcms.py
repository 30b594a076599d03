"""Department for Culture, Media and Sport: the Community Life Survey, and what was modelled from it."""

from __future__ import annotations

from wardmote.sources.catalogue import OGL, Entry, Field, File, Form, Layout, Measure, Place

SOURCES: dict[str, Entry] = {
    "loneliness-2021": Entry(
        "Loneliness by LSOA, modelled from the Community Life Survey 2020/21",
        "Department for Culture, Media and Sport; mapped by the British Red Cross",
        OGL,
        "open",
        "2020/21",
        (
            Form(
                "mirror",
                (
                    File(
                        "community/loneliness_england_cls_2020_lsoa21.parquet",
                        Layout(
                            (Place("lsoa21", "lsoa21_code"),),
                            fields=(Field("perc", "loneliness2021-share"),),
                            loose=True,
                            period="2020-04/2021-03",
                        ),
                    ),
                ),
            ),
        ),
        (
            Measure(
                "loneliness2021-share",
                "People who feel lonely often, always or some of the time",
                1,
                "%",
                modelled=True,
                note="A survey figure spread to small areas by a model: not to be used as an outcome.",
            ),
        ),
        "2020-04/2021-03",
        "https://www.gov.uk/government/collections/community-life-survey--2",
        "No address of the small-area figures is known. The survey's own figures are for larger areas.",
    ),
}
"""All sets of the department, by name."""
