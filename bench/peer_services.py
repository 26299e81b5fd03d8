"""The peers of `bench.peers`, each as its own documentation shows it."""

from __future__ import annotations

import base64
import io
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image

from app.bench.load import request

START_S = 180
SIZE, CONTEXT, WORDS = 224, 52, 21128


def cn_clip_script(checkpoint: Path) -> Callable[[bytes], np.ndarray]:
    """What cn_clip's README does: the photo through its transform, then `encode_image`."""
    import torch
    from cn_clip.clip.utils import create_model, image_transform

    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = create_model("ViT-B-16@RoBERTa-wwm-ext-base-chinese", state).float().eval()
    transform = image_transform(SIZE)

    def embed(photo: bytes) -> np.ndarray:
        pixels = transform(Image.open(io.BytesIO(photo))).unsqueeze(0)
        with torch.no_grad():
            features = model.encode_image(pixels)
            features /= features.norm(dim=-1, keepdim=True)
        return np.asarray(features[0].numpy())

    return embed


def save_hugging_face(folder: Path) -> None:
    """A `ChineseCLIPModel` of ViT-B/16 with random weights, 224 x 224 without a crop.

    What goes with the weights is written here and not by `save_pretrained`: transformers 5 writes
    it in files that transformers 4, which infinity needs, does not look for.
    """
    if (folder / "tokenizer_config.json").exists():
        return
    from transformers import ChineseCLIPConfig, ChineseCLIPModel

    from app.encoders.chinese_clip import MEAN, STD
    from app.encoders.wordpiece import VOCABULARY_FILE

    config = ChineseCLIPConfig(
        text_config={"vocab_size": WORDS},
        vision_config={"patch_size": 16, "image_size": SIZE},
        projection_dim=512,
    )
    ChineseCLIPModel(config).save_pretrained(folder)
    size = {"height": SIZE, "width": SIZE}
    images = {
        "image_processor_type": "ChineseCLIPImageProcessor",
        "processor_class": "ChineseCLIPProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": size,
        "resample": 3,
        "do_center_crop": False,
        "crop_size": size,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": MEAN,
        "image_std": STD,
    }
    words = {
        "tokenizer_class": "BertTokenizer",
        "processor_class": "ChineseCLIPProcessor",
        "model_max_length": CONTEXT,
        "do_lower_case": True,
    }
    shutil.copy(VOCABULARY_FILE, folder / "vocab.txt")
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    (folder / "tokenizer_config.json").write_text(json.dumps(words))


def transformers_pipeline(folder: Path) -> Callable[[bytes, Sequence[str]], list[dict[str, Any]]]:
    """Hugging Face's pipeline over that model."""
    from transformers import pipeline

    save_hugging_face(folder)
    classify = pipeline("zero-shot-image-classification", model=str(folder), device="cpu")

    def run(photo: bytes, labels: Sequence[str]) -> list[dict[str, Any]]:
        image = Image.open(io.BytesIO(photo))
        return list(classify(image, candidate_labels=list(labels), hypothesis_template="{}"))

    return run


def infinity_message(address: str, photo: bytes) -> bytes:
    """One photo as infinity's OpenAI-like request takes it."""
    url = "data:image/jpeg;base64," + base64.b64encode(photo).decode()
    body = {"model": "peer", "input": [url], "modality": "image"}
    return request(address, "/embeddings", "application/json", json.dumps(body).encode())


@contextmanager
def started_infinity(bin_folder: Path, folder: Path) -> Iterator[str]:
    """infinity over the model in a folder; the versions that work are in `bench/README.md`."""
    port = free_port()
    command = [
        str(bin_folder / "infinity_emb"), "v2", "--model-id", str(folder),
        "--served-model-name", "peer", "--engine", "torch", "--device", "cpu",
        "--no-bettertransformer", "--no-compile", "--port", str(port), "--host", "127.0.0.1",
    ]  # fmt: skip
    with _running(command, f"http://127.0.0.1:{port}", "/models") as address:
        yield address


@contextmanager
def started(command: Sequence[str], ready: str) -> Iterator[str]:
    """A service of this file on a free port."""
    port = free_port()
    with _running([*command, str(port)], f"http://127.0.0.1:{port}", ready) as address:
        yield address


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: Sequence[str], address: str, ready: str) -> Iterator[str]:
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            until = time.monotonic() + START_S
            while not _answers(address + ready):
                if process.poll() is not None or time.monotonic() > until:
                    said.seek(0)
                    raise RuntimeError(f"did not start: {said.read()[-1500:]}")
                time.sleep(0.3)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own address
    except urllib.error.HTTPError:
        return True  # it says no, so it is there
    except OSError:
        return False
    return True


def main() -> None:
    """The obvious service: `python -m bench.peer_services CHECKPOINT PORT`."""
    embed = cn_clip_script(Path(sys.argv[1]))
    service = FastAPI()

    @service.post("/embed")
    def embed_upload(files: UploadFile) -> list[float]:
        vector: list[float] = embed(files.file.read()).tolist()
        return vector

    uvicorn.run(service, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")


if __name__ == "__main__":
    main()
