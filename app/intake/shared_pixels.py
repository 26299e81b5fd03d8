"""Memory that a decoder process writes pixels into and the service reads them from."""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
import tempfile

# Pixels of 11 megapixels; the few images that are larger go over the socket instead.
SIZE = 32 << 20


class SharedPixels:
    """`SIZE` bytes that the process given `descriptor` sees too. Not safe to share between threads.

    What lies in them may change at any time: whoever reads must copy first and look afterwards.
    """

    def __init__(self, descriptor: int | None = None):
        """Makes the memory, or opens that of another process by its descriptor."""
        self.descriptor = _made() if descriptor is None else descriptor
        self._map = mmap.mmap(self.descriptor, SIZE)

    def put(self, pixels: bytes) -> bool:
        """Writes at the beginning; false, and nothing is written, where there are too many."""
        if len(pixels) > SIZE:
            return False
        self._map[: len(pixels)] = pixels
        return True

    def view(self, count: int) -> memoryview:
        """The first `count` bytes, or all there are; to be released before `close`."""
        return memoryview(self._map)[:count]

    def close(self) -> None:
        """Gives the memory back once the other process has ended, too."""
        self._map.close()
        os.close(self.descriptor)


def _made() -> int:
    """A file without a name: in memory where the system can, which here is Linux."""
    if sys.platform != "linux":
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, SIZE)
        return descriptor
    descriptor = os.memfd_create("pixels", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, SIZE)
    # A process that a bad file controls could else cut the file short, and our next look at what
    # is no longer there would be a bus error.
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor
