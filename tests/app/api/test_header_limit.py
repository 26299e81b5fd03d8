"""A request must come to its body; a head without an end is cut off."""

import asyncio

import uvicorn
from starlette.types import Receive, Scope, Send

from app.api.header_limit import MAX_HEAD_BYTES, LimitedHeaders
from app.serving import listen


async def greet(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def answer_to(*parts: bytes) -> bytes:
    """What the service says to the parts sent over one connection, until either side closes it."""

    async def talk() -> bytes:
        listener = listen("127.0.0.1", 0)
        listener.listen()
        config = uvicorn.Config(greet, http=LimitedHeaders, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            return b""
        finally:
            writer.close()
            server.should_exit = True
            await serving

    return asyncio.run(talk())


def test_a_head_that_never_ends_is_cut_off() -> None:
    endless = [b"X-More: " + b"a" * 8000 + b"\r\n"] * (MAX_HEAD_BYTES // 8000 + 2)
    one = [b"X-More: " + b"a" * (2 * MAX_HEAD_BYTES)]
    for head in (endless, one):
        # A caller that is still sending may find the connection reset before it can read.
        assert answer_to(b"GET / HTTP/1.1\r\n", *head)[:12] in (b"HTTP/1.1 400", b"")


def test_long_bodies_and_many_requests_over_one_connection_are_no_long_head() -> None:
    body = b"a" * (2 * MAX_HEAD_BYTES)
    long = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    last = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    said = answer_to(long, long, last)
    assert said.count(b"HTTP/1.1 200") == 3
    assert said.count(b"hello") == 3


def test_the_end_of_a_body_that_comes_in_one_piece_is_no_long_head() -> None:
    rest = b"a" * (3 * MAX_HEAD_BYTES)
    head = b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(rest)
    for parts in ([head + rest], [head, rest], [head + rest[:9], rest[9:]]):
        assert answer_to(*parts)[:12] == b"HTTP/1.1 200"
