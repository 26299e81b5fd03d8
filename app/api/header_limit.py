"""HTTP connections by a parser in C, which by itself sets no limit to a request's headers."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# The request line and all headers; counted by what the socket gives at a time.
MAX_HEAD_BYTES = 64 << 10


class LimitedHeaders(HttpToolsProtocol):
    """uvicorn's protocol that closes a connection whose request never comes to its body."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._only_head = True
        self._head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Parses what came; answers 400 where the head alone is longer than the limit.

        What came counts only where it was head from its first byte to its last: a small request
        comes in one piece, and a body is as long as it likes.
        """
        self._only_head = self._in_head
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._only_head else 0
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Request header fields too large.")

    def on_headers_complete(self) -> None:
        """The parser's call at the end of the headers."""
        self._in_head = self._only_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The parser's call at the end of a request: the next one begins with its head."""
        self._in_head = True
        super().on_message_complete()
