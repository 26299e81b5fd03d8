"""What importing the service brings along, seen from a fresh process."""

import subprocess
import sys

BASE = """
import sys
import app.cli, app.main, app.reference
import index.tag_index, vocab.store, vocab.prompts, vocab.calibration
heavy = [name for name in ("torch", "torchvision", "cn_clip", "open_clip") if name in sys.modules]
assert not heavy, heavy
"""


def test_importing_the_base_service_never_imports_torch() -> None:
    subprocess.run([sys.executable, "-c", BASE], check=True, timeout=120)
