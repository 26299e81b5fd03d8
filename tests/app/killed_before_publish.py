"""The process that `test_editor` watches die: it kills itself where it should publish."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

from app.database import Database
from app.encoders.builtin import load_builtin
from app.snapshot import Live, Snapshot
from tests.app.test_editor import Fragile, editor_on
from tests.fixtures.tiny import write_tiny_model
from vocab.tags import TagDraft


def die(self: Live, snapshot: Snapshot) -> bool:
    os.kill(os.getpid(), signal.SIGKILL)
    return True


folder = write_tiny_model(Path(tempfile.mkdtemp()))
editor = editor_on(Database(sys.argv[1]), Fragile(load_builtin(folder, device="cpu", threads=1)))
Live.publish = die  # type: ignore[method-assign]
editor.edit("child", "", lambda edit: edit.create(TagDraft("汉服")))
