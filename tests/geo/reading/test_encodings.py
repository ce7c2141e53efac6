"""Facts about text in shapefiles: the text itself tells its encoding; where it does not, a person is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import ChigaiError
from geo.reading import Source, encodings, look, read
from tests.geo import badfiles

VILLAGES = [
    "兴凯湖乡",
    "虎头镇",
    "宝东镇永平村",
    "杨岗镇",
    "密山市柳毛乡",
    "鸡东县明德朝鲜族乡",
    "麻山区",
    "联通",
    "青年水库灌区",
]


def written(folder: Path, texts: list[str], encoding: str, cpg: str | None = None, language: int = 0) -> Path:
    frame = badfiles.paddies(len(texts))
    frame["village"] = texts
    shp = badfiles.shapefile(folder, frame[["village", "geometry"]], encoding=encoding)
    if cpg is not None:
        shp.with_suffix(".cpg").write_text(cpg)
    badfiles.language(shp, language)
    return shp


@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
@pytest.mark.parametrize("cpg", [None, "GBK", "UTF-8", "936", "ISO-8859-1", "nonsense", ""])
@pytest.mark.parametrize("language", [0, 0x4D, 0x57])
def test_chinese_text_is_read_whatever_the_file_says_of_it(
    tmp_path: Path, encoding: str, cpg: str | None, language: int
) -> None:
    loaded = read(Source(written(tmp_path, VILLAGES, encoding, cpg, language)))
    assert loaded.parcels["village"].tolist() == VILLAGES
    kinds = [f.kind for f in loaded.findings]
    says = {"GBK": "GBK", "936": "GBK", "UTF-8": "UTF-8", "ISO-8859-1": "x"}.get(
        cpg or "", "GBK" if language == 0x4D else None
    )
    assert ("encoding_wrong" in kinds) == (says is not None and says != encoding)
    assert ("encoding_assumed" in kinds) == (says is None)


@given(
    st.text(
        alphabet="水田渠路村乡镇兴凯湖鸡西虎林密山东南北新民永安红旗向阳光明胜利青年", min_size=4, max_size=12
    )
)
@settings(deadline=None, max_examples=40)
def test_everyday_chinese_is_never_taken_for_the_other_encoding(text: str) -> None:
    for encoding in ("GBK", "UTF-8"):
        raw = [text.encode(encoding)]
        found = sorted(
            (g for e in ("GBK", "UTF-8") if (g := encodings._guess(raw, e))), key=lambda g: -g.score
        )
        assert found[0].encoding == encoding
        assert found[0].sample == (text,)


def test_text_cut_in_the_middle_of_a_character_is_forgiven() -> None:
    assert encodings.decode("兴凯湖".encode("gbk")[:-1], "GBK") == "兴凯"
    assert encodings.decode("兴凯湖".encode()[:-2], "UTF-8") == "兴凯"
    assert encodings.decode(b"\xff\xff\xff\xff\xff", "UTF-8") is None


def test_chinese_column_names_are_read(tmp_path: Path) -> None:
    frame = badfiles.paddies(3)[["DKMC", "geometry"]].rename(columns={"DKMC": "乡镇"})
    for encoding in ("GBK", "UTF-8"):
        loaded = read(Source(badfiles.shapefile(tmp_path / encoding, frame, encoding=encoding)))
        assert loaded.parcels["township"].tolist() == ["兴凯湖边地"] * 3


SWEDISH = ["Björkö", "Ångermanland", "Värmland", "Gävle", "Malmö", "Västerås"]


def test_other_scripts_are_read_when_they_are_declared(tmp_path: Path) -> None:
    kana = ["上田市", "ひがし"]
    assert read(Source(written(tmp_path / "j", kana, "CP932", "932"))).parcels["village"].tolist() == kana
    latin = written(tmp_path / "l", SWEDISH, "ISO-8859-1", "ISO-8859-1")
    assert read(Source(latin)).parcels["village"].tolist() == SWEDISH
    assert read(Source(written(tmp_path / "u", SWEDISH, "UTF-8"))).parcels["village"].tolist() == SWEDISH
    assert read(Source(written(tmp_path / "c", kana, "UTF-8"))).parcels["village"].tolist() == kana


def test_what_cannot_be_told_is_asked_with_samples(tmp_path: Path) -> None:
    path = written(tmp_path, SWEDISH, "ISO-8859-1")
    with pytest.raises(ChigaiError) as caught:
        read(Source(path))
    assert "编码" in caught.value.zh and "GBK" in caught.value.do_en
    assert read(Source(path, encoding="ISO-8859-1")).parcels["village"][0] == "Björkö"
    preview = look(Source(path))
    assert preview.encoding is None and preview.problems
    with pytest.raises(ChigaiError):
        read(Source(path, encoding="no-such-encoding"))


def test_text_that_nothing_uses_is_not_asked_about(tmp_path: Path) -> None:
    frame = badfiles.paddies(2)[["DKBM", "DKMC", "geometry"]].assign(DKMC=["Björkö", "Ångermanland"])
    path = badfiles.shapefile(tmp_path, frame, encoding="ISO-8859-1")
    assert len(read(Source(path)).parcels) == 2
    assert look(Source(path)).problems == []


def test_people_s_names_are_not_shown_as_a_sample(tmp_path: Path) -> None:
    frame = badfiles.paddies(3)
    frame["village"] = "兴凯村"
    loaded = read(Source(badfiles.shapefile(tmp_path, frame)))
    said = " ".join(f.zh + f.en for f in loaded.findings)
    assert "张三" not in said and "李四" not in said
    preview = look(Source(tmp_path / "DK2303812019.shp"))
    shown = preview.sample.to_string() + str([g.sample for g in preview.encoding_candidates])
    assert "张三" not in shown and "李四" not in shown and "兴凯湖边地" in shown


def test_candidates_come_with_decoded_samples(tmp_path: Path) -> None:
    preview = look(Source(written(tmp_path, VILLAGES, "GBK")))
    assert preview.encoding == "GBK"
    assert preview.encoding_candidates[0].encoding == "GBK"
    assert set(preview.encoding_candidates[0].sample) <= set(VILLAGES)


def test_rare_characters_beyond_gbk_are_read(tmp_path: Path) -> None:
    texts = [*VILLAGES, "㐂屯", "𠮷林"]
    frame = badfiles.paddies(len(texts))
    frame["village"] = texts
    shp = badfiles.shapefile(tmp_path, frame[["village", "geometry"]], encoding="GB18030")
    assert read(Source(shp)).parcels["village"].tolist() == texts
