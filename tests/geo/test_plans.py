"""Facts about the plan folder: whole or not at all, and nothing else is ever overwritten."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from pandera.errors import SchemaError

from geo import files, plans
from geo.errors import ChigaiError


@pytest.fixture
def plan(plan_folder):
    return plans.read(plan_folder)


def test_a_plan_reads_back_as_it_was_written(plan, tmp_path):
    folder = plans.write(plan, tmp_path / "copy")
    again = plans.read(folder)
    for name in plans.TABLES:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(plan, name))
    pd.testing.assert_frame_equal(again.shares, plan.shares)
    assert again.meta == plan.meta
    assert [p.name for p in tmp_path.iterdir()] == ["copy"]


def test_a_write_that_fails_leaves_the_older_plan_whole(plan, tmp_path, monkeypatch):
    folder = plans.write(plan, tmp_path / "plan")
    before = (folder / "plan.json").read_bytes()

    def fail(*_args, **_kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(files, "flush", fail)
    with pytest.raises(OSError, match="no space"):
        plans.write(plan, folder)
    assert (folder / "plan.json").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["plan"]


def test_a_table_that_is_not_as_agreed_is_never_written(plan, tmp_path):
    plan.parcels = plan.parcels.drop(columns="reason")
    with pytest.raises(SchemaError):
        plans.write(plan, tmp_path / "plan")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_things_is_not_overwritten(plan, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to-the-mayor.txt").write_text("…")
    with pytest.raises(ChigaiError, match="不会覆盖"):
        plans.write(plan, tmp_path / "letters")
    assert (tmp_path / "letters" / "to-the-mayor.txt").exists()


def test_a_missing_table_is_told_as_a_damaged_plan(plan_folder, tmp_path):
    folder = shutil.copytree(plan_folder, tmp_path / "plan")
    (folder / "sites.parquet").unlink()
    with pytest.raises(ChigaiError, match="不完整"):
        plans.read(folder)


def test_a_truncated_table_is_told_as_a_damaged_plan(plan_folder, tmp_path):
    folder = shutil.copytree(plan_folder, tmp_path / "plan")
    whole = (folder / "blocks.parquet").read_bytes()
    (folder / "blocks.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ChigaiError, match="不完整"):
        plans.read(folder)


def test_a_folder_without_a_plan_is_told_as_such(tmp_path):
    with pytest.raises(ChigaiError, match="没有方案"):
        plans.read_meta(tmp_path)


def test_plans_are_found_newest_first(plan, tmp_path):
    for day in ("2021-03-01", "2021-03-03", "2021-03-02"):
        plan.meta = plan.meta | {"created": f"{day}T00:00:00+00:00"}
        plans.write(plan, tmp_path / "plans" / day)
    assert [p.name for p in plans.find(tmp_path)] == ["2021-03-03", "2021-03-02", "2021-03-01"]


def test_a_further_table_is_read_by_name_and_in_part(plan, tmp_path):
    plan.more["hauls"] = pd.DataFrame({"block_id": ["a", "a", "b"], "volume_m3": [1.0, 2.0, 3.0]})
    folder = plans.write(plan, tmp_path / "plan")
    assert plans.read_more(folder, "hauls", [("block_id", "==", "a")])["volume_m3"].tolist() == [1.0, 2.0]
    assert plans.read_more(folder, "frontier") is None
    (folder / "hauls.parquet").write_bytes(b"half")
    with pytest.raises(ChigaiError, match="不完整"):
        plans.read_more(folder, "hauls")
