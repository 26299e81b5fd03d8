from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocab.errors import InvalidTagError
from vocab.rules import FIELDS, clean_fields, fields_of_draft
from vocab.tags import TagDraft


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", 7),
        ("name", ["猫"]),
        ("category", "类" * 65),
        ("category", "a\nb"),
        ("gloss", 1.5),
        ("description", "字" * 1_048_576),
        ("notes", "\x00"),
        ("parents", "动物"),
        ("parents", ["动物", 3]),
        ("parents", [""]),
        ("aliases", {"a": 1}.values()),
        ("aliases", ["猫" * 65]),
        ("aliases", [f"别名{n}" for n in range(65)]),
        ("prompt_templates", ["没有位置"]),
        ("negative_prompts", [" "]),
        ("state", "deleted"),
        ("state", None),
        ("state", ["active"]),
        ("threshold", "0.5"),
        ("threshold", True),
        ("threshold", float("inf")),
        ("threshold", float("nan")),
        ("threshold", 1.01),
        ("threshold", 10**400),
        ("target", 0.9),
        ("target", "0.9"),
        ("target", "recall=0.9"),
        ("target", "precision_target"),
        ("target", "precision_target=0"),
        ("target", "precision_target=1"),
        ("target", "precision_target=nan"),
        ("target", "precision_target=90%"),
        ("target", "best_f1=0.5"),
        ("target", "=" * 5_000),
        ("exclusive_group", None),
        ("id", ""),
        ("id", "a b"),
        ("id", "a" * 65),
        ("revision", 3),
        ("x" * 5_000, 3),
    ],
)
def test_a_value_no_tag_can_have_is_refused_by_field(field: str, value: object) -> None:
    with pytest.raises(InvalidTagError) as refused:
        clean_fields({field: value})
    assert refused.value.field == field[:64]
    assert refused.value.remedy
    assert len(str(refused.value)) < 300


def test_values_are_tidied() -> None:
    cleaned = clean_fields(
        {
            "name": " 汉服\u200b ",
            "aliases": ["华服 ", "华服"],
            "parents": ("服饰",),
            "threshold": 1,
            "target": " precision_target = 0.90 ",
            "description": "\n说明\n",
            "prompt_templates": [" 一张{}的照片"],
        }
    )
    assert cleaned == {
        "name": "汉服",
        "aliases": ("华服",),
        "parents": ("服饰",),
        "threshold": 1.0,
        "target": "precision_target=0.9",
        "description": "说明",
        "prompt_templates": ("一张{}的照片",),
    }


def test_the_fields_of_a_draft_are_those_of_a_tag() -> None:
    assert set(fields_of_draft(TagDraft("猫", id="t1"))) == set(FIELDS)
    assert "id" not in fields_of_draft(TagDraft("猫"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=10), json_values, max_size=4))
def test_whatever_comes_is_either_cleaned_once_and_for_all_or_refused(
    fields: dict[str, object],
) -> None:
    try:
        cleaned = clean_fields(fields)
    except InvalidTagError:
        return
    assert clean_fields(cleaned) == cleaned
