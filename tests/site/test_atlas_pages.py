"""The pages beside the profiles: sharing, the funding round, tables, the method and indicators say what a reader needs to know of them."""

from __future__ import annotations

import datetime
import html as markup
import re
from pathlib import Path

import pandas as pd
import pytest

from wardmote import tables as declared
from wardmote.errors import StudyError
from wardmote.levels import unknown_levels
from wardmote.publish import publish_site
from wardmote.publish.cards import MOST_POST, Said, findings_of, shortened, thread
from wardmote.publish.closing import open_tables
from wardmote.publish.page import Gathering, gather, told_withheld
from wardmote.publish.reading import FrameTables, Withheld
from wardmote.publish.varied import told_factor
from wardmote.sources import SOURCES
from wardmote.study import Study, read_study
from wardmote.study.doubt import FactorSpec
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)
ROOT = Path(__file__).resolve().parents[2]
CAVEAT = "An example: no such fund exists, and nobody has decided this."


@pytest.fixture(scope="module")
def site(page: Path) -> Path:
    return page.parent


@pytest.fixture(scope="module")
def frames(workspace: Workspace) -> dict[str, pd.DataFrame]:
    return {name: workspace.read(name) for name in declared.TABLES}


def words_of(html: str) -> str:
    """Return the words of a page, without its marks."""
    return re.sub(r"\s+", " ", markup.unescape(re.sub(r"<[^>]+>", " ", html)))


def changed(study: Study, *pages: str, standing: str = "", **publish: object) -> Study:
    """Return the study with these kinds of page alone, and with what must be known of its round."""
    rounds = {id_: one.model_copy(update={"standing": standing}) for id_, one in study.round.items()}
    update = {"pages": list(pages), **publish}
    return study.model_copy(update={"round": rounds, "publish": study.publish.model_copy(update=update)})


# ---- sharing


def test_nothing_of_an_example_round_is_shared_without_what_must_be_known_of_it(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    some = changed(study, "share", standing=CAVEAT, contact="")
    folder = publish_site(frames, some, tmp_path / "site", built=DAY).parent
    html = (folder / "share/index.html").read_text(encoding="utf-8")
    posts = [markup.unescape(one) for one in re.findall(r'<p class="post">(.*?)</p>', html)]
    sentences = frames["findings"]
    mine = sentences[sentences["stage"] == "allocate"]["sentence"].tolist()
    shared = [post for post in posts if any(said[:40] in post for said in mine)]
    assert len(shared) >= 3
    for post in shared:
        assert "Gathering Places Fund" in post
        assert post.endswith(CAVEAT)
    assert all(len(post) <= MOST_POST for post in posts)
    alts = [markup.unescape(one) for one in re.findall(r'<img [^>]*alt="([^"]*)"', html)]
    told = [alt for alt in alts if any(said[:40] in alt for said in mine)]
    assert told
    assert all(CAVEAT in alt and "Gathering Places Fund" in alt for alt in told)
    # Nobody is named, so no post says whom to ask.
    assert not any("who decides" in post for post in posts)


def test_long_lists_of_places_are_counted_not_carried_on_in_another_post() -> None:
    names = [f"Kingston upon Hull, City of {number:03}E" for number in range(1, 19)]
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    sentence = (
        f"18 neighbourhoods are not on the list and would be in two thirds of worlds or more: {listed}."
    )
    posts = thread("A study", (Said(sentence), Said("Short.")), "", "", set(names))
    assert posts[1].text == (
        f"2/4: 18 neighbourhoods are not on the list and would be in two thirds of worlds or more: "
        f"{', '.join(names[:5])} and 13 more."
    )
    assert [post.picture for post in posts] == [0, 1, 2, 0]
    # What only looks like a list of places stays whole.
    other = f"Of 36: {', '.join(f'{number} are in class {number}' for number in range(40))} and no more."
    assert shortened(other, 291, set(names)) == other


def test_every_piece_of_a_long_finding_carries_its_caveat() -> None:
    posts = thread("A study", (Said("A clause of the finding; " * 30, "A fund", CAVEAT),), "", "")
    mine = [post.text for post in posts if "clause" in post.text]
    assert len(mine) > 1
    assert all(CAVEAT in text and len(text) <= MOST_POST for text in mine)


def test_links_tell_networks_what_they_lead_to_where_the_address_is_known(
    frames: dict[str, pd.DataFrame], study: Study, site: Path, tmp_path: Path
) -> None:
    some = changed(study, "place", "share", address="https://example.org/atlas/")
    folder = publish_site(frames, some, tmp_path / "site", built=DAY).parent
    for path, url in (
        ("index.html", "https://example.org/atlas/"),
        (
            "place/borough25/T03000001.html",
            "https://example.org/atlas/place/borough25/T03000001.html",
        ),
    ):
        html = (folder / path).read_text(encoding="utf-8")
        told = dict(re.findall(r'<meta (?:property|name)="((?:og|twitter):[^"]+)" content="([^"]*)">', html))
        assert told["og:url"] == url
        assert told["og:title"] == re.search("<title>(.*?)</title>", html)[1]  # type: ignore[index]  # a page has a title
        assert told["og:description"]
        assert told["og:image"] == "https://example.org/atlas/share/1.png"
        assert told["og:image:alt"]
        assert told["twitter:card"] == "summary_large_image"
    assert (folder / "share/1.png").is_file()
    # Without an address nothing is said: half an address leads nowhere.
    assert "og:" not in (site / "index.html").read_text(encoding="utf-8")


# ---- who decides


@pytest.mark.parametrize(
    "file", sorted([*ROOT.glob("examples/*/study.toml"), *ROOT.glob("src/wardmote/*/study.toml")])
)
def test_no_study_that_comes_along_holds_a_placeholder_for_who_decides(file: Path) -> None:
    assert "Say here" not in file.read_text(encoding="utf-8")


# ---- the funding round


def test_each_funded_place_stands_in_a_row_with_how_firm_it_is(site: Path, workspace: Workspace) -> None:
    html = (site / "round/index.html").read_text(encoding="utf-8")
    rows = re.findall(r'<li data-region="([^"]*)" data-firm="([^"]*)">(.*?)</li>', html, flags=re.S)
    firm = workspace.read("fragility")
    firm = firm[firm["rules"] == "stated"].set_index("area")
    decided = workspace.read("decisions")
    decided = decided[decided["rules"] == "stated"].set_index("area")
    funded = set(decided.index[decided["funded"].fillna(False).astype(bool)])
    told: dict[str, tuple[str, str]] = {}
    for region, verdict, row in rows:
        code = re.search(r"T01\d{6}", row)
        assert code is not None
        assert region.endswith("Aldmere")
        assert verdict == {"out": "rarely funded"}.get(
            firm.loc[code[0], "standing"], firm.loc[code[0], "standing"]
        )
        told[code[0]] = (verdict, row)
    assert funded <= set(told)
    for code in funded:
        assert "£500,000" in told[code][1]
        # The reason is folded away, and there without a script.
        assert markup.unescape(told[code][1]).count(decided.loc[code, "flip"]) == 1
        assert "<details><summary" in told[code][1]


def test_the_line_is_drawn_where_the_first_place_fell_below_it(site: Path, workspace: Workspace) -> None:
    html = (site / "round/index.html").read_text(encoding="utf-8")
    drawing = re.search(r'<svg[^>]*aria-labelledby="line-1-title[^>]*>.*?</svg>', html, flags=re.S)
    assert drawing is not None
    table = re.search(r"<caption>How firm the line is.*?</table>", html, flags=re.S)
    assert table is not None
    rows = [
        [markup.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", table[0])[1:]
    ]
    ranks = [int(re.sub(r"\D", "", rank)) for _, rank, _, _ in rows]
    assert ranks == sorted(ranks)
    # What the bars say is what the table says, in the same order; the line lies before the first that all places were taken before.
    bars = re.findall(r'class="label">([^<]+)</text><text[^>]*>([^<]+)</text>', drawing[0])
    assert [(name, f"{share}, {status.lower()}") for name, _, status, share in rows] == [
        (markup.unescape(name), told) for name, told in bars
    ]
    decided = workspace.read("decisions")
    decided = decided[decided["rules"] == "stated"].sort_values("rank")
    first = decided[decided["decided_by"] == "below the line"]["rank"].iloc[0]
    labels = drawing[0].split('class="cut"')[0].count('class="label"')
    assert labels == len(bars)
    heights = [float(y) for y in re.findall(r'y="([\d.]+)" class="label"', drawing[0])]
    cut = re.search(r'd="M0,([\d.]+)H640" class="cut"', drawing[0])
    assert cut is not None
    assert sum(y < float(cut[1]) for y in heights) == sum(rank < first for rank in ranks)


def test_what_must_be_known_of_a_round_is_said_once(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    some = changed(study, "round", standing=CAVEAT)
    found = frames["findings"]
    row = found[found["stage"] == "allocate"].iloc[-1:].assign(position=99, sentence=CAVEAT)
    told = {**frames, "findings": pd.concat([found, row.astype(found.dtypes)])}
    folder = publish_site(told, some, tmp_path / "site", built=DAY).parent
    assert words_of((folder / "round/index.html").read_text(encoding="utf-8")).count(CAVEAT) == 1


# ---- tables


def heads(html: str) -> list[tuple[str, str, list[str]]]:
    """Return the columns of a table of places: name, rule, classes."""
    return [
        (markup.unescape(named), rule, words.split("|") if words else [])
        for named, rule, words in re.findall(
            r'<th scope="col" data-named="([^"]*)" data-rule="(\w+)"(?: data-words="([^"]*)")?', html
        )
    ]


def test_a_table_defines_its_classes_and_shows_the_intervals(site: Path, workspace: Workspace) -> None:
    html = (site / "table/index.html").read_text(encoding="utf-8")
    columns = heads(html)
    names = [name for name, _, _ in columns]
    assert names[:2] == [
        "Deprivation in Aldmere: Class",
        "Deprivation in Aldmere: Rank of 360 lies between",
    ]
    assert "Type of need" in names
    assert "Gathering Places Fund" in names
    text = words_of(html)
    assert "“More need than most”: the whole interval of its rank lies in the half with more need." in text
    assert "95% of draws, choices and sampling error" in text
    assert "“both” is doubly disadvantaged, in the greatest-need 10%" in text
    ranks = workspace.read("ranks")
    ranks = ranks[
        (ranks["index"] == "deprivation") & (ranks["component"] == "both") & (ranks["coverage"] == 0.95)
    ].set_index("area")
    rows = re.findall(r'<tr><th scope="row">.*?(T01\d{6}).*?</th><td>(.*?)</td><td>(.*?)</td>', html)
    assert len(rows) == 360
    for code, word, interval in rows:
        low, high = int(ranks.loc[code, "rank_low"]), int(ranks.loc[code, "rank_high"])
        assert interval == f"{low:,} to {high:,}"
        expected = (
            "more need than most"
            if high <= 180
            else "less need than most"
            if low > 180
            else "about the middle"
        )
        assert word == expected


def test_no_class_of_a_table_carries_a_hidden_rank(site: Path) -> None:
    """A key would order places within a class by rank: a league table after all."""
    html = (site / "table/index.html").read_text(encoding="utf-8")
    rules = [rule for _, rule, _ in heads(html)]
    for row in re.findall(r'<tr><th scope="row">.*?</tr>', html):
        cells = re.findall(r"<td([^>]*)>", row)
        assert len(cells) == len(rules)
        for given, rule in zip(cells, rules, strict=True):
            assert ("data-key" in given) == (rule in ("share", "figure"))


def test_a_table_of_larger_areas_shows_the_definition_of_need_of_its_own_level(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    """The leading definition is of the smallest areas; a second one may be of larger ones, and stands in their table."""
    need = frames["need"]
    larger = frames["areas"][frames["areas"]["level"] == "borough25"]["area"].tolist()
    rows = need[need["definition"] == "wider"].head(len(larger)).assign(level="borough25", area=larger)
    told = {**frames, "need": pd.concat([need[need["definition"] == "double"], rows.astype(need.dtypes)])}
    folder = publish_site(told, changed(study, "table"), tmp_path / "site", built=DAY).parent
    assert "Type of need" in [
        name for name, _, _ in heads((folder / "table/borough25.html").read_text(encoding="utf-8"))
    ]


# ---- the method and its indicators


def test_the_method_says_what_was_varied_and_what_was_not(site: Path, study: Study) -> None:
    html = (site / "method/index.html").read_text(encoding="utf-8")
    section = html[html.index('id="varied"') :]
    text = words_of(section[: section.index("</section>")])
    assert "worked out 200 times over" in text
    assert "Domains: each weight is drawn evenly from 25% less to 25% more than stated" in text
    assert (
        "values are ranked and placed on a bell curve, so that percentages, rates and distances can be put together;"
        " or are measured in standard deviations from the mean." in text
    )
    for factor in study.uncertainty["main"].factors:
        if factor.error:
            assert factor.path.removeprefix("values.") in {
                "low-income",
                "out-of-work",
                "early-deaths",
                "good-health",
                "cold-homes",
                "no-broadband",
            }
    assert (
        "Deaths before 75: the count is drawn anew as chance would have it for rare events (Poisson)." in text
    )
    assert "sampling error is not available for 1 of 6 indicators (Streets under trees)" in text
    assert "they are lower bounds" in text


def test_every_way_of_varying_is_told_in_words(study: Study) -> None:
    index = study.index["deprivation"]
    titles = {"low-income": "People on a low income"}
    told = {
        "25% less to 25% more": {"path": "weights.children of root", "spread": 0.25},
        "a concentration of 50": {"path": "weights.children of root", "concentration": 50},
        "“official” and “residents”": {
            "path": "weights.children of root",
            "between": ["official", "residents"],
        },
        "in 30% of draws one of them is left out": {"path": "leave_out.children of root", "p": 0.3},
        "one of 0.5; 0.7": {"path": "steps.fill-gaps.min_available", "choices": [0.5, 0.7]},
        "the weighted mean of its parts; or the weighted geometric mean": {
            "path": "steps.combine",
            "choices": [{"method": "arithmetic"}, {"method": "geometric"}],
        },
    }
    told |= {
        words: {"path": "values.low-income", "error": error, **more}
        for words, error, more in (
            ("(binomial)", "binomial", {}),
            ("(beta-binomial)", "beta-binomial", {"clustering": 0.1}),
            ("(Poisson)", "poisson", {}),
            ("published standard errors", "standard-error", {}),
            ("published intervals (90%)", "interval", {"coverage": 0.9}),
            ("standard deviation of 2", "sd", {"sd": 2.0}),
            ("not published with them", "binomial", {"approximate": True}),
        )
    }
    for words, factor in told.items():
        assert words in told_factor(FactorSpec(**factor), index, titles)


def test_what_drives_ranks_stands_in_a_table_where_it_was_worked_out(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    rows = pd.DataFrame(
        {
            "index": ["deprivation"] * 2,
            "output": ["mean rank shift", "rank of T01000001"],
            "factor": ["weights.children of root"] * 2,
            "first_order": [-0.01, 0.9],
            "first_low": [-0.05, 0.8],
            "first_high": [0.03, 1.0],
            "total_order": [0.41, 0.9],
            "total_low": [0.35, 0.8],
            "total_high": [0.47, 1.0],
            "runs": [1280, 1280],
        }
    )
    told = {**frames, "sensitivity": declared.check("sensitivity", rows)}
    folder = publish_site(told, changed(study, "method"), tmp_path / "site", built=DAY).parent
    text = words_of((folder / "method/index.html").read_text(encoding="utf-8"))
    assert "Weights of the domains, ±25% 0% (0% to 3.0%) 41% (35% to 47%)" in text
    assert "80% to" not in text[text.index("How sure: what was varied") :]


def test_an_indicator_page_says_what_it_is_for_and_keeps_notes_of_its_source_apart(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    spec = study.uncertainty["main"]
    factors = [
        one.model_copy(update={"numerator": "groups"}) if one.path == "values.low-income" else one
        for one in spec.factors
    ]
    some = changed(study, "method").model_copy(
        update={
            "uncertainty": {"main": spec.model_copy(update={"factors": factors})},
            "publish": study.publish.model_copy(update={"pages": ["method"]}),
        }
    )
    folder = publish_site(frames, some, tmp_path / "site", built=DAY).parent / "indicator"

    def said(name: str) -> str:
        return words_of((folder / f"{name}.html").read_text(encoding="utf-8"))

    assert "Used for the sampling error of People on a low income." in said("groups")
    belonging = said("belonging")
    assert "The programme “Neighbourhood hubs” is judged by it." in belonging
    assert "No index of this study uses it" not in belonging
    assert "360 values for neighbourhoods (2013, 2014" in belonging
    # What is said of the whole source is a caveat, not a definition; and no page for readers calls a source by its short name.
    income = said("low-income")
    definition, _, rest = income.partition("What to bear in mind")
    assert "A value of .. is held back" not in definition
    assert "A value of .. is held back" in rest
    mended = frames["mendings"]
    for row in mended[mended["source"] == "deprivation"].itertuples():
        assert row.sentence in rest
    assert "deprivation: " not in rest
    method = words_of((folder.parent / "method/index.html").read_text(encoding="utf-8"))
    assert "Invented figures on income, work, health and homes: " in method


@pytest.mark.parametrize("name", ["imd-england-2025", "cni-2023"])
def test_the_official_indices_define_what_they_measure(name: str) -> None:
    for one in SOURCES[name].measures:
        definition = one.note.removesuffix("Areas are ranked by it: 1 is the greatest need.").strip()
        assert len(definition) > 20, one.indicator
        assert definition.endswith(".")


# ---- dates


def test_pages_bear_the_name_of_the_site_and_the_day_for_print_and_places_no_day(site: Path) -> None:
    for path in ("round/index.html", "table/index.html", "method/index.html"):
        html = (site / path).read_text(encoding="utf-8")
        footer = words_of(html[html.index("<footer") :])
        assert "Aldmere: where need is greatest. Published 1 June 2025" in footer
    # Otherwise each day would make thousands of pages anew.
    assert "1 June 2025" not in (site / "place/patch25/T01000067.html").read_text(encoding="utf-8")


def test_the_editions_of_the_data_stand_beside_the_day(site: Path) -> None:
    for path in ("index.html", "about/index.html"):
        text = words_of((site / path).read_text(encoding="utf-8"))
        assert re.search(r"Published 1 June 2025 ?\. Editions of the data: 2025\.", text)


# ---- words for readers


def test_counts_that_are_equal_by_construction_say_so(site: Path) -> None:
    said = "“Deprivation only” and “Community need only” are equal by construction: both lines take 36 neighbourhoods"
    for path in ("index.html", "full/index.html"):
        assert said in words_of((site / path).read_text(encoding="utf-8"))


def test_what_is_withheld_is_told_by_the_names_of_sources(
    study: Study, frames: dict[str, pd.DataFrame]
) -> None:
    found = Gathering(FrameTables(frames), study)
    told = told_withheld(
        found,
        [
            Withheld(
                "area_facts",
                "deprivation",
                ("deprivation",),
                "Its rows repeat rows of deprivation (derived-only), whose licence does not allow publishing them.",
            ),
            Withheld(
                "values",
                "deprivation",
                ("deprivation",),
                "Its rows repeat rows of deprivation (derived-only), whose licence does not allow publishing them.",
            ),
            Withheld(
                "scores, contributions",
                "community",
                ("deprivation",),
                "Rows of single indicators would give back the figures of deprivation, whose licence does not allow it.",
            ),
        ],
    )
    title = "Invented figures on income, work, health and homes"
    assert told == (
        f"{title} (area facts and values): Its rows repeat rows of “{title}”, whose licence does not allow publishing them.",
        f"Community need in Aldmere (scores, contributions): Rows of single indicators would give back the figures of “{title}”,"
        " whose licence does not allow it.",
    )


def test_no_page_speaks_of_nought_nor_names_studies_by_their_keys(site: Path) -> None:
    for file in sorted(site.rglob("*.html")):
        text = words_of(file.read_text(encoding="utf-8"))
        assert "nought" not in text, file
        assert "cic2023 and" not in text, file


# ---- studies of other shapes


def test_places_are_browsed_under_the_larger_areas_that_they_really_lie_in(
    site: Path, frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    """Boroughs that cross regions lie in none: neighbourhoods are listed under regions, and those without one by themselves."""
    links = frames["memberships"]
    of_borough = (links["level"] == "borough25") & (links["parent_level"] == "part25")
    links = links[~of_borough].copy()
    mine = links.index[(links["level"] == "patch25") & (links["parent_level"] == "part25")]
    parts = sorted(set(links.loc[mine, "parent"]))
    links.loc[mine, "parent"] = [parts[i % len(parts)] for i in range(len(mine))]
    links = links.drop(mine[:2])
    links = links[(links["level"] != "quarter25") & (links["parent_level"] != "quarter25")]
    out = publish_site({**frames, "memberships": links}, changed(study, "find"), tmp_path / "site", built=DAY)
    html = (out.parent / "find.html").read_text(encoding="utf-8")
    said = words_of(html)
    assert "In no region (2)" in said
    assert len(re.findall(r"<summary>", html)) == len(parts) + 1
    assert "(0)" not in said
    assert html.count('href="place/patch25/') == len(set(links[links["level"] == "patch25"]["area"]))
    # On the full page no borough stands under one of the regions that it crosses.
    assert "East Aldmere</h3>" in (site / "full/index.html").read_text(encoding="utf-8")
    assert "East Aldmere</h3>" not in (out.parent / "full/index.html").read_text(encoding="utf-8")


def test_a_study_of_one_index_says_on_its_start_page_what_was_found(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    some = changed(study, "method", need="").model_copy(
        update={
            "need": {},
            "round": {},
            "uncertainty": {},
            "audit": {},
            "programme": {},
            "index": {"deprivation": study.index["deprivation"]},
        }
    )
    findings = frames["findings"]
    alone = findings[(findings["id"] == "deprivation") & (findings["stage"] == "index")]
    empty = {name: frames[name].iloc[:0] for name in ("need", "decisions", "rounds") if name in frames}
    alone = alone[alone["source_table"] == "scores"]
    out = publish_site({**frames, **empty, "findings": alone}, some, tmp_path / "site", built=DAY)
    said = words_of(out.read_text(encoding="utf-8"))
    assert "Where is need greatest?" in said
    sentence = next(one for one in alone["sentence"] if "greatest-need tenth of this index" in one)
    assert f"Deprivation in Aldmere. {sentence}" in said
    assert "How sure is that? No interval is available yet." in said


def test_types_of_need_are_told_by_the_titles_of_the_indices_where_these_are_called_otherwise(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    titles = {"deprivation": "Social capital", "community": "Civic need"}
    indices = {
        id_: spec.model_copy(update={"title": titles.get(id_, spec.title)})
        for id_, spec in study.index.items()
    }
    some = changed(study, "table", "columns", "map").model_copy(update={"index": indices})
    # Findings of need are told when a study is run; `tests/laws` holds them to the same names.
    findings = frames["findings"][frames["findings"]["stage"] != "need"]
    folder = publish_site({**frames, "findings": findings}, some, tmp_path / "site", built=DAY).parent
    for path in ("index.html", "full/index.html"):
        said = words_of((folder / path).read_text(encoding="utf-8"))
        assert "of “Social capital”; not of “Civic need”." in said
        assert "Hardship" not in said
    tables = [words_of(path.read_text(encoding="utf-8")) for path in (folder / "table").glob("*.html")]
    assert any("Social capital only" in said and "Civic need only" in said for said in tables)
    # The types are called after the study's own indices wherever they are called anything.
    level = folder / "data" / "columns" / "patch25"
    assert '"words":["both","Social capital only","Civic need only","neither"]' in (
        level / "codes.json"
    ).read_text(encoding="utf-8")
    for path in folder.rglob("*.html"):
        said = words_of(path.read_text(encoding="utf-8")).lower()
        assert not re.search(r"deprivation only|community need only|only deprivation|only community", said), (
            path
        )


def test_people_of_whom_some_are_not_counted_begin_a_sentence_in_a_capital_and_nobody_is_not_none(
    frames: dict[str, pd.DataFrame], study: Study, tmp_path: Path
) -> None:
    need = frames["need"].copy()
    mine = need["definition"] == "double"
    both = need.index[mine & (need["type"] == "both")]
    need.loc[both[0], "population"] = float("nan")
    need.loc[mine & (need["type"] == "community need only"), "type"] = "neither"
    folder = publish_site(
        {**frames, "need": need}, changed(study, "method"), tmp_path / "site", built=DAY
    ).parent
    for path in ("index.html", "full/index.html"):
        said = words_of((folder / path).read_text(encoding="utf-8"))
        assert re.search(r"\. At least [\d,.]+ (million )?people live in them", said)
        assert not re.search(r"\b0 [Nn]one\b", said)
    assert "Community need only 0 Nobody" in words_of((folder / "index.html").read_text(encoding="utf-8"))


def test_every_shared_finding_names_what_it_speaks_of(page: Path, workspace: Workspace, study: Study) -> None:
    posts = words_of((page.parent / "share/index.html").read_text(encoding="utf-8"))
    lost = r"(?<!\. )(?<!: )\b[\d,]+ neighbourhoods are in the greatest-need tenth of this index"
    assert not re.search(lost, posts)
    told = findings_of(gather(open_tables(workspace, study), study)[0])
    alone = [one for one in told if "of this index" in one.sentence]
    assert len(alone) > 1
    assert all(one.told.startswith(f"{one.of}. ") for one in alone)


@pytest.mark.parametrize(
    "setting", ['map_level = "nope"', 'postcodes = {file="p.csv",postcode="a",area="b",level="nope"}']
)
def test_a_level_that_does_not_exist_is_refused_where_pages_are_concerned(
    setting: str, frames: dict[str, pd.DataFrame], workspace: Workspace, tmp_path: Path
) -> None:
    text = (workspace.folder / "study.toml").read_text(encoding="utf-8")
    text = text.replace('map_level = "borough25"\n', "")
    (tmp_path / "study.toml").write_text(
        text.replace("[publish]\n", f"[publish]\n{setting}\n"), encoding="utf-8"
    )
    for file in ("deprivation.toml", "community.toml"):
        (tmp_path / file).write_bytes((workspace.folder / file).read_bytes())
    some = read_study(tmp_path)
    assert [problem for problem in unknown_levels(some) if problem.got == "nope"]
    with pytest.raises(StudyError, match=r"study\.toml line \d+, publish\..*no such level. Got nope"):
        publish_site(frames, some, tmp_path / "site", built=DAY)
