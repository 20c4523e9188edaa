# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A small HTTP server of one folder, on this machine alone, for the rival that fetches its images: `python server.py FOLDER`.

Prints its port. Ends when its standard input does.
"""

import asyncio
import sys
from pathlib import Path

TIMEOUT = 60  # seconds for a request to come


async def answer(folder, reader, writer):
    try:
        request = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT)
        path = (folder / request.split(b" ", 2)[1].decode("ascii").lstrip("/")).resolve()
        if folder in path.parents and path.is_file():
            body = path.read_bytes()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        else:
            body, head = b"", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        writer.write(head.encode("ascii") + body)
        await writer.drain()
    finally:
        writer.close()


async def serve(folder):
    server = await asyncio.start_server(lambda *streams: answer(folder, *streams), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]).resolve()))
