"""What was planted in the invented county is found again by the whole flow, from its files to its findings."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from wardmote.pipeline import run
from wardmote.toy import SEED, County, make_county, write_county
from wardmote.workspace import Workspace


@pytest.fixture(scope="module", params=[SEED, 7])
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[County, Workspace]:
    folder = tmp_path_factory.mktemp("county")
    write_county(folder, request.param)
    run(folder)
    return make_county(request.param), Workspace(folder)


def found(built: tuple[County, Workspace], index: str, node: str) -> np.ndarray:
    county, workspace = built
    scores = workspace.read("scores", where={"index": index, "node": node})
    by_area = dict(zip(scores["area"], scores["score"], strict=True))
    return np.array([by_area[code] for code in county.patches])


def test_the_indices_find_the_latent_need(built: tuple[County, Workspace]) -> None:
    truth = built[0].truths
    # Noise of at most 0.3 beside need's 1 leaves Spearman of 0.95 for one indicator; means of several do better, and the exponential
    # scale, which stretches one end, costs a little. Four seeds gave 0.981 to 0.984. Community need's domains disagree (one runs
    # against the others), so the stretched scale and the straight latent part further: 0.898 to 0.945. A domain turned round, or
    # left out, falls below both bounds.
    assert spearmanr(found(built, "deprivation", "deprivation"), truth.deprivation).statistic > 0.95
    assert spearmanr(found(built, "community", "community"), truth.community_need).statistic > 0.87


@pytest.mark.parametrize(
    ("index", "domain"),
    [("deprivation", "income"), ("deprivation", "work"), ("deprivation", "health"), ("deprivation", "living"),
     ("community", "places"), ("community", "links"), ("community", "part")],
)  # fmt: skip
def test_each_domain_finds_its_own(built: tuple[County, Workspace], index: str, domain: str) -> None:
    # Health leans on deaths, whose counts of about eight an area scatter widely; the others on noise of at most 0.3.
    # Four seeds gave 0.90 to 0.92 for health, 0.965 and more for the others.
    bound = 0.85 if domain == "health" else 0.93
    assert spearmanr(found(built, index, domain), built[0].truths.domains[domain]).statistic > bound


def test_one_domain_runs_against_deprivation(built: tuple[County, Workspace]) -> None:
    deprivation = found(built, "deprivation", "deprivation")
    against = built[0].truths.against
    signs = {
        d: spearmanr(found(built, "community", d), deprivation).statistic for d in ("places", "links", "part")
    }
    assert [domain for domain, value in signs.items() if value < 0] == [against]


def test_most_of_the_doubly_disadvantaged_are_found(built: tuple[County, Workspace]) -> None:
    county, workspace = built
    need = workspace.read("need", where={"definition": "double"})
    ours = set(need[need["doubly_disadvantaged"]]["area"])
    planted = county.truths.doubly_disadvantaged
    # Two lines are drawn at the tenth through scores with noise, so areas close to a line change sides. Four seeds gave 14 of 18,
    # 8 of 9, 10 of 14 and 8 of 9; half is the floor.
    assert len(ours & planted) >= 0.5 * len(planted)
    assert len(ours & planted) >= 0.5 * len(ours)


def test_the_planted_gaps_are_imputed_and_told(built: tuple[County, Workspace]) -> None:
    county, workspace = built
    filled = workspace.read("adjustments", where={"index": "deprivation", "kind": "imputed"})
    by_node = {node: frozenset(group["area"]) for node, group in filled.groupby("node")}
    assert by_node == {**county.truths.missing, **county.truths.suppressed}


def test_residents_weights_are_the_planted_ones(built: tuple[County, Workspace]) -> None:
    nodes = built[1].read("nodes", where={"index": "residents"})
    used = nodes[nodes["parent"] == "deprivation"]
    shares = dict(zip(used["node"], used["weight"] / used["weight"].sum(), strict=True))
    assert shares == pytest.approx(built[0].truths.residents)
    assert set(used["origin"]) == {"priorities"}


def test_it_runs_in_seconds(tmp_path: Path) -> None:
    started = time.perf_counter()
    write_county(tmp_path)
    run(tmp_path)
    # Half a second on two cores; ten times that on a busy machine is still seconds.
    assert time.perf_counter() - started < 10
