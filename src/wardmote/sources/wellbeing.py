"""Personal well-being by local authority, as carried by the subnational indicators of the Office for National Statistics."""

from __future__ import annotations

from wardmote.sources.catalogue import OGL, Entry, Field, File, Form, Layout, Measure, Place

_QUESTIONS = (
    (
        "life-satisfaction",
        "Life satisfaction",
        -1,
        "Life_satisfaction.csv",
        "Mean satisfaction with your life nowadays",
    ),
    ("happiness", "Happiness yesterday", -1, "Happiness.csv", "Mean happiness yesterday"),
    (
        "worthwhile",
        "Feeling that things done in life are worthwhile",
        -1,
        "Worthwhile.csv",
        "Mean feeling things done in life",
    ),
    ("anxiety", "Anxiety yesterday", 1, "Anxiety.csv", "Mean anxiety yesterday"),
)

SOURCES: dict[str, Entry] = {
    "wellbeing-2021": Entry(
        "Personal well-being, April 2020 to March 2021, by local authority",
        "Office for National Statistics",
        OGL,
        "open",
        "2020/21",
        (
            Form(
                "mirror",
                tuple(
                    File(
                        f"community/ons_subnational_wellbeing/{file}",
                        Layout(
                            (Place("lad19", "Area Code", "Area"),),
                            fields=(Field(header, f"wellbeing2021-{key}"),),
                            loose=True,
                            other_levels="drop",
                            period="2020-04/2021-03",
                        ),
                        "csv",
                    )
                    for key, _, _, file, header in _QUESTIONS
                ),
            ),
        ),
        tuple(
            Measure(
                f"wellbeing2021-{key}",
                f"{title}, mean of answers from 0 to 10",
                1 if direction > 0 else -1,
                "0 to 10",
                note="A survey estimate; this edition carries no interval.",
            )
            for key, title, direction, _, _ in _QUESTIONS
        ),
        "2020-04/2021-03",
        "https://www.ons.gov.uk/peoplepopulationandcommunity/wellbeing",
        "Annual Population Survey; local authorities of 2019 as the file states them. No address of this file is known; the publisher's "
        "headline estimates carry the intervals. The year holds the pandemic.",
    ),
}
"""All sets on personal well-being, by name."""
