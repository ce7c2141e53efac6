"""Which change of which module compiles what again."""

from __future__ import annotations

import pytest

from geo import compiled


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A package in which `top` takes from `middle`, `middle` from `low`, and `aside` from nobody."""
    (tmp_path / "rooms").mkdir()
    for name, text in {
        "__init__": "",
        "low": "SIZE = 1\n",
        "middle": "from rooms.low import SIZE\n",
        "top": "from rooms import middle\n",
        "aside": "import math\n",
    }.items():
        (tmp_path / "rooms" / f"{name}.py").write_text(text)
    monkeypatch.setattr(compiled, "_ROOT", tmp_path)

    def forget() -> None:
        compiled._file_of.cache_clear()
        compiled._takes_from.cache_clear()

    def digests() -> dict[str, str]:
        forget()
        return {n: compiled.digest(f"rooms.{n}") for n in ("low", "middle", "top", "aside")}

    yield tmp_path / "rooms", digests
    forget()


def test_the_same_text_has_the_same_name(house):
    _, digests = house
    assert digests() == digests()


def test_a_change_reaches_what_builds_on_it_and_nothing_else(house):
    rooms, digests = house
    before = digests()
    (rooms / "middle.py").write_text("from rooms.low import SIZE\nTWICE = 2 * SIZE\n")
    after = digests()
    assert {n for n in before if before[n] != after[n]} == {"middle", "top"}


def test_a_number_of_another_module_is_part_of_the_code(house):
    rooms, digests = house
    before = digests()
    (rooms / "low.py").write_text("SIZE = 2\n")
    after = digests()
    assert {n for n in before if before[n] != after[n]} == {"low", "middle", "top"}


def test_kernels_of_the_joining_lie_where_their_own_digest_says():
    from planning.solving import solve_parts

    assert compiled.digest("planning.solving") in solve_parts._cache.cache_path
