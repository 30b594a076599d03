"""Joint shares are of the worlds that came about: those that a method refused count nowhere."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from wardmote.methods.quantiles import joint_share_within
from wardmote.need import joint_shares
from wardmote.tables import frame
from wardmote.uncertainty.results import inside_bits

N, DRAWS = 40, 37
CODES = [f"A{place:02d}" for place in range(N)]


def worlds(seed: int, failed: list[int]) -> np.ndarray:
    """Return ranks of all areas in each world, 0 throughout in those that failed."""
    rng = np.random.default_rng(seed)
    ranks = np.array([rng.permutation(N) + 1 for _ in range(DRAWS)], dtype=np.uint16)
    ranks[failed] = 0
    return ranks


@pytest.mark.parametrize("failed", [([], []), ([3, 8], []), ([0], [36]), (list(range(DRAWS)), [])])
@pytest.mark.parametrize("share", [0.25, 0.01])
def test_refused_worlds_are_in_no_share(failed: tuple[list[int], list[int]], share: float) -> None:
    drawn = [worlds(seed, some) for seed, some in enumerate(failed)]
    limit = int(share * N)  # 10, or nobody
    draws = frame(
        "draws",
        {
            "index": np.repeat(["one", "two"], N),
            "level": ["lsoa21"] * (2 * N),
            "area": CODES * 2,
            "ranks": [row.astype(int).tolist() for one in drawn for row in one.T],
            "rank": np.tile(np.arange(1.0, N + 1), 2),
            "measure": pa.nulls(2 * N, pa.string()),
            "share": np.full(2 * N, share),
            "draws": np.full(2 * N, DRAWS),
            "inside_both": pa.concat_arrays([inside_bits(one, limit) for one in drawn]),
        },
    )
    given = {"ranks": [np.arange(1.0, N + 1)] * 2, "limits": [limit] * 2, "share": share}
    found, _ = joint_shares(draws, ("one", "two"), "lsoa21", pa.array(CODES), **given)
    expected = joint_share_within(drawn[0], limit, drawn[1], limit)
    if not limit:  # nobody is let in, in any world
        expected = np.zeros(N)
    np.testing.assert_allclose(found["p_doubly_disadvantaged"], expected, rtol=0, atol=1e-15)
