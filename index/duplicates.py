"""Calling two images the same: the tiers, their thresholds, and the evidence for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from index.local_check import Evidence

Tier = Literal["exact", "near", "similar"]
TIERS: tuple[Tier, ...] = ("exact", "near", "similar")


@dataclass(frozen=True)
class DuplicateRules:
    """Every threshold of the verdict; `bench/duplicates.py` measures them.

    `hash_*` are bits of 256 in which two PDQ hashes differ, `vector_*` scores: similarities of
    copy-detection vectors (of the usual ones where a model has no others), less what is usual.
    """

    hash_sure: int = 64
    """Up to here the hashes alone say near, unless the vectors object."""

    vector_objects: float = 0.1
    """Below this the vectors object to the hashes, and the local check decides."""

    hash_candidate: int = 76
    """Up to here a hash makes an image worth the local check; unrelated pictures differ in more."""

    part_candidate: int = 64
    """Up to here a half or quarter of the query is worth it too, as a collage has them."""

    hash_quality: int = 50
    """Below this quality (of 100) a picture is so flat that its hash says nothing."""

    vector_candidates: int = 20
    """How many of the nearest by vector are worth a look."""

    vector_candidate: float = 0.2
    """Below this a vector makes no image worth the local check."""

    checks: int = 10
    """How many of the best candidates are compared keypoint by keypoint."""

    falls_off: float = 0.4
    """Beside a copy, only candidates with this part of its score are compared at all."""

    inliers: int = 8
    """Keypoints that must move by one map for the local check to say near."""

    agreement: float = 0.75
    """Part of the blocks that must show the same; a burst of one scene stays below."""

    mirrors: bool = True
    """Whether a mirrored part of a picture is a part of it."""

    usual_part: float = 0.5
    """How much of the query's mean similarity to its nearest background pictures is taken away."""

    usual_neighbours: int = 10
    """How many of them make that mean."""

    vector_similar: float = 0.5
    """From here on two images are similar."""


@dataclass(frozen=True)
class Candidate:
    """A stored image that may be the query's.

    `score` is its similarity less what is usual for the query; `hash_bits` and `part_bits` are
    None where the hash of the whole, or of a part of the query, is not near.
    """

    number: int
    similarity: float
    score: float
    hash_bits: int | None = None
    part_bits: int | None = None


@dataclass(frozen=True)
class Duplicate:
    """The verdict on one stored image, with what it rests on."""

    number: int
    tier: Tier
    similarity: float
    score: float
    hash_bits: int | None = None
    evidence: Evidence | None = None


def judge(
    candidates: list[Candidate],
    rules: DuplicateRules,
    look: Callable[[int], Evidence],
    *,
    hash_speaks: bool = True,
    best: float = 0.0,
) -> list[Duplicate]:
    """The verdicts on candidates that are not exact copies; those that are nothing are left out.

    `look` compares the query with one stored picture, which takes some milliseconds: it is asked
    about the few best that the hash and the vector do not settle. `best` is the score of a copy
    that is known already.
    """
    found: list[Duplicate] = []
    checks = 0
    for one in sorted(candidates, key=lambda one: _promise(one, rules)):
        bits = one.hash_bits if hash_speaks else None
        sure = bits is not None and bits <= rules.hash_sure and one.score >= rules.vector_objects
        evidence = None
        least = max(rules.vector_candidate, rules.falls_off * best)
        worth = _by_hash(one, rules) or one.score >= least
        if not sure and worth and checks < rules.checks:
            checks += 1
            evidence = look(one.number)
        if sure or (evidence is not None and is_same_picture(evidence, rules)):
            tier: Tier = "near"
            best = max(best, one.score)
        elif one.score >= rules.vector_similar:
            tier = "similar"
        else:
            continue
        found.append(Duplicate(one.number, tier, one.similarity, one.score, bits, evidence))
    return sorted(found, key=lambda one: (TIERS.index(one.tier), -one.similarity, one.number))


def is_same_picture(evidence: Evidence, rules: DuplicateRules) -> bool:
    """Whether the local check says that one picture is part of the other."""
    return evidence.inliers >= rules.inliers and evidence.agreement >= rules.agreement


def _promise(one: Candidate, rules: DuplicateRules) -> tuple[bool, float]:
    """What the local check should see first: near hashes, then near vectors."""
    by_hash = _by_hash(one, rules)
    return not by_hash, float(_bits(one)) if by_hash else -one.score


def _by_hash(one: Candidate, rules: DuplicateRules) -> bool:
    """Whether the hash of the whole or of a part brought it near."""
    return _bits(one) <= rules.hash_candidate


def _bits(one: Candidate) -> int:
    """The fewest differing bits of the whole or of a part; all where neither is near."""
    return min((each for each in (one.hash_bits, one.part_bits) if each is not None), default=256)
