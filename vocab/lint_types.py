"""What the rules of the lint are given and what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vocab.tags import Tag

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Finding:
    """One thing that may be wrong; `tags` begins with the one to look at.

    `value` is the number the rule decided by, where there is one.
    """

    rule: str
    tags: tuple[Tag, ...]
    message: str
    remedy: str
    value: float | None = None


@dataclass(frozen=True)
class Limits:
    """Where the rules draw their lines.

    `synonym` and `alias` are cosines between vectors from which the probe set's mean was taken:
    the raw ones of all texts lie close together. `parent_share` and `example_share` are ranks as
    shares of all candidates. A tag fires often at `rate_factor` times the `target_rate`.
    """

    synonym: float = 0.92
    alias: float = 0.0
    parent_share: float = 0.5
    example_share: float = 0.02
    target_rate: float = 0.02
    rate_factor: float = 5.0


@dataclass(frozen=True)
class Material:
    """The active tags and what is known of them; row i of every array is `tags[i]`.

    `vectors (n, d)` are unit rows of the texts alone. `aliases` holds `(a, d)` vectors of a tag's
    aliases and `examples` the `(d,)` mean of its example images, by id, where there are any.
    `rates (n,)` are shares of background images; `unknown` gives the words of a name that the
    model's tokenizer does not know. `paused` are the tags that take no part.
    """

    tags: tuple[Tag, ...]
    vectors: FloatArray
    probe_mean: FloatArray
    paused: tuple[Tag, ...] = ()
    aliases: Mapping[str, FloatArray] = field(default_factory=dict)
    examples: Mapping[str, FloatArray] = field(default_factory=dict)
    rates: FloatArray | None = None
    unknown: Callable[[str], tuple[str, ...]] | None = None

    @cached_property
    def by_id(self) -> dict[str, Tag]:
        """Every tag, the paused ones too."""
        return {tag.id: tag for tag in (*self.paused, *self.tags)}

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row of each active tag, by id."""
        return {tag.id: row for row, tag in enumerate(self.tags)}

    @cached_property
    def with_children(self) -> frozenset[str]:
        """The ids of the tags that are a parent of an active one."""
        return frozenset(parent for tag in self.tags for parent in tag.parents)

    @cached_property
    def centred(self) -> FloatArray:
        """`(n, d)` unit rows: what of each tag's vector sets it apart."""
        return self.centre(self.vectors)

    def centre(self, vectors: FloatArray) -> FloatArray:
        """`(m, d)` vectors without the probe set's mean, as unit rows."""
        apart = vectors - self.probe_mean
        norms = np.linalg.norm(apart, axis=1, keepdims=True)
        return np.asarray(apart / np.maximum(norms, 1e-12), dtype=np.float32)

    def ancestors(self, tag: Tag) -> set[str]:
        """The ids of everything above a tag."""
        found: set[str] = set()
        waiting = list(tag.parents)
        while waiting:
            parent = waiting.pop()
            if parent not in found:
                found.add(parent)
                known = self.by_id.get(parent)
                waiting.extend(known.parents if known else ())
        return found
