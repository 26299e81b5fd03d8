"""One thing given in exactly one of several ways: the check, and how OpenAPI says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)
_COUNTS = {2: "二", 3: "三", 4: "四"}


def one_of(*ways: str) -> Callable[[dict[str, Any]], None]:
    """Says in a JSON schema that exactly one of these members is there and not null."""

    def extend(schema: dict[str, Any]) -> None:
        schema["oneOf"] = [
            {"required": [way], "properties": {way: {"not": {"type": "null"}}}} for way in ways
        ]

    return extend


def check_one_of(model: Model, *ways: str) -> Model:
    """The model itself; raises `ValueError` unless exactly one of these members is given."""
    if sum(getattr(model, way) is not None for way in ways) != 1:
        raise ValueError(f"{'、'.join(ways)} {_COUNTS[len(ways)]}者要且只要填一个")
    return model
