"""How log lines look, and what never gets into one."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from app.access.keys import new_token
from app.logs import REQUEST_ID, CarryingPool, JsonFormatter, TextFormatter


def record(message: str, *args: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("app.part", logging.WARNING, "", 0, message, args, None)
    made.__dict__.update(more)
    return made


def test_a_json_line_has_its_name_level_time_and_fields() -> None:
    line = JsonFormatter().format(record("换成 %d", 3, fields={"revision": 3}))
    said = json.loads(line)
    assert said["level"] == "warning"
    assert said["logger"] == "app.part"
    assert said["message"] == "换成 3"
    assert said["revision"] == 3
    assert said["time"].endswith("+00:00")
    assert "request_id" not in said
    assert "\n" not in JsonFormatter().format(record("two\nlines"))


def test_a_line_within_a_request_has_its_id_in_either_format() -> None:
    kept = REQUEST_ID.set("abc-1")
    try:
        assert json.loads(JsonFormatter().format(record("x")))["request_id"] == "abc-1"
        assert TextFormatter().format(record("x")).endswith("x [abc-1]")
        with CarryingPool(1) as pool:
            assert pool.submit(REQUEST_ID.get).result() == "abc-1"
    finally:
        REQUEST_ID.reset(kept)


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_the_secret_of_a_key_is_left_out_wherever_it_stands(formatter: logging.Formatter) -> None:
    key_id, token, _ = new_token()
    secret = token.rsplit("_", 1)[1]
    try:
        raise ValueError(f"bad header {token}")
    except ValueError:
        line = formatter.format(
            record("at /x/%s", token, exc_info=sys.exc_info(), fields={"path": f"/{token}"})
        )
    assert secret not in line
    assert key_id in line
