"""The measure: a bare relay as an idiomatic developer writes it. HTTP in, one confirmed persistent publish each to a quorum
queue, consume, HTTP out, ack. It checks nothing, keeps no journal, signs nothing and logs nothing.

Runs as `python -m tests.bench.relay AMQP_URL QUEUE SINK_URL`; prints the port it listens on.
"""

import asyncio
import sys

import aio_pika
import aiohttp
import uvloop
from aio_pika.abc import AbstractIncomingMessage
from aiohttp import web

PREFETCH = 128  # as many attempts at once as one process of the hub makes


async def serve(amqp_url: str, queue_name: str, sink_url: str) -> None:
    connection = await aio_pika.connect_robust(amqp_url)
    publishing = await connection.channel(publisher_confirms=True)
    consuming = await connection.channel()
    await consuming.set_qos(prefetch_count=PREFETCH)
    queue = await consuming.declare_queue(queue_name, durable=True, arguments={"x-queue-type": "quorum"})
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=PREFETCH)) as session:

        async def accept(request: web.Request) -> web.Response:
            body = await request.read()
            message = aio_pika.Message(body, content_type="application/json", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await publishing.default_exchange.publish(message, routing_key=queue_name)
            return web.Response(status=202)

        async def deliver(message: AbstractIncomingMessage) -> None:
            async with session.post(sink_url, data=message.body, headers={"Content-Type": "application/json"}) as response:
                await response.read()
            await message.ack()

        await queue.consume(deliver)
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/", accept)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
