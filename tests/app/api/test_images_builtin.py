"""Stored images with the built-in model: what people do to a photo is recognised."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

PHOTOS = Path(__file__).parents[2] / "data"


def jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=70)
    return out.getvalue()


def changed(how: str) -> bytes:
    image = Image.open(PHOTOS / "cat.jpg").convert("RGB")
    width, height = image.size
    if how == "crop":
        return jpeg(image.crop((width // 6, height // 6, width, height)))
    if how == "mirror":
        return jpeg(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    if how == "small":
        return jpeg(image.resize((width // 3, height // 3)))
    if how == "framed":
        frame = Image.new("RGB", (width + 80, height + 80), "white")
        frame.paste(image, (40, 40))
        return jpeg(frame)
    return jpeg(image.convert("L").convert("RGB"))


@pytest.fixture
def filled(client: TestClient) -> TestClient:
    for name in ("cat", "tiger", "coffee"):
        files = {"files": (name, (PHOTOS / f"{name}.jpg").read_bytes())}
        data = {"images": json.dumps([{"id": name}])}
        assert client.post("/v1/images", files=files, data=data).status_code == 200
    return client


@pytest.mark.parametrize("how", ["crop", "mirror", "small", "framed", "grey"])
def test_a_changed_photo_is_a_near_duplicate_of_its_original_alone(
    filled: TestClient, how: str
) -> None:
    files = {"files": (how, changed(how))}
    body = filled.post("/v1/tag", files=files, data={"options": '{"duplicates": true}'}).json()
    found = {one["id"]: one["tier"] for one in body["results"][0]["duplicates"]}
    assert found.pop("cat") == "near"
    assert "near" not in found.values()


def test_a_photo_is_found_by_chinese_words(filled: TestClient) -> None:
    for text, name in (("一只猫", "cat"), ("老虎", "tiger"), ("一杯咖啡", "coffee")):
        items = filled.post("/v1/images/search", json={"text": text}).json()["items"]
        assert items[0]["id"] == name
