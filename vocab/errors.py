"""Errors of the vocabulary: what cannot be stored, found, read or computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class VocabularyError(Exception):
    """Base of the errors raised by `vocab`.

    `field` names the part of the input at fault and `remedy` says what to do about it. In an
    edit of many tags `item` is the place, from 0, of the one at fault.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        remedy: str | None = None,
        item: int | None = None,
    ):
        super().__init__(message)
        self.field = field
        self.remedy = remedy
        self.item = item


class InvalidTagError(VocabularyError):
    """A field of a tag has a value no tag can have."""


class NameClashError(VocabularyError):
    """A name or alias is already the name or alias of another active tag."""

    def __init__(self, message: str, *, tag_id: str, tag_name: str, field: str, item: int | None):
        super().__init__(
            message, field=field, item=item, remedy="换一个名称，或者修改、停用已占用它的标签。"
        )
        self.tag_id = tag_id
        self.tag_name = tag_name


class TagExistsError(VocabularyError):
    """A new tag asks for an id that is taken."""


class UnknownParentError(VocabularyError):
    """A parent is neither the id nor the name of a tag."""


class CycleError(VocabularyError):
    """A tag would be its own ancestor. `path` holds the names from the tag back to itself."""

    def __init__(self, message: str, *, path: tuple[str, ...], item: int | None):
        super().__init__(
            message, field="parents", item=item, remedy="去掉路径中的任意一条父子关系。"
        )
        self.path = path


class TagNotFoundError(VocabularyError):
    """No tag has that id."""


class RevisionNotFoundError(VocabularyError):
    """The vocabulary has not reached that revision."""


class StaleEditError(VocabularyError):
    """The tag or the vocabulary was changed since the writer last read it.

    `current_revision` is the one to read again; `tag_id` is empty where it is the vocabulary's.
    """

    def __init__(self, message: str, *, current_revision: int, tag_id: str = ""):
        super().__init__(message, field="if_match", remedy="重新读取当前内容，合并后再提交。")
        self.current_revision = current_revision
        self.tag_id = tag_id


class BulkEditError(VocabularyError):
    """Some tags of an edit of many are at fault; none was kept. `problems` has one each."""

    def __init__(self, problems: Sequence[VocabularyError]):
        first = problems[0]
        super().__init__(
            f"{len(problems)} 处有误，整批未生效。第一处：{first}",
            field=first.field,
            remedy=first.remedy,
            item=first.item,
        )
        self.problems = tuple(problems)


class IdempotencyError(VocabularyError):
    """An idempotency key comes back with another request than the one it was used for."""


class ExchangeError(VocabularyError):
    """A file of tags cannot be read as a whole: its encoding, format, size or header."""


class EmbeddingError(VocabularyError):
    """A vector to store is not a finite one-dimensional float array."""


class JudgementNotFoundError(VocabularyError):
    """No judgement has that number under this model."""


class ReportError(VocabularyError):
    """An evaluation that cannot be read, or two that cannot be compared."""


class BackgroundError(VocabularyError):
    """The bank of background vectors cannot be read or belongs to another model."""


@dataclass(frozen=True)
class ImportProblem:
    """What is wrong with one tag of a file; `line` is its line in a CSV, its number in a JSON."""

    line: int
    message: str
    field: str | None = None
    remedy: str | None = None


class ImportRefusedError(VocabularyError):
    """Some tags of a file are at fault; none was kept. `problems` is in the order of the file."""

    def __init__(self, problems: Sequence[ImportProblem]):
        first = problems[0]
        super().__init__(
            f"{len(problems)} 处有误，整个文件未导入。第 {first.line} 行：{first.message}",
            field=first.field,
            remedy=first.remedy,
        )
        self.problems = tuple(problems)
