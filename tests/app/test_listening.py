"""The socket that the service listens on."""

import asyncio
import socket

from app.serving import listen


def test_an_answer_never_waits_for_the_acknowledgement_of_its_beginning() -> None:
    listener = listen("127.0.0.1", 0)
    found: list[int] = []

    async def accept() -> None:
        def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted: socket.socket = writer.get_extra_info("socket")
            found.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(met, sock=listener) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await reader.read()
            writer.close()

    asyncio.run(accept())
    assert found
    assert found[0] != 0
