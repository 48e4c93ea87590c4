"""A witness on HTTP: one route, limits, a graceful stop. It hides nothing and asks nobody who they are: signatures count."""

import asyncio
import signal
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from aiohttp import web

from lgsp.core.log.witness import MAX_REQUEST_BYTES
from lgsp.errors import CannotListen
from lgsp.log import get_logger
from lgsp.witness.witness import Answer, Witness

log = get_logger()

_MAX_WAITING = 64
_READ_TIMEOUT_S = 10.0
_SHUTDOWN_S = 10.0
_LATER_S = 2
_WITNESS = web.AppKey("witness", Witness)
_THREAD = web.AppKey("thread", ThreadPoolExecutor)
_ROOM = web.AppKey("room", asyncio.Semaphore)


def make_app(witness: Witness) -> web.Application:
    """Its one thread decides, writes and signs: two requests can never be decided over the same state."""
    app = web.Application(client_max_size=MAX_REQUEST_BYTES)
    app[_WITNESS] = witness
    app[_THREAD] = ThreadPoolExecutor(1, "witness")
    app[_ROOM] = asyncio.Semaphore(_MAX_WAITING)
    app.on_cleanup.append(_end_thread)
    app.router.add_post("/add-checkpoint", _add_checkpoint)
    return app


@asynccontextmanager
async def listening(witness: Witness, host: str, port: int) -> AsyncIterator[tuple[str, int]]:
    """Answers; in the end the requests under way are answered first. Yields where. Raises CannotListen."""
    runner = web.AppRunner(make_app(witness), access_log=None, shutdown_timeout=_SHUTDOWN_S, max_headers=64)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, backlog=128).start()
        except OSError as error:
            raise CannotListen(f"{host}:{port}: {error.strerror}") from error
        yield runner.addresses[0][:2]
    finally:
        await runner.cleanup()


async def serve(witness: Witness, name: str, logs: int, host: str, port: int) -> None:
    """Until SIGTERM or SIGINT. Raises CannotListen."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    async with listening(witness, host, port) as (address, port):
        log.info("witness.started", key=name, address=f"{address}:{port}", logs=logs)
        await stop.wait()
    log.info("witness.stopped")


async def _add_checkpoint(request: web.Request) -> web.Response:
    room = request.app[_ROOM]
    if room.locked():
        return web.Response(status=503, headers={"Retry-After": str(_LATER_S)}, text="overloaded: Quá tải · Come again\n")
    async with room:
        try:
            async with asyncio.timeout(_READ_TIMEOUT_S):
                octets = await request.read()
        except TimeoutError:
            return web.Response(status=408, text="too_slow: Yêu cầu đến quá chậm · The request took too long\n")
        loop = asyncio.get_running_loop()
        return _response(await loop.run_in_executor(request.app[_THREAD], request.app[_WITNESS].answer, octets))


def _response(answer: Answer) -> web.Response:
    """The size is of a type without a charset (tlog-witness)."""
    if answer.media_type == "text/plain":
        return web.Response(status=answer.status, text=answer.text, content_type=answer.media_type)
    return web.Response(status=answer.status, body=answer.text.encode(), content_type=answer.media_type)


async def _end_thread(app: web.Application) -> None:
    """What it is writing is written to the end."""
    await asyncio.to_thread(app[_THREAD].shutdown)
