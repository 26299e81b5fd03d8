"""What a caller may do: four steps, each with everything below it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Read answers and search, tag images, edit what is kept, administer."""

    READ = 1
    TAG = 2
    EDIT = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """The role as people write it."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Role:
        """The role that people write so; raises `KeyError` for any other word."""
        return cls[word.upper()]


WORDS = tuple(role.word for role in Role)


@dataclass(frozen=True)
class Caller:
    """Who makes a request: `key_id` and `name` are a key's, and empty for a caller without one."""

    role: Role
    name: str = ""
    key_id: str = ""
