"""Errors of the vector indexes."""

from __future__ import annotations


class VectorIndexError(Exception):
    """Base of the errors raised by an index.

    `field` names the part of the input at fault; `remedy` says what to do about it.
    """

    def __init__(self, message: str, *, field: str | None = None, remedy: str | None = None):
        super().__init__(message)
        self.field = field
        self.remedy = remedy


class ModelMismatchError(VectorIndexError):
    """The vectors come from another model than the index's, so their products mean nothing."""


class VectorShapeError(VectorIndexError):
    """The vectors have another length, type or number of dimensions than the index takes."""


class ImageNotFoundError(VectorIndexError):
    """No stored image of this model has that id."""


class InvalidImageError(VectorIndexError):
    """What should be stored with an image breaks a rule: its id, metadata or vector."""


class StorageFullError(VectorIndexError):
    """The disk has no room; nothing of the write remains."""
