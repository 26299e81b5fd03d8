"""Every error has one shape; one assertion describes it."""

import asyncio
import inspect
import json
from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from httpx import Response
from starlette.types import Message

from app import errors
from app.api import problem_table
from app.api.body_limit import BodyLimit
from app.api.context import Service
from app.api.problem_table import TABLE, InternalError
from app.api.problems import add_handlers, problem_of, row_of
from app.main import create_app
from app.settings import Settings
from index import errors as index_errors
from vocab import errors as vocab_errors


def assert_problem(response: Response, status: int, code: str) -> None:
    """What is true of every error response."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:tuqian:problem:{code}"
    for member in ("title", "detail", "remedy"):
        assert isinstance(problem[member], str)
        assert problem[member].strip()
        assert "Traceback" not in problem[member]
    assert isinstance(problem.get("field", ""), str)
    assert code in {row.code for row in TABLE.values()}
    assert ("retry-after" in response.headers) == (status == 503)


def deep(levels: int) -> bytes:
    return b'{"images":' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_request"),
        (b"\xff\xfe", "application/json", 400, "malformed_request"),
        (b'{"images": NaN}', "application/json", 400, "malformed_request"),
        (deep(20), "application/json", 400, "malformed_request"),
        (deep(100_000), "application/json", 400, "malformed_request"),
        (b'{"\\ud800": 1}', "application/json", 422, "invalid_request"),
        (b"", "application/json", 400, "malformed_request"),
        (b"", "text/plain", 415, "unsupported_media_type"),
        (b"abc", "multipart/form-data", 400, "malformed_request"),
        (b"abc", "multipart/form-data; boundary=x", 400, "malformed_request"),
        (b"--x--", "multipart/form-data; boundary=x", 422, "invalid_request"),
    ],
)
def test_a_body_nobody_can_read_is_a_problem(
    client: TestClient, body: bytes, kind: str, status: int, code: str
) -> None:
    response = client.post("/v1/tag", content=body, headers={"content-type": kind})
    assert_problem(response, status, code)


def test_an_unknown_address_and_a_wrong_method_are_problems(client: TestClient) -> None:
    assert_problem(client.get("/nowhere"), 404, "not_found")
    response = client.get("/v1/tag")
    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def test_a_bad_image_in_the_short_form_is_a_problem(client: TestClient) -> None:
    assert_problem(client.post("/predict", files={"file": b"x"}), 415, "image_unsupported")
    assert_problem(client.post("/predict", files={"file": b""}), 422, "image_empty")


def test_a_full_house_is_a_problem_that_says_when_to_come_back(
    client: TestClient, service: Service, cat: bytes
) -> None:
    with service.tagger.gate.place(10_000):
        assert_problem(client.post("/v1/tag", files={"files": cat}), 503, "overloaded")
    assert client.post("/v1/tag", files={"files": cat}).status_code == 200


def test_before_the_start_is_over_every_request_is_told_to_wait(settings: Settings) -> None:
    waiting = TestClient(create_app(settings), raise_server_exceptions=False)
    assert_problem(waiting.get("/readyz"), 503, "not_ready")
    assert_problem(waiting.post("/v1/tag", files={"files": b""}), 503, "not_ready")
    assert waiting.get("/healthz").status_code == 200


@pytest.fixture(scope="module")
def small() -> Iterator[TestClient]:
    """An application with a limit of 1,000 bytes, whose one route reads the body or fails."""
    app = FastAPI()
    app.add_middleware(BodyLimit, max_request_bytes=1_000)
    add_handlers(app)

    @app.post("/fail")
    async def fail(which: str) -> None:
        raise {
            "unforeseen": ZeroDivisionError("secret"),
            "clash": vocab_errors.NameClashError(
                "重名", tag_id="t1", tag_name="猫", field="name", item=3
            ),
            "bulk": vocab_errors.BulkEditError([vocab_errors.InvalidTagError("坏", field="name")]),
            "mismatch": index_errors.ModelMismatchError("不同的模型"),
            "surrogate": errors.InvalidRequestError("半个字 \ud800"),
        }[which]

    @app.post("/read")
    async def read(body: dict[str, int]) -> int:
        return len(body)

    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_a_body_that_does_not_arrive_in_time_is_given_up() -> None:
    app = FastAPI()
    app.add_middleware(BodyLimit, max_request_bytes=1_000, timeout_s=0.2)
    add_handlers(app)

    @app.post("/read")
    async def read(request: Request) -> int:
        return len(await request.body())

    async def drip() -> list[Message]:
        sent: list[Message] = []
        scope = {"type": "http", "method": "POST", "path": "/read", "headers": []}
        scope |= {"query_string": b"", "root_path": "", "http_version": "1.1"}

        async def receive() -> Message:
            await asyncio.sleep(0.05)
            return {"type": "http.request", "body": b"x", "more_body": True}

        async def send(message: Message) -> None:
            sent.append(message)

        await app(scope, receive, send)
        return sent

    start, body = asyncio.run(drip())
    assert start["status"] == 408
    assert b"request_slow" in body["body"]


def test_an_unforeseen_error_tells_nothing_of_its_inside(small: TestClient) -> None:
    response = small.post("/fail?which=unforeseen")
    assert_problem(response, 500, "internal_error")
    assert "secret" not in response.text


def test_what_an_error_knows_leaves_with_it(small: TestClient) -> None:
    clash = small.post("/fail?which=clash")
    assert_problem(clash, 409, "name_clash")
    assert (clash.json()["tag_id"], clash.json()["item"]) == ("t1", 3)
    bulk = small.post("/fail?which=bulk")
    assert_problem(bulk, 422, "bulk_edit")
    assert bulk.json()["problems"][0]["code"] == "tag_invalid"
    assert_problem(small.post("/fail?which=mismatch"), 409, "model_mismatch")


def test_half_a_surrogate_pair_does_not_break_the_answer(small: TestClient) -> None:
    assert_problem(small.post("/fail?which=surrogate"), 422, "invalid_request")


def test_fastapis_own_refusals_have_the_same_shape(small: TestClient) -> None:
    response = small.post("/fail")
    assert_problem(response, 422, "invalid_request")
    assert response.json()["errors"] == [{"field": "which", "message": "which：缺少必填项"}]


def test_a_body_that_says_it_is_too_large_is_refused_unread(small: TestClient) -> None:
    response = small.post("/read", content=b"x" * 1_001)
    assert_problem(response, 413, "request_too_large")


def test_a_body_that_hides_its_size_is_cut_off_while_it_is_read(small: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 100

    response = small.post("/read", content=chunks(), headers={"content-type": "application/json"})
    assert_problem(response, 413, "request_too_large")


def test_a_body_at_the_limit_is_read(small: TestClient) -> None:
    body = json.dumps({"a": 1}).encode().ljust(1_000)
    response = small.post("/read", content=body, headers={"content-type": "application/json"})
    assert response.json() == 1


def our_errors() -> list[type[Exception]]:
    """Every exception class of the project."""
    return [
        found
        for module in (errors, vocab_errors, index_errors, problem_table)
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Exception)
    ]


@pytest.mark.parametrize("error", our_errors(), ids=lambda error: error.__name__)
def test_every_error_of_the_project_has_a_row_in_the_table(error: type[Exception]) -> None:
    assert error in TABLE


def test_no_two_rows_share_a_code_and_every_row_is_complete() -> None:
    codes = [row.code for row in TABLE.values()]
    assert len(codes) == len(set(codes))
    for row in TABLE.values():
        assert 400 <= row.status < 600
        assert row.title
        assert row.remedy.endswith("。")


def test_an_error_without_a_row_of_its_own_has_its_ancestors() -> None:
    class StrangeImageError(errors.CorruptImageError):
        pass

    assert row_of(StrangeImageError("x")).code == "image_corrupt"
    assert row_of(KeyError("x")) is TABLE[InternalError]


def test_an_errors_own_remedy_goes_before_the_tables() -> None:
    assert problem_of(errors.SettingsError("坏", remedy="这样改。"))["remedy"] == "这样改。"
