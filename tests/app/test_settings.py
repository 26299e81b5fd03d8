"""Settings from the environment."""

from pathlib import Path

import pytest

from app.errors import SettingsError
from app.settings import Settings, load_settings, variable
from vocab.prompts import DEFAULT_TEMPLATES


def test_a_variable_sets_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUQIAN_MAX_BATCH", "7")
    monkeypatch.setenv("TUQIAN_PROMPT_TEMPLATES", '["{}", "图里有{}"]')
    settings = load_settings()
    assert settings.max_batch == 7
    assert settings.prompt_templates == ("{}", "图里有{}")


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUQIAN_PORT", "9000")
    assert load_settings(port=8001, host=None).port == 8001
    assert load_settings(port=None).port == 9000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "70000"),
        ("port", "http"),
        ("max_queue", "0"),
        ("model_hub", "elsewhere"),
        ("prompt_templates", '["no place for a name"]'),
        ("prompt_templates", "[]"),
        ("prompt_templates", "not json"),
        ("request_timeout_s", "-1"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(variable(name), value)
    with pytest.raises(SettingsError, match=f"(?i){name}") as refused:
        load_settings()
    assert refused.value.remedy


def test_the_database_lies_in_the_data_directory_unless_it_is_named() -> None:
    assert Settings(data_dir=Path("here")).database == "sqlite:///here/tuqian.db"
    assert Settings(database_url="postgresql://x").database == "postgresql://x"


def test_every_setting_is_explained() -> None:
    for name, field in Settings.model_fields.items():
        assert (field.description or "").endswith("。"), name


def test_the_templates_by_default_are_the_vocabularys() -> None:
    assert Settings().prompt_templates == DEFAULT_TEMPLATES
