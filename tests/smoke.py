"""`make smoke`: with the base install alone, a real process answers one tagging request."""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]


def main() -> None:
    for heavy in ("torch", "torchvision", "cn_clip", "open_clip", "pytest", "hypothesis"):
        assert importlib.util.find_spec(heavy) is None, f"the base install has {heavy}"
    with tempfile.TemporaryDirectory() as data_dir:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "tuqian", "serve", "--port", "0"],
            cwd=ROOT,
            env=os.environ | {"TUQIAN_DATA_DIR": data_dir},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            answer = tag_one(process)
        finally:
            process.terminate()
            left = process.wait(60)
    assert left == 0, f"the service left with {left}"
    names = [tag["name"] for tag in answer["results"][0]["tags"]]
    sys.stdout.write(f"smoke: {' '.join(names) or '(no tags)'}\n")


def tag_one(process: "subprocess.Popen[str]") -> dict:  # type: ignore[type-arg]
    """Waits for the line that says it is ready, then sends the photo it names."""
    assert process.stderr is not None
    said = ""
    while "curl" not in said:
        line = process.stderr.readline()
        assert line, f"the service left while it started:\n{said}"
        said += line
    address = re.search(r"图签已就绪：(\S+)", said)
    photo = re.search(r"files=@(\S+)", said)
    assert address, said
    assert photo, said
    with (ROOT / photo[1]).open("rb") as file:
        response = httpx.post(f"{address[1]}/v1/tag", files={"files": file}, timeout=60)
    response.raise_for_status()
    answer: dict = response.json()  # type: ignore[type-arg]
    assert answer["results"][0]["status"] == "ok"
    return answer


if __name__ == "__main__":
    main()
