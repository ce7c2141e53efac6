"""The notice's file says what the notice says, and a wrong file says which key is wrong."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from geo.errors import ChigaiError
from geo.schemas import MU_M2
from planning import programme as programmes
from planning.parameters import Parameter, Parameters, Switch
from planning.programme import Programme

JIXI = programmes.load("jixi-2020-8")
COUNTIES = {"230381": "虎林市", "230382": "密山市", "230321": "鸡东县"}
DISTRICTS = {
    "230303": ("恒山区", 2000, 1000),
    "230304": ("滴道区", 2000, 1000),
    "230306": ("城子河区", 2000, 1000),
    "230305": ("梨树区", 2100, 500),
    "230307": ("麻山区", 1000, 500),
}


def content() -> dict:
    return yaml.safe_load((programmes.BUNDLED / "jixi-2020-8.yml").read_text(encoding="utf-8"))


def written(tmp_path: Path, data: object) -> Path:
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def refused(path: Path) -> ChigaiError:
    with pytest.raises(ChigaiError) as caught:
        programmes.load(path)
    assert caught.value.zh and caught.value.en and caught.value.do_zh and caught.value.do_en
    return caught.value


# What the notice says


def test_the_nine_units_are_jixis() -> None:
    assert {u.adcode for u in JIXI.units} == {*COUNTIES, *DISTRICTS, "230302"}
    for adcode, name in COUNTIES.items():
        unit = JIXI.unit(adcode)
        assert (unit.name_zh, unit.kind) == (name, "county")
        assert (unit.floor_mu, unit.ceiling_mu) == (40_000, 50_000)
        assert (unit.site_minimum_mu, unit.block_minimum_mu) == (5_000, 5)
        assert (unit.site_scope, unit.budget_yuan) == ("irrigation_district", 10_000_000)
    for adcode, (name, target, site) in DISTRICTS.items():
        unit = JIXI.unit(adcode)
        assert (unit.name_zh, unit.kind) == (name, "district")
        assert (unit.floor_mu, unit.ceiling_mu) == (target, target)
        assert (unit.site_minimum_mu, unit.block_minimum_mu) == (site, 3)
        assert unit.budget_yuan is None
        assert "1:1" in unit.budget_note_zh


def test_jiguan_owes_nothing() -> None:
    unit = JIXI.unit("230302")
    assert not unit.has_target
    assert (unit.floor_mu, unit.ceiling_mu, unit.deadline) == (None, None, None)
    assert (unit.site_minimum_mu, unit.block_minimum_mu) == (None, None)


def test_the_targets_add_up_as_the_notice_states() -> None:
    asked = [u for u in JIXI.units if u.has_target]
    assert len(asked) == 8
    assert sum(u.floor_mu for u in asked) == 129_100
    assert sum(u.ceiling_mu for u in asked) == 159_100
    assert sum(u.floor_mu for u in asked if u.kind == "district") == 9_100
    assert sum(u.ceiling_mu for u in asked if u.kind == "district") == 9_100


def test_every_deadline_is_the_whole_of_20_april_2022_in_china() -> None:
    china = timezone(timedelta(hours=8))
    for unit in JIXI.units:
        if unit.has_target:
            assert unit.deadline == date(2022, 4, 20)
            assert JIXI.deadline_ends(unit.adcode) == datetime(2022, 4, 21, tzinfo=china)
    assert JIXI.deadline_ends("230302") is None


def test_the_budget_is_200_to_250_yuan_a_mu() -> None:
    for adcode in COUNTIES:
        unit = JIXI.unit(adcode)
        assert unit.budget_yuan / unit.ceiling_mu == 200
        assert unit.budget_yuan / unit.floor_mu == 250


def test_the_city_before_the_work() -> None:
    assert JIXI.area.paddy_mu == 289.9 * 10_000
    assert JIXI.area.largest_single_mu == 50
    assert JIXI.area.smallest_single_below_mu == 0.2
    assert JIXI.issued == date(2020, 11, 4)
    assert set(JIXI.scope.excludes_zh) == {"农垦", "森工"}
    assert JIXI.scope.basin_minimum_mu == 10_000


def test_the_principles_are_ranked_without_ties() -> None:
    ranks = [p.rank for p in JIXI.principles]
    assert sorted(ranks) == list(range(1, len(ranks) + 1))
    served = [value for p in JIXI.principles for value in p.parcel_priorities]
    assert len(served) == len(set(served))


def test_land_prices_of_all_27_zones() -> None:
    prices = {z.id: z.yuan_per_m2 for z in JIXI.land_prices.zones}
    jx = [68, 125, 120, 90, 52, 120, 42, 125, 68, 52, 52, 125, 52, 59, 48, 48]
    stated = {f"JX-{i}": p for i, p in enumerate(jx, 1)}
    stated |= {f"MSS-{i}": p for i, p in enumerate([82, 70, 50, 45], 1)}
    stated |= {f"HL-{i}": p for i, p in enumerate([75, 59, 45, 35], 1)}
    stated |= {f"JD-{i}": p for i, p in enumerate([136, 67, 50], 1)}
    assert prices == stated
    assert (JIXI.land_prices.owners_share, JIXI.land_prices.collective_share) == (0.7, 0.3)


# Scheme B


def test_scheme_b_sums_by_unit() -> None:
    totals = {
        "soil_test": 700_000,
        "deep_placement": 300_000,
        "aerial_spraying": 2_000_000,
        "nozzles": 16_000,
    }
    districts = {"soil_test": 30_000, "deep_placement": 5_000, "aerial_spraying": 30_000, "nozzles": 1_000}
    kinds = {u.adcode: u.kind for u in JIXI.units}
    assert {m.id for m in JIXI.scheme_b.measures} == set(totals)
    for measure in JIXI.scheme_b.measures:
        assert sum(measure.targets.values()) == pytest.approx(totals[measure.id])
        assert measure.city_total == totals[measure.id]
        inside = sum(v for c, v in measure.targets.items() if kinds[c] == "district")
        assert inside == pytest.approx(districts[measure.id]) == measure.districts_total


def test_scheme_b_effects_close_against_the_city_goals() -> None:
    effects = {m.id: m.effect_computed_t for m in JIXI.scheme_b.measures}
    for measure in JIXI.scheme_b.measures:
        assert effects[measure.id] == pytest.approx(measure.effect_t)
    goals = {g.id: g.cut_t for g in JIXI.scheme_b.goals}
    assert effects["soil_test"] == pytest.approx(350)
    assert effects["deep_placement"] == pytest.approx(855)
    assert effects["soil_test"] + effects["deep_placement"] == pytest.approx(1_205)
    assert goals["fertiliser"] == 1_205
    sprayed = effects["aerial_spraying"] + effects["nozzles"]
    assert sprayed == pytest.approx(20 + 14.4) == pytest.approx(34.4)
    assert goals["pesticide"] + goals["herbicide"] == pytest.approx(5.9 + 28.5) == pytest.approx(sprayed)


def test_scheme_b_efficiencies_and_subsidies() -> None:
    assert {g.id: g.use_efficiency_at_least for g in JIXI.scheme_b.goals} == {
        "fertiliser": 0.40,
        "pesticide": 0.45,
        "herbicide": 0.45,
    }
    subsidies = {s.id: (s.share, s.yuan_per_mu) for s in JIXI.scheme_b.subsidies}
    assert subsidies == {
        "deep_placement_machine": (0.30, None),
        "nozzles": (0.25, None),
        "aerial_spraying": (None, 5),
    }


# Parameters


def test_the_defaults_that_the_design_names() -> None:
    values = JIXI.parameters.as_values()
    assert values["max_mu"] == 50
    assert values["max_step_m"] == 0.30
    assert values["ridge_max_gap_m"] == 1.5
    assert values["min_facing_m"] == 1.0
    assert values["site_gap_m"] == 60
    assert values["same_village"] is False
    assert 3 <= values["earthwork_yuan_per_m3"] <= 8
    assert values["ridge_width_m"] == 0.4


def test_the_price_of_a_ridge_follows_from_its_formula() -> None:
    values = JIXI.parameters.as_values()
    years, turn_s, machine_width_m, short_sides, passes, yuan_per_h = 10, 15, 2, 1 / 3, 6, 150
    turning = turn_s / machine_width_m * short_sides * passes / 3600 * yuan_per_h
    assert values["turning_yuan_per_m_year"] == pytest.approx(turning)
    land = values["ridge_width_m"] / MU_M2 * values["planted_yuan_per_mu_year"]
    section_m2 = (0.2 + 0.4) / 2 * 0.3
    removal = section_m2 * values["earthwork_yuan_per_m3"]
    assert values["ridge_yuan_per_m"] == pytest.approx(years * (land + turning) - removal, abs=0.005)


def test_the_price_of_a_shape_follows_from_the_machine_times() -> None:
    values = JIXI.parameters.as_values()
    yearly = (0.30 - 0.25) * MU_M2 * 6 / 3600 * 150 / 0.5
    assert values["shape_yuan_per_mu_year"] == pytest.approx(yearly, abs=0.05)
    assert values["shape_yuan_per_mu"] == pytest.approx(10 * yearly, abs=0.5)


def test_every_parameter_is_explained_in_both_languages_and_assumptions_are_marked() -> None:
    for parameter in JIXI.parameters.items().values():
        assert parameter.title_zh and parameter.title_en and parameter.help_zh and parameter.help_en
        assert parameter.unit and parameter.unit_zh and parameter.source
        assert not any("\u4e00" <= c <= "\u9fff" for c in parameter.title_en + parameter.help_en)
        if parameter.group != "rules" and parameter.confidence == "W":
            assert parameter.confirm


def test_notes_say_what_each_value_means() -> None:
    notes = JIXI.parameters.notes()
    assert list(notes) == list(JIXI.parameters.as_values())
    assert notes["max_mu"]["unit_zh"] == "亩" and notes["max_mu"]["confirm"] is True
    assert all({"title_zh", "unit_zh", "source", "confidence", "confirm"} <= set(n) for n in notes.values())


def test_other_values_leave_the_rest_as_it_is() -> None:
    changed = JIXI.parameters.with_values(max_mu=30, same_village=1)
    assert changed.max_mu.value == 30
    assert changed.same_village.value is True
    assert JIXI.parameters.max_mu.value == 50
    same = {k: v for k, v in changed.as_values().items() if k not in ("max_mu", "same_village")}
    assert same.items() <= JIXI.parameters.as_values().items()
    assert JIXI.parameters.with_values(**JIXI.parameters.as_values()) == JIXI.parameters


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"max_mu": 0}, "max_mu"),
        ({"max_mu": 1001}, "1000"),
        ({"max_mu": float("nan")}, "max_mu"),
        ({"max_mu": "30"}, "max_mu"),
        ({"max_mu": None}, "max_mu"),
        ({"max_mu": True}, "max_mu"),
        ({"max_stepp_m": 0.3}, "max_step_m"),
        ({"same_village": 2}, "same_village"),
        ({"same_village": "yes"}, "same_village"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(values: dict, word: str) -> None:
    with pytest.raises(ChigaiError) as caught:
        JIXI.parameters.with_values(**values)
    assert word in caught.value.text("zh") and word in caught.value.text("en")


@given(
    st.sampled_from([n for n, p in JIXI.parameters.items().items() if isinstance(p, Parameter)]), st.floats()
)
def test_a_value_is_taken_exactly_when_it_is_in_range(name: str, value: float) -> None:
    parameter = getattr(JIXI.parameters, name)
    if parameter.minimum <= value <= parameter.maximum:
        assert getattr(JIXI.parameters.with_values(**{name: value}), name).value == value
    else:
        with pytest.raises(ChigaiError):
            JIXI.parameters.with_values(**{name: value})


def test_the_models_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        JIXI.name_zh = "x"
    with pytest.raises(ValidationError):
        JIXI.parameters.max_mu.value = 1
    assert set(Parameters.model_fields) == set(JIXI.parameters.items())
    assert isinstance(JIXI.parameters.same_village, Switch)


# Loading


def test_a_file_of_ones_own_is_read_like_the_bundled_one(tmp_path: Path) -> None:
    assert programmes.load(written(tmp_path, content())) == JIXI
    assert "jixi-2020-8" in programmes.available()


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    path = written(tmp_path, content())
    assert programmes.load(path).name_zh == JIXI.name_zh
    data = content() | {"name_zh": "明年的通知（新）"}
    assert programmes.load(written(tmp_path, data)).name_zh == "明年的通知（新）"


def _set(data: dict, keys: list, value: object) -> dict:
    at = data
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    return data


@pytest.mark.parametrize(
    ("keys", "value", "named"),
    [
        (["units", 0, "floor_mu"], "40000", "units[1].floor_mu"),
        (["units", 0, "floor_mu"], True, "units[1].floor_mu"),
        (["units", 0, "floor_mu"], -1, "units[1].floor_mu"),
        (["units", 0, "floor_mu"], 60000, "floor_mu"),
        (["units", 0, "floor_mu"], None, "deadline"),
        (["units", 0, "floor_mu"], float("nan"), "units[1].floor_mu"),
        (["units", 1, "adcode"], 230382, "units[2].adcode"),
        (["units", 1, "adcode"], "230381", "230381"),
        (["units", 2, "kind"], "town", "units[3].kind"),
        (["units", 3, "deadline"], "2022-04-20", "units[4].deadline"),
        (["units", 3, "deadline"], 20220420, "units[4].deadline"),
        (["units", 4, "colour"], "red", "units[5].colour"),
        (["units"], [], "units"),
        (["units"], "none", "units"),
        (["parameters", "max_mu", "value"], 5000, "parameters.max_mu"),
        (["parameters", "max_mu", "confirm"], "yes", "parameters.max_mu.confirm"),
        (["parameters", "max_mu"], 50, "parameters.max_mu"),
        (["parameters", "max_muu"], {}, "parameters.max_muu"),
        (["timezone"], "Asia/Jixi", "timezone"),
        (["scheme_b", "measures", 0, "targets", "230382"], 1, "soil_test"),
        (["scheme_b", "measures", 0, "targets", "110000"], 1, "110000"),
        (["land_prices", "owners_share"], 0.9, "land_prices"),
        (["working_windows", 0, "from_day"], "13-40", "working_windows[1].from_day"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, keys: list, value: object, named: str) -> None:
    error = refused(written(tmp_path, _set(content(), keys, value)))
    assert named in error.text("zh") and named in error.text("en")
    assert error.file == "mine.yml"


@pytest.mark.parametrize("key", ["units", "parameters", "name_zh", "issued"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    data = content()
    del data[key]
    error = refused(written(tmp_path, data))
    assert f"{key} 缺少此项" in error.zh and f"{key} is missing" in error.en


@pytest.mark.parametrize("key", ["unit", "source", "value"])
def test_a_parameter_without_unit_source_or_value_is_refused(tmp_path: Path, key: str) -> None:
    data = content()
    del data["parameters"]["max_step_m"][key]
    assert f"parameters.max_step_m.{key}" in refused(written(tmp_path, data)).text("en")


def test_all_wrong_keys_are_listed_at_once(tmp_path: Path) -> None:
    data = content()
    data["units"][0]["floor_mu"] = "a"
    data["parameters"]["max_mu"]["source"] = ""
    error = refused(written(tmp_path, data))
    assert "units[1].floor_mu" in error.en and "parameters.max_mu.source" in error.en


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", "empty"),
        (b"- a\n- b\n", "keys and values"),
        (b"a: [1, 2\n", "YAML"),
        ("name_zh: 鸡西".encode("gbk"), "UTF-8"),
        (b"a: 1\nb: 2\na: 3\n", "'a' twice"),
        (b"a: &x [1]\nb: *x\n", "alias"),
        (b"a: !!python/object/apply:os.getcwd []\n", "YAML"),
        (b"[" * 20_000, "YAML"),
    ],
)
def test_a_file_that_is_no_notice_is_refused(tmp_path: Path, raw: bytes, word: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_bytes(raw)
    assert word in refused(path).text("en")


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ChigaiError, match="jixi-2020-8"):
        programmes.load("jixi-2021")
    with pytest.raises(ChigaiError, match="jixi-2020-8"):
        programmes.load(tmp_path / "none.yml")
    with pytest.raises(ChigaiError, match="jixi-2020-8"):
        programmes.load("../jixi-2020-8")


def test_an_unknown_unit_lists_the_known_ones() -> None:
    with pytest.raises(ChigaiError) as caught:
        JIXI.unit("110101")
    assert "230381 虎林市" in caught.value.text("zh") and "230381 Hulin" in caught.value.text("en")


def test_it_survives_a_round_trip_through_json() -> None:
    assert Programme.model_validate_json(JIXI.model_dump_json(), strict=False) == JIXI
