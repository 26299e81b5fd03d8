"""Errors the service raises; `app.api.problems` turns each into an HTTP problem."""

from __future__ import annotations


class TuqianError(Exception):
    """Base of the errors raised by the service itself.

    `field` names the part of the input at fault, where there is one; `remedy` replaces the
    general advice of the error table where something better can be said.
    """

    def __init__(self, message: str, *, field: str | None = None, remedy: str | None = None):
        super().__init__(message)
        self.field = field
        self.remedy = remedy


class ImageError(TuqianError):
    """An image that cannot be used; the other images of a request are not affected."""


class EmptyImageError(ImageError):
    """The file has no bytes."""


class UnsupportedImageError(ImageError):
    """The bytes are not an image of a supported format."""


class CorruptImageError(ImageError):
    """The file begins like an image but cannot be decoded to its end."""


class ImageTooLargeError(ImageError):
    """The file has more bytes, or declares more pixels, than the limits allow."""


class DecodingStoppedError(ImageError):
    """The file took too long to decode, or ended the process that decoded it."""


class ImageSourceError(ImageError):
    """The place the image should come from cannot be used or reached."""


class FetchError(ImageSourceError):
    """An address that is not fetched, or that did not answer as it should."""


class ModelError(TuqianError):
    """A model that cannot be used."""


class UnknownModelError(ModelError):
    """No model of that name is in the catalogue."""


class MissingExtraError(ModelError):
    """The model needs packages of an extra that is not installed."""


class ModelFileError(ModelError):
    """A model file is missing, damaged, or of an unknown format."""


class ModelDownloadError(ModelError):
    """The weights could not be fetched from the hub."""


class EncoderError(ModelError):
    """The encoder failed while it ran."""


class DeviceMemoryError(EncoderError):
    """The batch did not fit into the memory of the device; a smaller one may."""


class OptimizationRefusedError(ModelError):
    """A faster form of a model strays too far from it and was not installed."""


class OverloadedError(TuqianError):
    """The queue is full; the caller should come back later."""


class RequestTimeoutError(TuqianError):
    """The request took longer than the service allows."""


class NotReadyError(TuqianError):
    """The service has not loaded its model and vocabulary yet."""


class InvalidRequestError(TuqianError):
    """The request as a whole cannot be understood."""


class UnseenImageError(InvalidRequestError):
    """An image named by its digest alone was neither tagged lately nor is it stored."""


class NotAvailableError(InvalidRequestError):
    """The request asks for something this version does not do yet."""


class JobNotFoundError(TuqianError):
    """No job has that id: it never was, was deleted, or finished too long ago."""


class JobFinishedError(TuqianError):
    """The job has come to its end and cannot be changed."""


class RemoteError(TuqianError):
    """A running service could not be reached, or refused what a command asked of it."""


class SettingsError(TuqianError):
    """A setting has a value the service cannot start with."""


class CollectionError(TuqianError):
    """What a run should read, or where it should write, cannot be used."""


class RunMismatchError(TuqianError):
    """An interrupted run cannot go on: its model, vocabulary or images are not the same now."""


class BackupError(TuqianError):
    """A backup that cannot be made, or one that cannot be restored."""


class UnauthenticatedError(TuqianError):
    """The request has no key, or one that opens nothing."""


class ForbiddenError(TuqianError):
    """The caller is known and may not do this."""


class RateLimitedError(TuqianError):
    """The key is used more often than it may be; `retry_after_s` says when to come back."""

    def __init__(self, message: str, *, retry_after_s: float):
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QuotaExhaustedError(RateLimitedError):
    """The key has used up what it has for this day."""


class KeyNotFoundError(TuqianError):
    """No valid key has that name or id."""


class KeyExistsError(TuqianError):
    """A key has, or had, that name."""
