"""The measure: a bare relay as an idiomatic developer writes it. HTTP in, one confirmed persistent publish each to a quorum
queue, consume, HTTP out, ack. It checks nothing, keeps no journal, signs nothing and logs nothing.

Runs as `python -m tests.bench.relay AMQP_URL QUEUE SINK_URL ROLES`; prints the port it listens on.
"""

import asyncio
import sys

import aio_pika
import aiohttp
import uvloop
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiohttp import web

PREFETCH = 128  # as many attempts at once as one process of the hub makes


async def serve(amqp_url: str, queue_name: str, sink_url: str, roles: str) -> None:
    """`roles`: "in", "out" or "in+out"."""
    connection = await aio_pika.connect_robust(amqp_url)
    channel = await connection.channel(publisher_confirms=True)
    await channel.declare_queue(queue_name, durable=True, arguments={"x-queue-type": "quorum"})
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=PREFETCH)) as session:
        if "out" in roles:
            await take_out(await connection.channel(), queue_name, session, sink_url)
        print(await take_in(channel, queue_name) if "in" in roles else 0, flush=True)
        await asyncio.Event().wait()


async def take_in(channel: AbstractChannel, queue_name: str) -> int:
    """The port it listens on."""

    async def accept(request: web.Request) -> web.Response:
        body = await request.read()
        message = aio_pika.Message(body, content_type="application/json", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, routing_key=queue_name)
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/", accept)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port: int = runner.addresses[0][1]
    return port


async def take_out(channel: AbstractChannel, queue_name: str, session: aiohttp.ClientSession, sink_url: str) -> None:
    await channel.set_qos(prefetch_count=PREFETCH)
    queue = await channel.get_queue(queue_name)

    async def deliver(message: AbstractIncomingMessage) -> None:
        async with session.post(sink_url, data=message.body, headers={"Content-Type": "application/json"}) as response:
            await response.read()
        await message.ack()

    await queue.consume(deliver)


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
