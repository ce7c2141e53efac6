"""Facts about the referee that chigai and the peers are scored by."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import shapely

from bench import peer, peers
from geo.schemas import MU_M2
from planning.cost import Prices

SIDE = math.sqrt(1.2 * MU_M2)


def flat(rows: int, columns: int, level=0.0) -> peers.Ground:
    """A grid of square paddies of 1.2 mu, numbered row by row."""
    i, j = (a.ravel() for a in np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
    index = np.arange(rows * columns).reshape(rows, columns)
    left = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    right = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    return peers.Ground(
        shapes=shapely.box(j * SIDE, i * SIDE, (j + 1) * SIDE, (i + 1) * SIDE),
        columns=columns,
        elevation_m=np.broadcast_to(np.asarray(level, float), rows * columns).copy(),
        left=left.astype(np.int32),
        right=right.astype(np.int32),
        facing_m=np.full(len(left), SIDE),
        ridge_m2=np.zeros(len(left)),
    )


RULES = peers.Limits(5.0, 50.0, 0.30, Prices(5.0, 9.4, 167.0, 200.0))


def test_two_halves_of_a_flat_grid_cost_the_ridge_between_them():
    found = peers.score(flat(2, 10), np.tile(np.repeat([0, 1], 5), 2), RULES)
    assert (found.blocks, found.share, found.cut_m3_per_mu) == (2, pytest.approx(1), 0)
    assert found.cost_yuan_per_mu == pytest.approx(9.4 * 2 * SIDE / 24)
    assert found.largest_mu == pytest.approx(12)
    assert found.compactness == pytest.approx(4 * math.pi * 10 / 14**2)


def test_the_cut_of_a_block_is_what_lies_above_its_mean_level():
    level = np.tile([0.0, 0.2], 10)
    found = peers.score(flat(2, 10, level), np.zeros(20, int), RULES)
    assert found.cut_m3_per_mu == pytest.approx(0.1 * MU_M2 / 2)


@pytest.mark.parametrize(
    ("labels", "broken"),
    [
        ([0] * 4 + [1] * 16, "below"),
        ([0] * 8 + [1] * 4 + [0] * 8, "torn"),
        ([0] * 20, "steep"),
    ],
)
def test_a_region_that_breaks_a_rule_does_not_count(labels, broken):
    level = np.linspace(0, 0.4 if broken == "steep" else 0, 20)
    found = peers.score(flat(1, 20, level), np.array(labels), RULES)
    assert getattr(found, broken) == 1
    assert found.compliant_mu < 24


def test_a_region_above_the_maximum_does_not_count_but_a_paddy_that_is_large_by_itself_does():
    one = flat(1, 20)
    assert peers.score(one, np.zeros(20, int), replace(RULES, maximum_mu=20.0)).above == 1
    alone = peers.score(one, np.arange(20), replace(RULES, minimum_mu=1.0, maximum_mu=1.0))
    assert (alone.above, alone.share) == (0, pytest.approx(1))
    assert alone.cost_yuan_per_mu == pytest.approx(9.4 * 19 * SIDE / 24)


def test_the_names_of_regions_have_no_say():
    it = peers.ground(100)
    labels = np.arange(100) // 10
    assert peers.score(it, labels, RULES) == peers.score(it, (labels * 7 + 3), RULES)


def test_the_ground_is_a_grid_without_gaps_and_the_same_for_a_seed():
    it = peers.ground(100)
    assert len(it.left) == 180
    assert shapely.area(it.shapes).mean() == pytest.approx(peers.PARCEL_MU * MU_M2, rel=0.05)
    assert (it.elevation_m == peers.ground(100).elevation_m).all()


def test_chigai_joins_the_instance_that_was_written(tmp_path):
    it = peers.ground(36)
    path = tmp_path / "36.npz"
    peers.write_instance(it, RULES, path)
    with np.load(path) as file:
        labels = peer.prepared("chigai quick", dict(file))()
    found = peers.score(it, labels, RULES)
    assert found.below == found.above == found.steep == found.torn == 0
    assert found.compliant_mu > 0


def test_what_failed_is_listed_as_such_and_beats_nobody():
    failed = peers.Run("pygeoda redcap", None, math.nan, math.nan, "over 900 CPU s")
    good = peers.Run("chigai quick", peers.score(flat(2, 10), np.zeros(20, int), RULES), 0.1, 100.0)
    assert "over 900 CPU s" in peers.table([good, failed], 400)
    assert peers.verdicts([good, failed]) == []


def test_a_new_run_takes_the_place_of_the_last(tmp_path):
    page = tmp_path / "peers.md"
    page.write_text(f"what it is\n\n{peers.LAST_RUN}\n\nold\n", "utf-8")
    peers.write({400: "| new |"}, "versions", page)
    text = page.read_text("utf-8")
    assert text.startswith("what it is") and "| new |" in text and "old" not in text
