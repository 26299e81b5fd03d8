"""What the OpenAPI document promises of refusals."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.api.problem_examples import DETAILS, FIELDS, MORE
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


def test_every_operation_may_meet_a_fault_of_ours(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method in set(METHODS) & set(operations):
            if path != "/healthz":
                shown = operations[method]["responses"]["500"]["content"][
                    "application/problem+json"
                ]
                assert "internal_error" in shown["examples"]


def test_what_is_read_without_a_body_has_no_errors_of_one(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for method in set(METHODS) & set(operations):
            if "requestBody" in operations[method]:
                continue
            for response in operations[method]["responses"].values():
                problem = response.get("content", {}).get("application/problem+json", {})
                assert not {"image_corrupt", "tag_invalid", "malformed_request"} & set(
                    problem.get("examples", {})
                )


def test_an_example_of_a_problem_has_the_members_that_a_problem_has(
    document: dict[str, Any], client: TestClient
) -> None:
    examples = document["components"]["examples"]
    shown = examples["malformed_request"]["value"]
    answer = client.post(
        "/v1/tag", content=b"{", headers={"Content-Type": "application/json"}
    ).json()
    assert set(shown) <= set(answer)
    assert {name: shown[name] for name in ("type", "code", "status", "title")} == {
        name: answer[name] for name in ("type", "code", "status", "title")
    }
    assert set(DETAILS) | set(FIELDS) | set(MORE) <= set(examples)


def test_a_refused_method_is_answered_with_all_that_the_address_takes(client: TestClient) -> None:
    response = client.put("/v1/vocabulary/tags/x")
    assert response.status_code == 405
    assert response.headers["Allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize("number", [True, False])
def test_a_truth_value_is_no_number(client: TestClient, number: bool) -> None:
    body = {"judgements": [{"tag": "猫", "verdict": "right", "vector": [number]}]}
    assert client.post("/v1/feedback", json=body).status_code == 422
