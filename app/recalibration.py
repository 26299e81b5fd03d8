"""The one place that measures the tags of a revision anew: after feedback, or with another bank.

Everything is derived: from the vocabulary's snapshot, the bank, and the judgements in the
database. So a restart, a roll-back and a judgement taken back all end where they should.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.editor import Editor
from app.snapshot import Snapshot, recalibrated
from vocab.background import BackgroundBank
from vocab.feedback import Prior, Said, Shift, posterior_shift, weigh
from vocab.judgements import Evidence, JudgementStore
from vocab.names import name_key
from vocab.rules import names_by_key
from vocab.tags import Tag

FloatArray = NDArray[np.float32]
Rows = NDArray[np.int64]
log = logging.getLogger(__name__)


class Recalibration:
    """Keeps the live snapshot's shifts equal to what the judgements say.

    A thread looks every `every_s` seconds, and at once after `wake`, whether judgements were
    changed, here or in another process, or an edit was published; what changed is weighed again
    and published under the editor's turn. Between an edit and the next look, a changed tag is
    without its feedback.
    """

    def __init__(
        self,
        editor: Editor,
        judgements: JudgementStore,
        prior: Prior,
        *,
        every_s: float = 0.25,
        debounce_s: float = 0.05,
    ):
        self._editor = editor
        self._judgements = judgements
        self.prior = prior
        self._every_s = every_s
        self._debounce_s = debounce_s
        self._change = 0
        self._shifts: dict[str, Shift] = {}
        # Of the snapshot last looked at only what is needed: held on to, it would outlive its use.
        self._known: weakref.ref[Snapshot] | None = None
        self._judged: dict[str, Tag | None] = {}
        self._looking = threading.Lock()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._failing = False
        self.look()
        self._thread = threading.Thread(target=self._work, name="recalibration", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        self._woken.set()
        self._thread.join()

    def wake(self) -> None:
        """Says that judgements were passed; what comes in the next moment is weighed with them."""
        self._woken.set()

    def shifts(self) -> Mapping[str, Shift]:
        """What feedback says of every active tag that was judged, by its id."""
        return dict(self._shifts)

    def look(self) -> bool:
        """Weighs what changed since the last look; True where a snapshot was published."""
        with self._looking:
            change = self._judgements.change()
            if change == self._change and self._knows(self._editor.live.current()):
                return False
            with self._editor.turn():
                published = self._bring_up_to_date(self._editor.live.current())
            self._change = change
            return published

    def remeasure(self, bank: BackgroundBank) -> None:
        """Measures every tag with another bank, and every judgement with the tags' new numbers.

        Edits wait for it: a second or two with 100,000 tags.
        """
        with self._looking, self._editor.turn():
            self._editor.measure = replace(self._editor.measure, bank=bank)
            base = self._editor.live.current()
            fresh = self._editor.measure.calibrate(base.index.vectors, base.tags)
            made = replace(base, calibration=fresh)
            self._shifts = self._weighed(made, self._judgements.changed_since(0))
            self._judged = {}  # whatever is edited next, all that was judged is weighed again
            self._publish(made)
        log.info("measured %d tags with a bank of %d images", len(base.tags), len(bank))

    def _bring_up_to_date(self, live: Snapshot) -> bool:
        """Weighs the tags that were judged or edited, and publishes where a shift moved."""
        concerned = set(self._judgements.changed_since(self._change if self._known else 0))
        judged = self._judged
        if not self._knows(live):
            judged = {tag: _tag(live, tag) for tag in self._judgements.changed_since(0)}
            concerned |= {tag for tag, now in judged.items() if now != self._judged.get(tag)}
        weighed = self._weighed(live, concerned)
        kept = {tag: s for tag, s in self._shifts.items() if tag not in concerned}
        # Only now: where weighing failed, the next look has it all to do again.
        self._shifts = {tag: s for tag, s in kept.items() if tag in live.positions} | weighed
        self._judged = judged
        if np.array_equal(_shifts_of(live, self._shifts), live.calibration.shift):
            self._known = weakref.ref(live)
            return False
        self._publish(live)
        return True

    def _publish(self, base: Snapshot) -> None:
        shift = _shifts_of(base, self._shifts)
        made = recalibrated(base, replace(base.calibration, shift=shift))
        self._editor.live.publish(made)
        self._known = weakref.ref(made)

    def _knows(self, live: Snapshot) -> bool:
        """Whether it is the snapshot that was last looked at."""
        return self._known is not None and self._known() is live

    def _weighed(self, snapshot: Snapshot, tag_ids: Iterable[str]) -> dict[str, Shift]:
        """What the judgements say of these tags, of those that are active."""
        active = sorted(tag for tag in tag_ids if tag in snapshot.positions)
        found: dict[str, Shift] = {}
        for tag_id, evidence in self._judgements.evidence(active).items():
            shift = shift_of(snapshot, snapshot.positions[tag_id], evidence, self.prior)
            if shift.weight:
                found[tag_id] = shift
        return found

    def _work(self) -> None:
        while not self._stopping.is_set():
            if self._woken.wait(self._every_s):
                self._stopping.wait(self._debounce_s)
                self._woken.clear()
            try:
                self.look()
                self._failing = False
            except Exception:  # whatever failed, the next look may succeed
                if not self._failing:
                    log.exception("cannot weigh the judgements; trying again")
                self._failing = True


def shift_of(snapshot: Snapshot, row: int, evidence: Evidence, prior: Prior) -> Shift:
    """What judgements say of the tag in a row of the snapshot.

    A verdict on what the tag was called then counts while that is still one of its names.
    """
    names = names_by_key(snapshot.tags[row])
    meant = [at for at, one in enumerate(evidence.judgements) if name_key(one.tag_name) in names]
    if not meant:
        return Shift(0.0, prior.deviation, 0.0)
    logits = unshifted_logits(snapshot, row, evidence.vectors[meant])
    said = [
        Said(one.author, one.image, one.positive, float(logit))
        for one, logit in zip((evidence.judgements[at] for at in meant), logits, strict=True)
    ]
    return posterior_shift(weigh(said, prior.author_cap), prior.deviation)


def unshifted_logits(snapshot: Snapshot, row: int, vectors: FloatArray) -> FloatArray:
    """`(m, d)` image vectors to `(m,)` logits of one tag, as they would be without feedback."""
    rows: Rows = np.asarray([row], dtype=np.int64)
    calibration = snapshot.calibration.taken(rows)
    plain = replace(calibration, shift=np.zeros(1, dtype=np.float32))
    similarities = vectors @ snapshot.index.vectors[rows].T
    scores = plain.scores(similarities, plain.image_side(vectors))
    found: FloatArray = plain.logits(scores)[:, 0]
    return found


def _shifts_of(snapshot: Snapshot, shifts: Mapping[str, Shift]) -> FloatArray:
    """`(n,) float32` for the snapshot's tags."""
    found = np.zeros(len(snapshot.tags), dtype=np.float32)
    for tag_id, shift in shifts.items():
        row = snapshot.positions.get(tag_id)
        if row is not None:
            found[row] = shift.value
    return found


def _tag(snapshot: Snapshot, tag_id: str) -> Tag | None:
    row = snapshot.positions.get(tag_id)
    return None if row is None else snapshot.tags[row]
