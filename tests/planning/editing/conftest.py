"""The field units of the demo's plan."""

from __future__ import annotations

import pandas as pd
import pytest

from planning.editing.unit import load


@pytest.fixture(scope="session")
def units(plan_folder):
    """Field units with several blocks, those with the most first."""
    blocks = pd.read_parquet(plan_folder / "blocks.parquet", columns=["field_unit"])
    numbers = blocks.field_unit.value_counts()
    return [load(plan_folder, int(n)) for n in numbers.index[:6]]
