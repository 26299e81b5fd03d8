"""The stored images of one model, as the service sees them: the store and its indexes together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.background import Background
from index.changes import changes_after, newest
from index.duplicates import Candidate, Duplicate, DuplicateRules, is_same_picture, judge
from index.errors import ImageNotFoundError
from index.filters import matching
from index.fingerprint import Print
from index.hash_index import HashIndex
from index.image_index import ImageIndex, Numbers, Shape
from index.image_store import ImageStore
from index.images import Added, Filters, NewImage, StoredImage
from index.local_check import Evidence, Features, Look, features
from index.part_hashes import part_hashes, thumbnail_pixels, turned_hashes
from index.snapshot_file import cache_file
from index.tag_results import TagChanges, Tags, replace_tags
from index.transactions import Transactions
from index.vectors import FloatArray, checked_vector

log = logging.getLogger(__name__)

# The cache files are written after so many changes, and at the end.
CHANGES_BETWEEN_SAVES = 20_000
# Features of stored pictures kept in memory, some 200 KB each.
FEATURES_KEPT = 256


@dataclass(frozen=True)
class Query:
    """An image to be recognised: `vector (d,)`, `copy_vector (c,)` where the model has one."""

    sha256: str
    print: Print
    vector: FloatArray
    copy_vector: FloatArray | None = None


@dataclass(frozen=True)
class Found:
    """One stored image of a search."""

    image: StoredImage
    similarity: float


class ImageCollection:
    """Adds and deletes in the database first, then in the indexes. Safe to share between threads.

    An index holds what the database holds: a start compares the numbers of both and adds or
    removes what differs, so a cache file may be outdated, damaged or missing.
    """

    def __init__(
        self,
        transactions: Transactions,
        store: ImageStore,
        folder: Path,
        *,
        rules: DuplicateRules | None = None,
        shape: Shape | None = None,
        background: FloatArray | None = None,
    ):
        """`background (m, c)` are vectors of unrelated pictures, copy-detection vectors where the
        model has them; without it no similarity is usual."""
        self.store = store
        self.rules = rules or DuplicateRules()
        nothing: FloatArray = np.zeros((0, store.copy_dim or store.dim), np.float32)
        bank = nothing if background is None else background
        self._background = Background(bank, self.rules.usual_part, self.rules.usual_neighbours)
        self._transactions = transactions
        self._folder = folder
        self._writing = threading.Lock()
        self._changes = 0
        self._index = ImageIndex(store.model_key, store.dim, shape)
        self._copies = (
            ImageIndex(store.model_key, store.copy_dim, shape) if store.copy_dim else None
        )
        self._hashes = HashIndex()
        self._features = lru_cache(FEATURES_KEPT)(self._features_of)
        self._followed = newest(transactions)  # before the numbers: what comes after is followed
        self._open()

    def __len__(self) -> int:
        return len(self._index)

    @property
    def model_key(self) -> str:
        """The model whose images these are."""
        return self.store.model_key

    def add(self, image: NewImage) -> Added:
        """Stores an image; when this returns it survives a crash and is found by every search.

        Raises as `ImageStore.add`.
        """
        with self._writing:
            added = self.store.add(image)
            self._forget(added.removed)
            if added.new_content:
                self._learn([added.number])
        return added

    def delete(self, name: str) -> None:
        """Forgets a name, and the image with its last one. Raises `ImageNotFoundError`."""
        with self._writing:
            self._forget(self.store.delete(name))

    def catch_up(self) -> bool:
        """Learns and forgets what other processes added and deleted; whether there was anything."""
        with self._writing:
            changes = changes_after(self._transactions, self.model_key, self._followed)
            removed, added = changes.removed, changes.added
            if not changes.whole:
                stored, held = self.store.numbers(), self._index.numbers()
                removed, added = np.setdiff1d(held, stored), np.setdiff1d(stored, held)
            gone = removed[self._index.holds(removed)]
            new = added[~self._index.holds(added)]
            self._forget(tuple(gone.tolist()))
            self._learn(new.tolist())
            self._followed = changes.mark
        return len(gone) + len(new) > 0

    @property
    def version(self) -> int:
        """A cheap number that changes whenever an image is added or removed by anybody."""
        return newest(self._transactions).version

    def get(self, name: str) -> StoredImage:
        """The image of that name. Raises `ImageNotFoundError`."""
        return self.store.get(name)

    def vector_of(self, name: str) -> FloatArray:
        """`(d,) float32` of a stored image. Raises `ImageNotFoundError`."""
        (batch,) = self.store.vectors([self.store.get(name).number])
        vector: FloatArray = batch.vectors[0]
        return vector

    def thumbnail_of(self, name: str) -> bytes:
        """The small grey JPEG of a stored image. Raises `ImageNotFoundError`."""
        number = self.store.get(name).number
        found = self.store.prints([number]).get(number)
        if found is None:  # deleted in the meantime
            raise ImageNotFoundError(f"没有 id 为 {name[:80]} 的图片", field="id")
        return found[1].thumbnail

    def matching(self, filters: Filters) -> Numbers:
        """`(n,) int64`: the numbers of the images that pass."""
        return matching(self._transactions, self.model_key, filters)

    def search(
        self, vector: FloatArray, count: int, *, skip: int = 0, filters: Filters | None = None
    ) -> list[Found]:
        """Images `skip` to `skip + count` of those nearest to a `(d,)` unit vector, best first."""
        checked_vector(vector, self.store.dim)
        among = None if filters is None or filters.ask_nothing else self.matching(filters)
        matches = self._index.search(vector, skip + count, self.model_key, among=among)
        numbers = matches.numbers[skip:].tolist()
        images = self.store.load(numbers)
        pairs = zip(numbers, matches.similarities[skip:].tolist(), strict=True)
        return [Found(images[number], sim) for number, sim in pairs if number in images]

    def duplicates(self, query: Query, count: int = 10) -> list[Duplicate]:
        """The stored images that the query is a copy of or similar to, surest first."""
        same = self.store.same_bytes(query.sha256)
        digest = query.print.fingerprint.pixel_digest
        same += [n for n in self.store.same_pixels(digest) if n not in same]
        exact = [Duplicate(number, "exact", 1.0, 1.0) for number in same]
        grey = thumbnail_pixels(query.print.fingerprint.thumbnail)
        candidates = [one for one in self._candidates(query, grey) if one.number not in same]
        picture = Look(grey, self._is_same, mirrors=self.rules.mirrors)

        def look(number: int) -> Evidence:
            return picture.at(self._features(number))

        speaks = query.print.fingerprint.quality >= self.rules.hash_quality
        best = 1.0 if exact else 0.0
        found = judge(candidates, self.rules, look, hash_speaks=speaks, best=best)
        return (exact + found)[:count]

    def stored_query(self, number: int) -> Query | None:
        """A stored image as a query, as it was when it was added; None where it is gone."""
        prints = self.store.prints([number])
        for batch in self.store.vectors([number]) if number in prints else ():
            sha256, print_ = prints[number]
            copy = None if batch.copies is None else batch.copies[0]
            hashes = turned_hashes(thumbnail_pixels(print_.thumbnail))
            hashes[0] = batch.hashes[0]
            return Query(sha256, Print(print_, hashes), batch.vectors[0], copy)
        return None

    def replace_tags(self, revision: int, tagged: Mapping[int, Tags]) -> TagChanges:
        """See `index.tag_results.replace_tags`."""
        return replace_tags(self._transactions, revision, tagged)

    def save(self) -> None:
        """Writes the cache files; without them the next start is slower, and that is all."""
        self._index.save(self._path("vectors"))
        if self._copies is not None:
            self._copies.save(self._path("copies"))

    def _candidates(self, query: Query, grey: NDArray[np.uint8]) -> list[Candidate]:
        """What the vectors and the hashes, of all turns, mirrors and parts, bring near."""
        index, vector = self._index, query.vector
        if self._copies is not None and query.copy_vector is not None:
            index, vector = self._copies, query.copy_vector
        rules = self.rules
        matches = index.search(vector, rules.vector_candidates, self.model_key)
        similar = dict(zip(matches.numbers.tolist(), matches.similarities.tolist(), strict=True))
        count = rules.vector_candidates
        bits = self._hashes.near(query.print.hashes, count, rules.hash_candidate)
        parts = part_hashes(grey, rules.hash_quality)
        part_bits = self._hashes.near(parts, count, rules.part_candidate)
        usual = self._background.usual(vector)
        found = []
        for number in similar.keys() | bits.keys() | part_bits.keys():
            if number not in similar:
                stored = index.vector(number)
                similar[number] = float(stored @ vector) if stored is not None else 0.0
            score = similar[number] - usual
            found.append(
                Candidate(number, similar[number], score, bits.get(number), part_bits.get(number))
            )
        return found

    def _is_same(self, evidence: Evidence) -> bool:
        return is_same_picture(evidence, self.rules)

    def _features_of(self, number: int) -> Features | None:
        stored = self.store.prints([number])
        if number not in stored:
            return None
        return features(thumbnail_pixels(stored[number][1].thumbnail))

    def _open(self) -> None:
        stored = self.store.numbers()
        kinds = [("vectors", self._index), ("copies", self._copies)]
        missing = stored
        for kind, index in kinds:
            if index is not None and index.restore(self._path(kind)):
                index.remove(np.setdiff1d(index.numbers(), stored))
        held = self._index.numbers()
        if self._copies is not None:
            held = np.intersect1d(held, self._copies.numbers())
        missing = np.setdiff1d(stored, held)
        if len(missing):
            log.info("bringing %d of %d images into the index", len(missing), len(stored))
        self._learn(missing.tolist(), hashes=False)
        for numbers, hashes in self.store.hashes():
            self._hashes.add(numbers, hashes)

    def _learn(self, numbers: Sequence[int], *, hashes: bool = True) -> None:
        if not numbers:
            return
        for batch in self.store.vectors(numbers):
            self._index.add(batch.numbers, batch.vectors, self.model_key)
            if self._copies is not None and batch.copies is not None:
                self._copies.add(batch.numbers, batch.copies, self.model_key)
            if hashes:
                self._hashes.add(batch.numbers, batch.hashes)
        self._count(len(numbers))

    def _forget(self, numbers: tuple[int, ...]) -> None:
        if not numbers:
            return
        gone: NDArray[np.int64] = np.asarray(numbers, dtype=np.int64)
        self._index.remove(gone)
        if self._copies is not None:
            self._copies.remove(gone)
        self._hashes.remove(gone)
        self._count(len(numbers))

    def _count(self, changes: int) -> None:
        self._changes += changes
        if self._changes >= CHANGES_BETWEEN_SAVES:
            self._changes = 0
            self.save()

    def _path(self, kind: str) -> Path:
        return cache_file(self._folder, self.model_key, kind)
