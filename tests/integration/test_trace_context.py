"""One trace from the sender's request over RabbitMQ to the recipient's system, and into the log of the attempt."""

import asyncio
from pathlib import Path

import msgspec
from aiohttp import web

from contracts.adapter import Endpoint
from lgsp.log import trace_id
from tests.integration.http_hub import AGENCIES, LAND_OFFICE, http_hub

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENT = f"00-{TRACE}-00f067aa0ba902b7-01"


async def test_the_sender_s_trace_reaches_the_recipient_over_rabbitmq(tmp_path: Path, amqp_url: str, rabbit_prefix: str) -> None:
    """HTTP in, reference through the broker, webhook out: the trace id is the sender's, each step has a parent id of its own."""
    arrived: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def take(request: web.Request) -> web.Response:
        arrived.set_result(request.headers["traceparent"])
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/in", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint = Endpoint(adapter="webhook", url=f"http://127.0.0.1:{runner.addresses[0][1]}/in")
    agencies = [msgspec.structs.replace(one, endpoint=endpoint) if one.code == LAND_OFFICE else one for one in AGENCIES]
    try:
        async with http_hub(tmp_path, agencies=agencies, amqp_url=amqp_url, broker_prefix=rabbit_prefix) as hub:
            published = []
            publish = hub.hub.broker.publish

            async def spied(refs):  # type: ignore[no-untyped-def]
                published.extend(refs)
                await publish(refs)

            hub.hub.broker.publish = spied  # type: ignore[method-assign]
            reply = await hub.send(hub.envelope(), traceparent=SENT)
            assert reply.status == 202
            assert TRACE in reply.headers["traceresponse"]
            received = await asyncio.wait_for(arrived, 20)
    finally:
        await runner.cleanup()
    assert [ref.traceparent for ref in published] == [SENT]
    version, trace, parent, flags = received.split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert parent != SENT.split("-")[2]


def test_nothing_outside_a_request_or_attempt_has_a_trace() -> None:
    """The context variable has no default of somebody else's."""
    assert trace_id.get() is None
