"""A proxy on loopback that adds TLS and a round trip of so many milliseconds to a plain HTTP service.

Usage: python -m benchmarks.slow_tls_proxy PORT CERTIFICATE KEY MILLISECONDS; it prints its own port and
serves until it is killed. A new connection waits one round trip, as the TCP handshake would; then each byte
waits half of one.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable

_CHUNK = 1 << 18
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def serve(target: int, certificate: str, key: str, milliseconds: float) -> None:
    """Two stages: the outer one delays, the inner one ends the TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    inner = await asyncio.start_server(_relay(target, 0.0, 0.0), "127.0.0.1", 0, ssl=context)
    trip = milliseconds / 1000
    outer = await asyncio.start_server(
        _relay(inner.sockets[0].getsockname()[1], trip, trip / 2), "127.0.0.1", 0
    )
    print(outer.sockets[0].getsockname()[1], flush=True)
    await asyncio.gather(inner.serve_forever(), outer.serve_forever())


def _relay(port: int, first: float, delay: float) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(first)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pipe(reader, far_writer, delay), _pipe(far_reader, writer, delay))

    return handle


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay: float) -> None:
    """Passes bytes on, each chunk `delay` seconds after it came, several chunks under way at once."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                return
            sink.write(data)
            await sink.drain()

    delivery = asyncio.ensure_future(deliver())
    try:
        while data := await source.read(_CHUNK):
            queue.put_nowait((loop.time() + delay, data))
    except OSError:
        pass
    queue.put_nowait((loop.time() + delay, b""))
    try:
        await delivery
    except OSError:
        pass
    finally:
        sink.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])))
