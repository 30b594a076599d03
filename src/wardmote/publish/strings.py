"""Every word that the atlas shows and that is not made from data, in one place, ready to be translated.

Sentences about numbers are made by `wardmote.words`; what stands here are headings, labels and explanations. Each page has a section.
Marks in braces are filled in with names or numbers. Words for scripts stand under ``script`` and reach the browser as one file.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LANGUAGE = "en-GB"
"""Language of the words below, as browsers read it."""

SITE: Mapping[str, str] = MappingProxyType(
    {
        "skip": "Skip to the main text",
        "pages": "Pages",
        "start": "Start",
        "map": "Map",
        "find": "Find my place",
        "table": "Table",
        "compare": "Compare",
        "round": "Funding",
        "whatif": "What if",
        "method": "Method",
        "data": "Data",
        "share": "Share",
        "about": "About",
        "made": "Made with Wardmote {version}. It sets no cookies, counts no visitors and asks no other computer for anything.",
        "no_interval": "No interval is available yet.",
        "no_script": "This part of the page needs JavaScript. The same figures stand in the tables of this site.",
        "published": "Published",
        "breadcrumb": "Where this page lies",
        "rank_note": "Rank 1 is the greatest need. Ranks compare places with each other; they do not say how many people are in need.",
    }
)
"""Words that stand on every page."""

PLACE: Mapping[str, str] = MappingProxyType(
    {
        "residents": "{people} live here",
        "code": "Code",
        "strong": "What is strong here",
        "strong_none": "None of the parts that are measured is among the three tenths with the least need. What people here "
        "know to be strong may not be measured.",
        "strong_low": "{title}: {tenth} of {areas}",
        "strong_share": "{title}: {count} of its {total} {areas} are in the three tenths with the least need",
        "need": "Where need is greatest here",
        "need_none": "None of the parts that are measured is in the three tenths with the greatest need.",
        "need_share": "{title}: {count} of its {total} {areas} are in the three tenths with the greatest need",
        "standing": "Where it stands",
        "least_end": "least need",
        "greatest_end": "greatest need",
        "strip": "A line from the greatest need (left) to the least (right), in tenths, with this place marked.",
        "both": "Deprivation and community need together",
        "domains": "The parts, one by one",
        "part": "Part",
        "weight": "Share of all weights",
        "rank": "Rank",
        "tenth": "Tenth",
        "interval": "Interval of the rank",
        "points": "Share of this place's points",
        "no_part_interval": "Intervals are worked out for whole indices, not for single parts.",
        "pulls": "What pulls it up or down",
        "pulls_note": "A part pulls towards need where its share of this place's points is larger than its share of all weights.",
        "pulls_up": "Towards need: {items}.",
        "pulls_down": "Away from need: {items}.",
        "pull_item": "{title} ({points} of the points, {weight} of the weights)",
        "indicators": "The figures behind it",
        "indicator": "Indicator",
        "figure": "Figure",
        "small": "Its {areas}",
        "small_note": "By name, not by rank. Each row says all that is known of one of them.",
        "name": "Name",
        "type": "Type of need",
        "similar": "Places most alike",
        "similar_note": "Alike in all parts of “{title}”, wherever in the study they lie. They may have ideas to share.",
        "beside": "Beside the larger areas it lies in",
        "beside_note": "The share of each area's {areas} that are in the greatest-need tenth of the whole study (over the study as a "
        "whole: one in ten).",
        "area": "Area",
        "share": "In the greatest-need tenth",
        "rank_there": "Rank among its kind",
        "measures": "Summaries",
        "measure": "Summary",
        "value": "Value",
        "whole": "The whole study",
        "money": "Was it funded, and why?",
        "funded": "Funded",
        "not_funded": "Not funded",
        "open": "Still to be decided",
        "flip": "What would turn it",
        "funded_inside": "Funded places in it",
        "no_round": "No funding round is part of this study.",
        "outside_round": "The funding round “{title}” chooses among {areas}; see those below or above this one.",
        "activities": "What goes on here",
        "activities_none": "Groups, grants and activities are not part of this study. If you know what goes on here, tell those who "
        "publish it.",
        "wrong": "Something wrong? How to correct it",
        "wrong_note": "You know this place; the figures do not know it as you do. Say which place (its code is {code}), which figure, "
        "what you think is right, and how you know. Errors in a source's own figures are corrected by its publisher, and then here.",
        "wrong_who": "Who decides, and whom to ask: {contact}",
        "wrong_nobody": "This study does not say whom to ask. Ask whoever gave you this page.",
        "sources": "The sources and their publishers",
        "share_title": "Take it with you",
        "share_card": "A card of this place to put into another page",
        "share_compare": "Compare it with other places",
        "share_map": "Show it on the map",
        "locator": "{name} in the study",
        "description": "{name}: what is strong, where need is greatest, how sure that is, and what was decided.",
        "shards": "{areas}: one page for all",
        "shards_note": "There are {count} {areas}, so each is shown here on demand. Without JavaScript, look it up on the page of the "
        "larger area in which it lies: everything about it stands there in a row.",
        "enter_code": "Code of one of the {areas}",
        "show": "Show",
    }
)
"""Words of the profiles of places."""

PAGES: Mapping[str, str] = MappingProxyType(
    {
        "explore": "Explore",
        "explore_note": "Look up a place, see the method, take the data.",
        "find_title": "Find my place",
        "find_note": "Type a name, a code{postcode}. Nothing that you type leaves your computer.",
        "find_postcode": " or a postcode",
        "find_district": "Only the list of your postcode's district is fetched; the rest of the postcode stays with you.",
        "find_label": "Name, code{postcode}",
        "find_go": "Find",
        "find_browse": "Or go through the list",
        "custom_title": "An area of your own",
        "custom_note": "Paste codes of {areas}, one a line. The rule: a {area} counts wholly or not at all, counts are added, and no "
        "index of its own is made for your area. Nothing that you paste leaves your computer.",
        "custom_label": "Codes",
        "custom_go": "Add them up",
        "compare_title": "Compare places",
        "compare_note": "Up to four places of one kind, side by side. Differences smaller than the intervals are no differences.",
        "compare_level": "Kind of place",
        "compare_place": "Place {number}: name or code",
        "compare_go": "Compare",
        "compare_static": "{areas} side by side",
        "table_title": "All places in a table",
        "table_note": "By name, in classes: this is no league table. Places whose intervals overlap cannot be told apart.",
        "table_filter": "Show only names or codes with",
        "table_class": "Class",
        "table_all": "All classes",
        "table_more": "Show more",
        "table_download": "Download these rows as CSV",
        "table_kind": "Kinds of place",
        "table_class_col": "{title}",
        "round_title": "The funding round",
        "round_none": "No funding round is part of this study yet.",
        "round_none_note": "Where money should go is decided by people. When a round's rules are part of the study, this page says which "
        "places they fund, why there, and how firm that is.",
        "round_rules": "The rules",
        "round_places": "The funded places",
        "round_others": "The places not funded",
        "round_compare": "Beside other rules",
        "round_references": "Where the rules are published",
        "why": "Why",
        "pounds": "Pounds",
        "firm": "How firm",
        "funded_share": "Funded in {share} of draws",
        "method_title": "How it was done, and how it was checked",
        "audit": "The audit",
        "audit_none": "No audit has been run on this study yet.",
        "audit_note": "Each test of the index with its result. “Flagged” asks for a look, not for a verdict.",
        "audit_test": "Test",
        "audit_item": "Of",
        "audit_result": "Result",
        "audit_sentence": "In words",
        "indicators_title": "The indicators",
        "indicator_back": "All indicators and how they are put together",
        "definition": "Definition",
        "definition_none": "The source gives no further definition.",
        "facts": "At a glance",
        "unit": "Unit",
        "direction": "Direction",
        "direction_1": "a higher value means more need",
        "direction_-1": "a higher value means less need",
        "source": "Source",
        "publisher": "Publisher",
        "edition": "Edition",
        "licence": "Licence",
        "period": "Period",
        "kind": "Kind",
        "modelled": "modelled: an estimate by a statistical model, not a count",
        "measured": "as published",
        "derived": "computed from {items}",
        "coverage": "Values",
        "coverage_told": "{count} values for {areas}",
        "used": "Where it is used",
        "used_index": "Index",
        "used_part": "Part",
        "used_weight": "Weight in its part",
        "used_gaps": "Gaps",
        "used_none": "No index of this study uses it.",
        "caveats": "What to bear in mind",
        "caveats_list": "It describes the area, not each person in it.|Small differences between places may be chance.|Places that have "
        "two things in common are not shown to have the one because of the other.",
        "mended": "What was mended in the source's files",
        "mended_none": "Nothing needed mending.",
        "data_title": "Take the data",
        "data_note": "Everything that licences allow, as files that spreadsheets and programs read. Each table of places has a "
        "description for machines (CSVW) beside it.",
        "data_wide": "One row a place",
        "data_long": "Every table, one fact a row",
        "data_long_note": "A data package (Frictionless) with all tables as CSV and Parquet, and a README.",
        "data_columns": "Small columns, as the map reads them",
        "data_what": "What",
        "data_files": "Files",
        "data_rows": "Rows",
        "data_licences": "Under which licence",
        "data_withheld": "What may not be published",
        "data_withheld_none": "Nothing is withheld.",
        "data_notes": "The spreadsheet's second sheet says what each column means.",
        "about_title": "About this atlas",
        "about_who": "Who publishes it, who decides, whom to ask",
        "about_nobody": "This study does not say who decides. Ask whoever gave you this page, and ask them to write it here.",
        "about_decides": "This site decides nothing. It shows where need is greatest by a stated method, so that people can check it, "
        "question it, and correct what is wrong.",
        "about_cite": "How to cite",
        "about_read": "How to read it",
        "about_read_list": "Ranks compare places; they do not say how many people are in need.|A place just outside a line may have as "
        "much need as one just inside.|What is true of an area on average is not true of everyone in it.|Many people in need live outside "
        "the areas of greatest need.",
        "about_access": "Access",
        "about_access_note": "The site is meant to meet WCAG 2.2 at level AA: it works by keyboard, without JavaScript, at 320 pixels, "
        "with forced colours and in print. Tell those named above where it does not.",
        "about_private": "Privacy",
        "about_private_note": "No cookies, no counting, no other computer is asked. What you type is not sent anywhere.",
        "share_title": "Share what was found",
        "share_note": "A picture for each finding, with its words for those who cannot see it, and a thread of short posts to paste.",
        "share_pictures": "Pictures",
        "share_alt": "Alternative text: copy it with the picture",
        "share_download": "Picture as PNG",
        "share_thread": "A thread to paste",
        "share_thread_note": "Each post has at most 300 characters.",
        "share_embed": "A card of a place, for another page",
        "share_embed_note": "Put this line into a page of your own; change the code.",
        "embed_title": "A place in brief",
        "embed_more": "The whole profile",
    }
)
"""Words of the other pages."""

SCRIPT: Mapping[str, str] = MappingProxyType(
    {
        "none_found": "Nothing found for “{text}”.",
        "found": "{count} found.",
        "many_found": "The first {count} are shown; type more letters.",
        "unknown_codes": "{count} not known: {codes}",
        "custom_result": "{count} {areas}, {people} people.",
        "custom_tenth": "{title}: {count} of {total} are in the greatest-need tenth.",
        "custom_type": "{title}: {count} of {total}.",
        "not_available": "not available",
        "rank_of": "rank {rank} of {total}",
        "between": "{low} to {high}",
        "not_found_code": "There is no {area} with the code “{code}”.",
        "showing": "{shown} of {total} rows shown.",
        "loading": "Loading …",
        "failed": "The file {file} could not be read.",
        "greatest_tenth": "the greatest-need tenth",
        "least_tenth": "the least-need tenth",
        "other_tenth": "tenth {tenth} of ten",
        "people": "{people} people live here.",
        "no_interval": "No interval is available yet.",
        "in_draws": "Between rank {low} and {high} in {coverage} of draws.",
        "profile_of": "The whole profile of {name}",
        "postcode_unknown": "The postcode is not in the file of its district.",
        "sorted": "sorted by {column}",
    }
)
"""Words that scripts put on pages."""

MAP: Mapping[str, str] = MappingProxyType({})
"""Words of the map and the what-if page."""

STRINGS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"site": SITE, "place": PLACE, "pages": PAGES, "script": SCRIPT, "map": MAP}
)
"""All words by section."""
