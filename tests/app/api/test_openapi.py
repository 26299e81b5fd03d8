"""What the OpenAPI document promises of refusals."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.api.problem_table import TABLE

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_every_error_has_an_example(document: dict[str, Any]) -> None:
    examples = document["components"]["examples"]
    assert {row.code for row in TABLE.values()} == set(examples)


def test_every_refusal_is_a_problem_with_examples_of_its_status(document: dict[str, Any]) -> None:
    examples = document["components"]["examples"]
    for path, operations in document["paths"].items():
        for method in set(METHODS) & set(operations):
            for status, response in operations[method]["responses"].items():
                if status[0] not in "45":
                    continue
                assert list(response["content"]) == ["application/problem+json"]
                shown = response["content"]["application/problem+json"]["examples"]
                assert shown, (path, method, status)
                assert {examples[code]["value"]["status"] for code in shown} == {int(status)}


def test_a_refused_method_is_answered_with_all_that_the_address_takes(client: TestClient) -> None:
    response = client.put("/v1/vocabulary/tags/x")
    assert response.status_code == 405
    assert response.headers["Allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize("number", [True, False])
def test_a_truth_value_is_no_number(client: TestClient, number: bool) -> None:
    body = {"judgements": [{"tag": "猫", "verdict": "right", "vector": [number]}]}
    assert client.post("/v1/feedback", json=body).status_code == 422
