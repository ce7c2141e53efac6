"""Facts about columns: which table is recognised, which column is which field, which ones are never read."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import ChigaiError
from geo.reading import fields, landuse, mapping
from geo.schemas import BARRIER_KINDS, MU_M2

DK = ["BSM", "YSDM", "DKBM", "DKMC", "SYQXZ", "DKLB", "TDLYLX", "DLDJ", "TDYT", "SFJBNT", "SCMJ", "SCMJM",
      "DKDZ", "DKXZ", "DKNZ", "DKBZ", "DKBZXX", "ZJRXM", "KJZB"]  # fmt: skip
DLTB = ["BSM", "YSDM", "TBBH", "DLBM", "DLMC", "QSXZ", "ZLDWDM", "ZLDWMC", "TBMJ", "KCDLBM", "KCXS", "TBDLMJ"]


@given(st.randoms(use_true_random=False), st.booleans())
def test_dk_is_recognised_whatever_the_order_and_the_case_of_its_fields(
    rng: random.Random, lower: bool
) -> None:
    columns = [c.lower() if lower else c for c in DK]
    rng.shuffle(columns)
    found = mapping.recognise(columns)
    as_written = {c.upper(): c for c in columns}
    assert found.profile == "dk"
    assert found.land_use == as_written["TDLYLX"]
    wanted = {"parcel_id": "DKBM", "county": "DKBM", "township": "DKBM", "village": "DKBM", "declared_mu": "SCMJM", "declared_m2": "SCMJ"}  # fmt: skip
    assert {k: found.mapping[k] for k in wanted} == {k: as_written[v] for k, v in wanted.items()}


@given(st.randoms(use_true_random=False))
def test_dltb_is_recognised_whatever_the_order(rng: random.Random) -> None:
    columns = DLTB.copy()
    rng.shuffle(columns)
    found = mapping.recognise(columns)
    assert found.profile == "dltb" and found.land_use == "DLBM"
    assert found.mapping["county"] == "ZLDWDM" and found.mapping["declared_m2"] == "TBMJ"


def test_chigais_own_table_is_recognised_even_cut_to_ten_characters() -> None:
    own = ["parcel_id", "county", "irrigation_district", "operator", "consent", "declared_mu"]
    assert mapping.recognise(own).profile == "chigai"
    cut = mapping.recognise([c[:10] for c in own])
    assert cut.profile == "chigai"
    assert cut.mapping["irrigation_district"] == "irrigation"
    assert cut.mapping["declared_mu"] == "declared_m"


def test_a_chinese_name_that_a_shapefile_cut_is_found_in_either_encoding() -> None:
    for cut in ("行政区划代", "行政区"):  # ten bytes of GBK, nine of UTF-8
        assert mapping.find(["面积", cut], "行政区划代码") == cut
    assert mapping.find(["行政"], "行政区划代码") is None
    given = mapping.chosen(mapping.recognise(["地块编号编"]), ["地块编号编"], {"parcel_id": "地块编号编码"})
    assert given.mapping["parcel_id"] == "地块编号编"


@pytest.mark.parametrize(
    ("column", "field"),
    [("polygon_uuid", "parcel_id"), ("polygon_uu", "parcel_id"), ("地块编号", "parcel_id"), ("乡镇", "township"),
     ("灌区名称", "irrigation_district"), ("CBFBM", "operator"), ("Plot ID", "parcel_id"), ("是否同意", "consent")],
)  # fmt: skip
def test_obvious_names_are_found(column: str, field: str) -> None:
    found = mapping.recognise(["land_type", column, "issue_year"])
    assert found.mapping == {field: column}
    assert found.profile == "generic"


def test_a_table_without_any_known_name_maps_nothing() -> None:
    assert mapping.recognise(["a", "b"]).mapping == {}
    assert mapping.recognise([]).mapping == {}


@pytest.mark.parametrize(
    "column",
    ["DKDZ", "dkxz", "DKNZ", "DKBZ", "DKBZXX", "ZJRXM", "CBFMC", "CBFZJHM", "CBFDZ", "LXDH", "承包方姓名", "身份证号",
     "联系电话", "手机", "家庭住址", "东至", "指界人", "phone", "Owner_Name", "e-mail", "id_card"],
)  # fmt: skip
def test_columns_with_personal_data_are_known(column: str) -> None:
    assert mapping.is_personal(column)
    assert column not in mapping.recognise([*DK, column]).mapping.values()


@pytest.mark.parametrize(
    "column", [*mapping.PARCEL_FIELDS, "DKBM", "DKMC", "TBBH", "village", "CBFBM", "SCMJM"]
)
def test_columns_that_planning_needs_are_not_personal(column: str) -> None:
    assert not mapping.is_personal(column)


def test_what_the_user_says_goes_first() -> None:
    found = mapping.recognise(DK)
    mine = mapping.chosen(found, DK, {"parcel_id": "bsm", "declared_m2": "SCMJ", "village": ""})
    assert mine.profile == "dk"
    assert mine.mapping["parcel_id"] == "BSM" and mine.mapping["declared_m2"] == "SCMJ"
    assert "declared_mu" not in mine.mapping and "village" not in mine.mapping


@pytest.mark.parametrize(
    ("given_", "said"),
    [({"colour": "DKMC"}, "parcel_id"), ({"parcel_id": "nothing"}, "DKMC"), ({"operator": "ZJRXM"}, "CBFBM")],
)
def test_a_mapping_that_cannot_be_is_refused_with_what_can(given_: dict[str, str], said: str) -> None:
    with pytest.raises(ChigaiError) as caught:
        mapping.chosen(mapping.recognise(DK), DK, given_)
    assert said in caught.value.do_zh and said in caught.value.do_en


def test_pairs_of_the_command_line_are_parsed() -> None:
    assert mapping.parse_pairs(["parcel_id=地块编号", "county = A=B"]) == {
        "parcel_id": "地块编号",
        "county": "A=B",
    }
    for bad in ("parcel_id", "=x", ""):
        with pytest.raises(ChigaiError):
            mapping.parse_pairs([bad])


# --- values -------------------------------------------------------------------------------------------------


def column(values: list[object], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, type=kind)])


def test_text_is_trimmed_and_numbers_keep_all_their_digits() -> None:
    assert fields.text(column([" a ", "", None, "　乡\0"])).tolist()[0::3] == ["a", "乡"]
    assert fields.text(column(["", None])).isna().all()
    assert fields.text(column([2303811002010000001, None], pa.int64())).iloc[0] == "2303811002010000001"
    assert fields.text(column([230381.0, None])).iloc[0] == "230381"
    assert fields.text(column([1.5])).iloc[0] == "1.5"
    assert fields.text(column([None, None], pa.null())).isna().all()
    assert fields.text(column(["x"]).dictionary_encode()).iloc[0] == "x"
    broken = pa.chunked_array([pa.array([b"ok", b"\xb4\xe5"]).view(pa.string())])
    assert fields.text(broken).tolist()[0] == "ok"


@given(st.lists(st.one_of(st.none(), st.integers(-(10**15), 10**15)), min_size=1))
def test_numbers_survive_being_text(values: list[int | None]) -> None:
    as_text = pd.Series([None if v is None else str(v) for v in values], dtype="str")
    found = fields.number(pa.chunked_array([pa.array(as_text)]))
    assert np.array_equal(found, np.array([np.nan if v is None else v for v in values]), equal_nan=True)


def test_numbers_with_units_and_separators_are_read() -> None:
    assert fields.number(column(["1,234.5", "3 亩", "x", None])).tolist()[:2] == [1234.5, 3.0]


def test_consent_is_read_in_the_ways_it_is_written() -> None:
    found, odd = fields.truth(column(["是", "不同意", "Y", "0", None, "再说"]))
    assert found.tolist() == [True, False, True, False, None, None]
    assert odd == ["再说"]
    assert fields.truth(column([True, None, False]))[0].tolist() == [True, None, False]


def test_codes_of_places_are_cut_and_names_stay() -> None:
    codes = pd.Series(["2303811002010000001", "230381100", "虎林市", None], dtype="str")
    found, odd = fields.county(codes)
    assert found.tolist()[:2] == ["230381", "230381"] and found.isna().tolist()[2:] == [True, True]
    assert odd == 1
    assert fields.place(codes, 9).tolist()[:3] == ["230381100", "230381100", "虎林市"]
    assert fields.place(codes, 12).tolist()[:3] == ["230381100201", "230381100", "虎林市"]


@pytest.mark.parametrize(
    ("field", "factor", "told"),
    [("declared_mu", 1.0, None), ("declared_mu", MU_M2, "declared_unit"), ("declared_m2", MU_M2, None),
     ("declared_m2", 1.0, "declared_unit"), ("declared_m2", MU_M2 / 1e4, "declared_unit"), ("declared_mu", 37.0, "declared_not_used")],
)  # fmt: skip
def test_the_unit_of_a_declared_area_is_held_against_the_measured_one(
    field: str, factor: float, told: str | None
) -> None:
    measured = np.array([1.0, 2.0, 3.0, 4.0])
    table = pa.table({"A": measured * factor})
    found, notes = fields.declared_mu(table, {field: "A"}, measured)
    assert [n.kind for n in notes] == ([told] if told else [])
    assert np.isnan(found).all() if told == "declared_not_used" else np.allclose(found, measured)


def test_square_metres_fill_in_where_mu_are_missing() -> None:
    table = pa.table({"SCMJM": [1.5, 0.0, None], "SCMJ": [1000.0, 2000.0, None]})
    found, notes = fields.declared_mu(
        table, {"declared_mu": "SCMJM", "declared_m2": "SCMJ"}, np.array([1.5, 3.0, 1.0])
    )
    assert found[:2].tolist() == [1.5, 3.0] and np.isnan(found[2]) and notes == []


# --- land use -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "kind", "fixed"),
    [("1107A", "main_canal", True), ("1107", "ditch", True), ("1006", "road", True), ("0307", "shelterbelt", True),
     ("0702", "village", True), ("203", "village", True), ("1104", "other", True), ("1203", "other", False),
     ("0103", "other", True), ("干渠", "main_canal", True), ("支渠", "branch_canal", True), ("斗渠", "lateral_canal", True),
     ("农渠", "field_canal", True), ("毛渠", "ditch", False), ("排水沟", "drain", True), ("机耕道", "road", True),
     ("防护林", "shelterbelt", True), ("居民点", "village", True), ("main_canal", "main_canal", True),
     ("tertiary", "road", True)],
)  # fmt: skip
def test_barriers_are_told_by_code_and_by_word(word: str, kind: str, fixed: bool) -> None:
    found, is_fixed, known = landuse.kinds(pd.Series([word], dtype="str"))
    assert (found[0], bool(is_fixed[0]), bool(known[0])) == (kind, fixed, True)


@given(st.lists(st.one_of(st.none(), st.text(max_size=6))))
def test_what_is_not_known_may_not_be_crossed(words: list[str | None]) -> None:
    found, fixed, known = landuse.kinds(pd.Series(words, dtype="str"))
    assert len(found) == len(words)
    assert set(found) <= set(BARRIER_KINDS)
    assert fixed[~known].all()


def test_codes_that_lost_their_leading_zero_are_understood() -> None:
    codes = pd.Series(["101", "307", "201", "1006"], dtype="str")
    assert landuse.is_paddy_dlbm(codes).tolist() == [True, False, False, False]
    assert landuse.kinds(codes)[0].tolist() == ["other", "shelterbelt", "village", "road"]


def test_paddies_are_told_by_either_code() -> None:
    assert landuse.is_paddy_dlbm(pd.Series(["0101", "0102", None, " 0101"], dtype="str")).tolist() == [True, False, False, True]  # fmt: skip
    assert landuse.is_paddy_tdlylx(pd.Series(["011", "12", None, "11"], dtype="str")).tolist() == [True, False, False, True]  # fmt: skip
