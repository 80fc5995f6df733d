"""The reference for the till socket: a bare asyncio BufferedProtocol MessagePack server.

python bare_till_server.py PATH [ANSWER] — answers every request with the MessagePack value that
the file ANSWER holds (else an empty map), packed anew each time, and nothing more.
"""

import asyncio
import os
import socket
import sys
from typing import Any

import msgpack


class Bare(asyncio.BufferedProtocol):
    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.buffer = bytearray(65536)
        self.unpacker = msgpack.Unpacker()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.unpacker.feed(memoryview(self.buffer)[:nbytes])
        for message in self.unpacker:
            self.transport.write(msgpack.packb([1, message[1], None, self.answer]))


async def serve(path: str, answer: Any) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: Bare(answer), path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", "\0" + os.environ["NOTIFY_SOCKET"][1:])
    await server.serve_forever()


def read(path: str) -> Any:
    with open(path, "rb") as opened:
        return msgpack.unpackb(opened.read())


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], read(sys.argv[2]) if len(sys.argv) > 2 else {}))
