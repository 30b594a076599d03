"""The pages beside the profiles: sharing, the funding round, tables, the method and indicators say what a reader needs to know of them."""

from __future__ import annotations

import datetime
import html as markup
import re
from pathlib import Path

import pandas as pd
import pytest

from wardmote import tables as declared
from wardmote.publish import publish_site
from wardmote.publish.cards import MOST_POST, Said, shortened, thread
from wardmote.study import Study
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
        f"2/4 18 neighbourhoods are not on the list and would be in two thirds of worlds or more: "
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
