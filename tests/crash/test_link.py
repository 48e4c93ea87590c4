"""The keeper of a connection to RabbitMQ outlives whatever goes wrong with one connection."""

import asyncio

from aio_pika.abc import AbstractConnection

from lgsp.broker.rabbit_link import Link
from tests.crash.load import until


async def test_an_error_that_nobody_foresaw_costs_one_connection_and_not_the_worker(amqp_url: str) -> None:
    """A keeper that ended would leave a worker that looks alive and never gets work again."""
    served: list[AbstractConnection] = []
    link = Link(amqp_url, "test")

    async def serve(connection: AbstractConnection) -> None:
        served.append(connection)
        if len(served) == 1:
            raise KeyError("a bug in a library")
        link.ready()
        await link.ending.wait()

    link.start(serve)
    try:
        await until(lambda: len(served) == 2, "a second connection", 20)
        await asyncio.wait_for(link.tried.wait(), 5)
    finally:
        await link.end()
