"""The reference for the till socket: a bare asyncio BufferedProtocol MessagePack server.

python bare_till_server.py PATH — answers every request with an empty map, and nothing more.
"""

import asyncio
import os
import socket
import sys

import msgpack


class Bare(asyncio.BufferedProtocol):
    def __init__(self) -> None:
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
            self.transport.write(msgpack.packb([1, message[1], None, {}]))


async def serve(path: str) -> None:
    server = await asyncio.get_running_loop().create_unix_server(Bare, path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", "\0" + os.environ["NOTIFY_SOCKET"][1:])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
