from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opencc import OpenCC

from vocab.errors import InvalidTagError
from vocab.names import MAX_KEY_LENGTH, MAX_NAME_LENGTH, clean_name, clean_text, name_key

CONVERTER = OpenCC("t2s")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("汉服", "漢服"),
        ("Ｔ恤", "t恤"),
        (" 苹果\u3000", "苹果"),
        ("苹\u200b果\ufeff", "苹果"),
        ("ＩＰＨＯＮＥ　１５", "iphone  15"),
        ("❤️", "❤"),
        ("Straße", "STRASSE"),
        ("①", "1"),
        ("乾隆", "乾隆"),
        ("頭髮", "头发"),
    ],
)
def test_spellings_of_one_name_share_a_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("苹果", "蘋果汁"), ("猫", "狗"), ("猫 狗", "猫狗"), ("乾隆", "干隆")]
)
def test_different_names_have_different_keys(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@given(st.text(st.characters(min_codepoint=0x3400, max_codepoint=0xFAFF), max_size=20))
def test_names_the_converter_is_not_asked_about_are_those_it_would_leave_alone(name: str) -> None:
    folded = " ".join(unicodedata.normalize("NFKC", name).split())
    folded = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    simplified = CONVERTER.convert(folded).casefold()
    assert name_key(name) == unicodedata.normalize("NFKC", simplified)


@given(st.text(max_size=80))
def test_a_name_is_either_clean_or_refused(text: str) -> None:
    try:
        name = clean_name(text)
    except InvalidTagError:
        return
    assert 1 <= len(name) <= MAX_NAME_LENGTH
    assert 1 <= len(name_key(name)) <= MAX_KEY_LENGTH
    assert clean_name(name) == name
    assert name_key(name) == name_key(text)
    name.encode("utf-8")


@pytest.mark.parametrize(
    "text",
    ["", " ", "\u3000", "\u200b", "\u200d", "\ufe0f", "a\nb", "a\tb", "\x00", "a\x07b", "\ud800",
     "a\u2028b", "猫" * 65, "猫" * 300, "\ufdfa" * 20],
)  # fmt: skip
def test_what_cannot_be_a_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidTagError):
        clean_name(text)


@pytest.mark.parametrize(
    "text", ["🐱", "👨‍👩‍👧", "🏳️‍🌈", "a" * 64, "'; DROP TABLE tags; --", "C++", "Ünïcode"]
)
def test_odd_names_are_names_and_stay_as_they_are(text: str) -> None:
    assert clean_name(text) == text


def test_the_direction_marks_that_make_a_name_look_like_another_are_removed() -> None:
    assert clean_name("\u202egpj.猫\u202c") == "gpj.猫"


def test_text_of_several_lines_keeps_its_lines_and_nothing_else_that_is_invisible() -> None:
    assert clean_text(" 一\n二\t三\r\n ", field="notes", limit=100) == "一\n二\t三"
    with pytest.raises(InvalidTagError):
        clean_text("一\x00二", field="notes", limit=100)
    with pytest.raises(InvalidTagError):
        clean_text("字" * 101, field="notes", limit=100)
