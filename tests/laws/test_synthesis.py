"""The synthesis stage: bad files refused with all their faults, planted truths found, marks and directions kept."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.errors import InputError, MethodError, MissingError
from wardmote.methods.updating import update
from wardmote.study import SynthesisSpec
from wardmote.synthesis.answers import SynthesisTables, find_synthesis
from wardmote.synthesis.library import read_evidence, read_taxonomy
from wardmote.tables import check, frame

HEADER = (
    "study_id", "study", "trial", "authors", "year", "title_short", "doi_or_url", "country", "place_type", "strategy", "intervention",
    "outcome", "design", "effect_metric", "effect", "ci_low", "ci_high", "se", "n", "k_studies", "direction_better", "result", "seen",
    "includes", "check", "risk_of_bias", "finding", "confidence",
)  # fmt: skip
PLAIN = {
    "strategy": "places_spaces", "outcome": "belonging", "design": "RCT", "effect_metric": "SMD", "direction_better": "yes",
    "result": "benefit", "country": "UK", "place_type": "urban", "n": "500", "risk_of_bias": "low",
}  # fmt: skip


def write(folder: Path, rows: list[dict[str, object]], name: str = "mine.csv") -> None:
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows({**PLAIN, **row} for row in rows)


def run(folder: Path, **settings_: object) -> SynthesisTables:
    spec = SynthesisSpec(**{"library": "", "files": ["mine.csv"], **settings_})  # type: ignore[arg-type]  # settings by name
    found = find_synthesis(spec=spec, synthesis="works", evidence=read_evidence(folder, spec))
    for name in ("sources", "studies", "effects", "accounts", "syntheses", "gap_map", "findings"):
        check(name, getattr(found, name))
    return found


def planted(rng: np.random.Generator, k: int, mean: float, tau: float) -> list[dict[str, object]]:
    errors = rng.uniform(0.05, 0.25, k)
    effects = mean + tau * rng.normal(size=k) + errors * rng.normal(size=k)
    return [
        {
            "study_id": f"made{2000 + i}",
            "effect": f"{effects[i]:.6f}",
            "se": f"{errors[i]:.6f}",
            "year": 2000 + i,
        }
        for i in range(k)
    ]


def test_planted_effect_is_found_and_led(tmp_path: Path) -> None:
    write(tmp_path, planted(np.random.default_rng(3), 40, 0.3, 0.1))
    found = run(tmp_path, country="UK")
    lead = found.syntheses[found.syntheses["leads"]].iloc[0]
    assert lead["model"] == "random"
    assert lead["low"] < 0.3 < lead["high"]
    assert lead["prediction_low"] < lead["low"]
    cell = found.gap_map.set_index(["strategy", "outcome"]).loc[("places_spaces", "belonging")]
    assert (cell["answer"], cell["strength"]) == ("better", "high")
    assert len(found.gap_map) == 13 * 15
    assert (found.gap_map["answer"] == "nobody has looked").sum() == 13 * 15 - 1


def test_naming_the_outcome_the_other_way_round_changes_nothing(tmp_path: Path) -> None:
    rows = planted(np.random.default_rng(4), 6, 0.2, 0.1)
    write(tmp_path, rows)
    one = run(tmp_path).syntheses
    turned = [{**row, "effect": -float(str(row["effect"])), "direction_better": "no"} for row in rows]
    write(tmp_path, turned)
    other = run(tmp_path).syntheses
    np.testing.assert_allclose(one["effect"].to_numpy(float), other["effect"].to_numpy(float), atol=1e-9)
    np.testing.assert_allclose(one["low"].to_numpy(float), other["low"].to_numpy(float), atol=1e-9)


def test_findings_of_one_study_are_not_taken_as_independent(tmp_path: Path) -> None:
    rows = planted(np.random.default_rng(5), 6, 0.2, 0.05)
    twice = [
        {**row, "study_id": f"{row['study_id']}{letter}", "intervention": letter}
        for row in rows
        for letter in "ab"
    ]
    write(tmp_path, rows)
    alone = run(tmp_path).syntheses.iloc[0]
    write(tmp_path, twice)
    both = run(tmp_path, rho=0.9).syntheses.iloc[0]
    assert (both["model"], both["studies"], both["effects"]) == ("three-level", 6, 12)
    assert both["effect"] == pytest.approx(alone["effect"], abs=0.03)
    # Twelve copies of six findings say hardly more than six: the error must not fall by √2.
    assert both["standard_error"] > 0.85 * alone["standard_error"]


def test_a_review_is_never_pooled_with_its_studies(tmp_path: Path) -> None:
    rows = planted(np.random.default_rng(6), 4, 0.2, 0.05)
    review = {
        "study_id": "review2020", "design": "meta_analysis", "effect": 0.5, "ci_low": 0.4, "ci_high": 0.6, "k_studies": 30,
        "includes": "made2000; made2001",
    }  # fmt: skip
    write(tmp_path, [*rows, review])
    found = run(tmp_path)
    lead = found.syntheses[found.syntheses["leads"]].iloc[0]
    assert (lead["model"], lead["subgroup"], lead["low"], lead["high"]) == (
        "published review",
        "review2020",
        0.4,
        0.6,
    )
    assert found.syntheses.query("model == 'random'").iloc[0]["studies"] == 4
    use = found.effects.set_index("effect")["use"]
    assert use["made2000"] == "pooled; also held by the review review2020"
    assert use["review2020"] == "stands beside, as a review"


def test_one_study_does_not_speak_for_others_that_conclude_otherwise(tmp_path: Path) -> None:
    rows = [
        {"study_id": "a2001", "effect": 0.4, "se": 0.1},
        {"study_id": "b2002", "effect_metric": "percent", "effect": -5, "result": "harm"},
        {"study_id": "c2003", "effect_metric": "", "result": "none"},
    ]
    write(tmp_path, rows)
    found = run(tmp_path)
    cell = found.gap_map.set_index(["strategy", "outcome"]).loc[("places_spaces", "belonging")]
    assert cell["answer"] == "several ways"
    assert (cell["benefit"], cell["none"], cell["harm"], cell["unsized"]) == (1, 1, 1, 2)
    assert "most other findings" in cell["reasons"]
    assert any("1 benefit, 1 no clear effect, 1 harm" in one for one in found.findings["sentence"])


def test_no_size_is_named_where_no_difference_is_clear(tmp_path: Path) -> None:
    write(tmp_path, [{"study_id": "a2001", "effect": 0.1, "se": 0.1}])
    said = " ".join(run(tmp_path).gap_map["sentence"])
    assert "no clear difference in belonging: 0.10 standard deviations (95% interval" in said
    assert "small" not in said


def test_what_must_be_checked_never_carries_strong_evidence(tmp_path: Path) -> None:
    rows = planted(np.random.default_rng(3), 40, 0.3, 0.1)
    rows[7]["check"] = "read at second hand"
    write(tmp_path, rows)
    cell = run(tmp_path).gap_map.query("findings > 0").iloc[0]
    assert cell["strength"] == "low"
    assert "must still be checked" in cell["reasons"]


def test_qualitative_findings_stand_beside_the_numbers(tmp_path: Path) -> None:
    rows = planted(np.random.default_rng(8), 3, 0.2, 0.1)
    told = {
        "study_id": "walk2019a",
        "finding": "People met in the queue.",
        "confidence": "moderate",
        "design": "qualitative",
    }
    write(tmp_path, [*rows, told])
    found = run(tmp_path)
    assert found.accounts["finding"].tolist() == ["People met in the queue."]
    assert found.gap_map["accounts"].sum() == 1
    assert "walk2019" in found.studies["study"].tolist()
    assert (
        "three findings with numbers and 1 in words from four studies"
        in found.findings["sentence"].iloc[0].lower()
    )


def test_workbooks_and_other_names_of_columns(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["id", *HEADER[1:]])
    for row in planted(np.random.default_rng(9), 3, 0.2, 0.1):
        sheet.append([{**PLAIN, **row}.get(name, "") for name in HEADER])
    book.save(tmp_path / "mine.xlsx")
    found = run(tmp_path, files=["mine.xlsx"], columns={"study_id": "id"})
    assert len(found.effects) == 3


def test_records_to_be_read(tmp_path: Path) -> None:
    write(tmp_path, planted(np.random.default_rng(9), 2, 0.2, 0.1))
    (tmp_path / "found.ris").write_text(
        "TY  - JOUR\nAU  - Smith, Ann\nAU  - Jones, B\nPY  - 2021/03\nTI  - Benches and belonging\nDO  - 10.1000/x\nER  - \n"
        "TY  - JOUR\nAU  - Smith, Ann\nPY  - 2021\nTI  - Another\nER  - \n",
        encoding="utf-8",
    )
    found = run(tmp_path, files=["mine.csv", "found.ris"])
    records = found.studies[found.studies["findings"] == 0]
    assert records["study"].tolist() == ["smith2021", "smith2021-2"]
    assert records["address"].iloc[0] == "https://doi.org/10.1000/x"
    assert any("two records still to be read" in one.lower() for one in found.findings["sentence"])


RECORD = "TY  - JOUR\nAU  - {author}\nPY  - {year}\nTI  - {title}\nDO  - {doi}\nER  - \n"


def test_records_stand_once_and_not_where_their_findings_do(tmp_path: Path) -> None:
    rows = planted(np.random.default_rng(9), 2, 0.2, 0.1)
    rows[0] |= {"doi_or_url": "https://doi.org/10.1000/READ", "title_short": "Read already"}
    write(tmp_path, rows)
    records = [
        ("Šmith, Ann", "2021/03/01", "Benches and\n  belonging", "10.1000/x"),
        ("Smith, A.", "2021", "BENCHES and belonging.", "https://doi.org/10.1000/X"),  # the same DOI
        ("Smith, A.", "2021", "Benches and Belonging", ""),  # the same title and year, no DOI
        ("Smith, A.", "2021", "Benches and belonging", "10.1000/erratum"),  # another DOI: another publication
        ("Read, B", "2000", "Otherwise printed", "doi:10.1000/read"),  # its findings are in the library
    ]
    text = "".join(RECORD.format(author=a, year=y, title=t, doi=d) for a, y, t, d in records)
    (tmp_path / "found.ris").write_text(text, encoding="utf-8")
    found = run(tmp_path, files=["mine.csv", "found.ris"])
    left = found.studies[found.studies["findings"] == 0]
    assert left["study"].tolist() == ["smith2021", "smith2021-2"]
    assert left["title"].iloc[0] == "Benches and belonging"
    assert any("three records left out" in one.lower() for one in found.findings["sentence"])
    assert found.sources.set_index("title")["rows_read"].to_dict() == {"mine.csv": 2, "found.ris": 5}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it has no record"),
        ("study_id,effect\na,0.1\n", r"line 1: a line stands outside any record"),
        (
            "TY  - JOUR\nTI  - One\nTY  - JOUR\nTI  - Two\nER  - \n",
            r"line 3: a record begins before the last",
        ),
        ("TY  - JOUR\nTI  - One\nER  - \nTI  - Two\nER  - \n", r"line 4: a line stands outside"),
        ("TY  - JOUR\nTI  - One\n", "its last record is not ended"),
    ],
)
def test_bad_records_are_refused_with_their_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "found.ris").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        run(tmp_path, files=["found.ris"])


TERMS = {"mine.csv": {"licence": "CC BY 4.0", "access": "derived-only"}}


def test_findings_that_may_only_be_pooled_never_stand_alone(tmp_path: Path) -> None:
    rows = planted(np.random.default_rng(3), 6, 0.3, 0.1)
    alone = {
        "study_id": "lone2019",
        "strategy": "digital",
        "effect": 0.4,
        "se": 0.1,
        "intervention": "Tablets",
    }
    review = {"study_id": "review2020", "design": "meta_analysis", "effect": 0.5, "se": 0.02, "k_studies": 30}
    harm = {
        **alone,
        "study_id": "harm2018",
        "strategy": "safety",
        "result": "harm",
        "intervention": "Locked gates",
    }
    write(tmp_path, [*rows, alone, review, harm])
    found = run(tmp_path, terms=TERMS)
    assert set(found.syntheses["model"]) == {"random", "fixed"}
    assert found.sources.loc[0, "access"] == "derived-only"
    told = " ".join([*found.findings["sentence"], *found.gap_map["sentence"]])
    assert "lets them be pooled but not shown" in told
    assert not {"Tablets", "Locked gates", "lone2019"} & set(told.replace(";", " ").split(" "))
    assert "Locked gates" not in told
    assert set(run(tmp_path).syntheses["model"]) >= {"single study", "published review"}


def test_terms_are_stated_or_nothing_is_published(tmp_path: Path) -> None:
    write(tmp_path, planted(np.random.default_rng(3), 3, 0.3, 0.1))
    found = run(tmp_path)
    assert (found.sources.loc[0, "access"], found.sources["licence"].isna().all()) == ("private", True)
    assert any("No licence is stated for mine.csv" in one for one in found.findings["sentence"])
    stated = run(tmp_path, terms={"mine.csv": {"licence": "OGL v3", "title": "Our review"}})
    assert stated.sources.loc[0, ["access", "title"]].tolist() == ["open", "Our review"]
    assert not any("licence" in one for one in stated.findings["sentence"])
    with pytest.raises(ValueError, match="not read"):
        SynthesisSpec(library="", files=["mine.csv"], terms={"other.csv": {}})  # type: ignore[dict-item]  # made by pydantic


def test_studies_of_the_same_people_are_not_taken_as_independent(tmp_path: Path) -> None:
    rows = planted(np.random.default_rng(5), 8, 0.2, 0.05)
    for row in rows[:3]:
        row["trial"] = "one-trial"
    write(tmp_path, rows)
    found = run(tmp_path)
    lead = found.syntheses[found.syntheses["leads"]].iloc[0]
    assert (lead["model"], lead["studies"], lead["effects"]) == ("three-level", 6, 8)
    assert lead["leave_low"] <= lead["effect"] <= lead["leave_high"]
    assert any("Three studies speak of the same people" in one for one in found.findings["sentence"])


def test_studies_that_found_the_same_have_the_interval_of_their_errors(tmp_path: Path) -> None:
    rows = [{"study_id": f"made{2000 + i}", "effect": 0.3, "se": 0.1 + i / 100} for i in range(4)]
    write(tmp_path, rows)
    found = run(tmp_path)
    lead = found.syntheses[found.syntheses["leads"]].iloc[0]
    assert (lead["tau2"], lead["i2"]) == (0, 0)
    assert lead["low"] < 0.3 - 0.1 < 0.3 + 0.1 < lead["high"]
    assert "all studies found the same" in lead["note"]


def test_an_interval_shorter_than_the_errors_make_it_says_so(tmp_path: Path) -> None:
    rows = [{"study_id": f"made{2000 + i}", "effect": 0.3 + i / 200, "se": 0.1} for i in range(6)]
    write(tmp_path, rows)
    lead = run(tmp_path).syntheses.query("leads").iloc[0]
    assert "studies agree more than their errors would have them" in lead["note"]
    # By their errors: 0.3125 ± 1.96 · 0.1/√6.
    assert "from 0.23 to 0.39" in lead["note"]
    wider = run(tmp_path, test="modified knapp-hartung").syntheses.query("leads").iloc[0]
    assert "agree more" not in wider["note"]
    assert wider["high"] - wider["low"] > lead["high"] - lead["low"]


def test_small_studies_are_spoken_of(tmp_path: Path) -> None:
    write(tmp_path, planted(np.random.default_rng(3), 6, 0.3, 0.1))
    assert "cannot be judged" in run(tmp_path).syntheses.iloc[0]["note"]
    rng = np.random.default_rng(7)
    errors = rng.uniform(0.05, 0.4, 30)
    rows = [
        {
            "study_id": f"made{1990 + i}",
            "effect": f"{0.1 + 1.5 * one + 0.3 * one * rng.normal():.5f}",
            "se": f"{one:.5f}",
        }
        for i, one in enumerate(errors)
    ]
    write(tmp_path, rows)
    lead = run(tmp_path).syntheses.iloc[0]
    assert lead["egger_p"] < 0.1
    assert lead["trimmed"] < lead["effect"]
    assert "nothing here can tell which" in lead["note"]


def test_effects_from_what_a_study_prints(tmp_path: Path) -> None:
    header = (
        "study_id,strategy,outcome,design,effect_metric,effect,ci_low,ci_high,direction_better,result,mean_1,sd_1,n_1,mean_2,"
        "sd_2,n_2,t,p,events_1,events_2,cluster_size,icc,change_1,correlation\n"
    )
    start = "places_spaces,trust,RCT"
    (tmp_path / "mine.csv").write_text(
        header
        + f"means2001,{start},,,,,yes,benefit,5,2,50,4,2,50,,,,,,\n"
        + f"tee2002,{start},,,,,yes,benefit,,,50,,,50,2.5,,,,,\n"
        + f"clusters2003,{start},,,,,yes,benefit,,,50,,,50,2.5,,,,10,0.05\n"
        + f"counts2004,{start},RR,,,,yes,benefit,,,50,,,50,,,20,10,,\n"
        + f"pee2005,{start},SMD,0.3,,,yes,benefit,,,,,,,,0.01,,,,\n"
        + f"odd2006,{start},OR,2,1,9,yes,benefit,,,,,,,,,,,,\n"
        + f"zero2008,{start},OR,,,,yes,benefit,,,50,,,50,,,0,10,,,,\n"
        + f"silent2009,{start},OR,,,,yes,none,,,50,,,50,,,0,0,,,,\n"
        + f"part2010,{start},,,,,yes,none,5,,50,4,2,50,,,,,,,,\n"
        + "change2007,places_spaces,trust,pre_post,,,,,yes,benefit,,2,50,,,,,,,,,,1,0.5\n",
        encoding="utf-8",
    )
    effects = run(tmp_path).effects.set_index("effect")
    assert effects.loc["means2001", "estimate"] == pytest.approx(effects.loc["tee2002", "estimate"])
    assert effects.loc["clusters2003", "standard_error"] > effects.loc["tee2002", "standard_error"]
    assert effects.loc["counts2004", "estimate"] == pytest.approx(np.log(2))
    assert effects.loc["pee2005", "standard_error"] == pytest.approx(0.3 / 2.5758293, rel=1e-6)
    # Gart and Zweifel 1967: ½ in each cell, and it is said; no event at all says nothing of a ratio.
    assert effects.loc["zero2008", "estimate"] == pytest.approx(np.log(0.5 * 40.5 / (50.5 * 10.5)))
    assert "½ was added" in effects.loc["zero2008", "how"]
    assert np.isnan(float(effects["estimate"].astype(float)["silent2009"]))
    assert "say nothing of a ratio" in effects.loc["silent2009", "how"]
    assert effects.loc["silent2009", "use"] == "listed with its direction"
    assert "not complete" in effects.loc["part2010", "how"]
    # Becker 1988: J (change ÷ deviation before) with 49 degrees of freedom, J = 1 − 3/(4·49 − 1).
    assert effects.loc["change2007", "estimate"] == pytest.approx(0.5 * (1 - 3 / 195), abs=1e-4)
    assert effects.loc["change2007", "how"] == "standardised change of one group"
    # ln 9/2 and ln 2/1 are no two halves of ± z standard errors.
    assert np.isnan(float(effects["standard_error"].astype(float)["odd2006"]))
    assert "lopsided" in effects.loc["odd2006", "check"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"study_id": "a1", "strategy": "magic"}], "strategy: the word is not known"),
        ([{"study_id": "a1", "result": "good"}], "result: the word is not known"),
        ([{"study_id": "a1", "effect": "much"}], "effect: it is no such number"),
        ([{"study_id": "a1", "effect": 0.1, "se": -1}], "se: it is no such number"),
        ([{"study_id": "a1", "effect": 0.1, "ci_low": 0.3, "ci_high": 0.2}], "the wrong way round"),
        ([{"study_id": "a1", "effect": 0.9, "ci_low": 0.1, "ci_high": 0.2}], "outside its interval"),
        ([{"study_id": "a1"}, {"study_id": "a1"}], "stands twice"),
        ([{"study_id": f"a2001{x}", "effect": 0.1, "se": 0.1} for x in "ab"], "says the same as another"),
        ([{"study_id": "a1", "effect_metric": "OR", "effect": -2, "se": 1}], "a ratio is not above 0"),
        ([{"study_id": ""}], "the finding has no name"),
        ([{"study_id": "a1", "effect_metric": "r", "effect": 1.2}], "r is out of range"),
        ([{"study_id": "a1", "effect_metric": "r", "effect": 0.2, "n": 3}], "n is out of range"),
    ],
)
def test_bad_rows_are_refused(tmp_path: Path, rows: list[dict[str, object]], words: str) -> None:
    write(tmp_path, rows)
    with pytest.raises(InputError, match=words):
        run(tmp_path)


def test_all_faults_are_told_together_and_files_must_be_there(tmp_path: Path) -> None:
    write(
        tmp_path, [{"study_id": "a1", "strategy": "x", "outcome": "y"}, {"study_id": "b1", "design": "guess"}]
    )
    with pytest.raises(InputError) as caught:
        run(tmp_path)
    assert len(caught.value.problems) == 3
    assert "row 3" in str(caught.value)
    with pytest.raises(MissingError, match="no such library or file"):
        run(tmp_path, files=["gone.csv"])
    with pytest.raises(MissingError, match="no such taxonomy"):
        run(tmp_path, taxonomy="none")
    (tmp_path / "mine.csv").write_text("study_id,strategy,colour\n", encoding="utf-8")
    with pytest.raises(InputError, match="columns are not known"):
        run(tmp_path)


NUMBERS = st.tuples(
    st.floats(-1, 1),
    st.floats(0.01, 1),
    st.floats(0, 1),
    st.floats(-1, 1),
    st.floats(0.01, 1),
    st.floats(0, 1),
)


@settings(max_examples=40, deadline=None)
@given(NUMBERS)
def test_updating_lies_between_and_bias_lessens_what_is_seen(numbers: tuple[float, ...]) -> None:
    pooled, pooled_error, tau2, effect, error, bias = numbers
    found = update(pooled, pooled_error, tau2, effect, error, bias_sd=bias)
    assert min(pooled, effect) - 1e-12 <= found.effect <= max(pooled, effect) + 1e-12
    assert found.standard_error <= min(np.sqrt(tau2 + pooled_error**2), np.hypot(error, bias)) + 1e-12
    assert update(pooled, pooled_error, tau2, effect, error, bias_sd=bias + 1).weight <= found.weight
    with pytest.raises(MethodError):
        update(pooled, 0.0, tau2, effect, error, bias_sd=bias)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_any_library_gives_answers_without_holes(seed: int) -> None:
    """Random rows on several scales, with copies, tiny and huge errors: every answer has an effect, an error and an interval."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(int(rng.integers(1, 20))):
        metric = str(rng.choice(["SMD", "OR", "RR", "percent", "r", ""]))
        effect = float(rng.normal(0.2, 0.5))
        effect = float(np.exp(effect)) if metric in ("OR", "RR") else float(np.tanh(effect))
        rows.append(
            {
                "where": f"row {i}", "library": "made", "study_id": f"f{i}", "study": f"s{rng.integers(10)}",
                "strategy": str(rng.choice(["safety", "digital"])), "outcome": "trust", "effect_metric": metric,
                "design": str(rng.choice(["RCT", "DiD", "meta_analysis"])), "effect": repr(effect), "n": "100",
                "se": repr(float(10 ** rng.uniform(-3, 1))), "direction_better": str(rng.choice(["yes", "no"])),
                "result": str(rng.choice(["benefit", "none", "harm"])), "intervention": f"i{i}",
            }
        )  # fmt: skip
    spec = SynthesisSpec(by=["design"], country="UK", convert_odds=bool(rng.integers(2)))
    evidence = {"rows": rows, "records": [], "taxonomy": read_taxonomy(Path(), "community-action")}
    found = find_synthesis(spec=spec, synthesis="made", evidence=evidence)
    for name in ("studies", "effects", "syntheses", "gap_map", "findings"):
        check(name, getattr(found, name))
    assert found.syntheses[["effect", "standard_error", "low", "high"]].notna().all().all()
    assert len(found.effects) == len(rows)
    assert (
        found.syntheses["leads"].sum()
        == (found.gap_map["strength"].isin(["high", "moderate", "low", "very low"])).sum()
    )


def impact(effect: float, error: float, *, better: bool) -> pd.DataFrame:
    return frame(
        "impacts",
        {
            "programme": ["benches"], "outcome": ["belong"], "estimator": ["staggered"], "specification": ["main"],
            "estimand": ["simple"], "group": ["all"], "time": ["all"], "effect": [effect], "standard_error": [error],
            "better": [better], "status": ["declared"],
        },
    )  # fmt: skip


HERE = {
    "programme": "benches", "indicator": "belong", "strategy": "places_spaces", "outcome": "belonging", "sd": 10.0, "bias_sd": 0.1,
}  # fmt: skip


def test_an_evaluation_here_updates_what_was_found_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, planted(np.random.default_rng(3), 20, 0.3, 0.1))
    spec = SynthesisSpec(library="", files=["mine.csv"], here=[HERE])  # type: ignore[list-item]  # pydantic makes the record
    evidence = read_evidence(tmp_path, spec)
    found = find_synthesis(impact(-1.0, 1.0, better=True), spec=spec, synthesis="works", evidence=evidence)
    row = check("syntheses", found.syntheses).query("model == 'updated here'").iloc[0]
    elsewhere = found.syntheses.query("model == 'random'").iloc[0]
    # −1 point on the side of less need, 10 points a standard deviation: 0.1 better; the truth lies between.
    assert 0.1 < row["effect"] < elsewhere["effect"]
    assert not row["leads"]
    assert not any("conflict" in one for one in found.findings["sentence"])
    other = find_synthesis(impact(9.0, 1.0, better=False), spec=spec, synthesis="works", evidence=evidence)
    assert any(
        "in conflict" in one and "−0.90 standard deviations here" in one for one in other.findings["sentence"]
    )
    with pytest.raises(InputError, match="no main impact"):
        find_synthesis(None, spec=spec, synthesis="works", evidence=evidence)
    write(tmp_path, planted(np.random.default_rng(3), 1, 0.3, 0.1))
    alone = find_synthesis(
        impact(-1.0, 1.0, better=True), spec=spec, synthesis="works", evidence=read_evidence(tmp_path, spec)
    )
    assert any("nothing to update" in one for one in alone.findings["sentence"])
