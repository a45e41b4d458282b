"""A workspace on a WebSocket library that is known for its conformance: answers each message with itself. Prints the port it listens on."""
import asyncio

from websockets.exceptions import ConnectionClosed
from websockets.server import serve


async def echo(socket):
    try:
        async for message in socket:
            await socket.send(message)
    except ConnectionClosed:
        pass


async def main():
    async with serve(echo, "127.0.0.1", 0, max_size=2**24, ping_interval=None, close_timeout=60) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
