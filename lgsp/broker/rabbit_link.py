"""Keeping a connection to RabbitMQ: connect, serve, notice the loss, wait a little, connect again.

aio-pika's robust connections restore channels in place and let callers wait for it without limit. Here a connection that
failed in any way is thrown away whole: what was under way fails at once and is published or delivered again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from yarl import URL

from lgsp.errors import SettingsError
from lgsp.log import get_logger

log = get_logger()

LOST = (*CONNECTION_EXCEPTIONS, TimeoutError)  # all that aio-pika raises when a connection or channel is of no more use
REPLY_TIMEOUT_S = 10.0  # for the broker's answer to anything but a publish
_BACK_OFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0)
_STEADY_AFTER_S = 5.0  # a connection that held so long starts the back-off anew
_CLOSE_TIMEOUT_S = 3.0
_SETTLE_TIMEOUT_S = 5.0  # for an ack to leave; what is not acknowledged comes again
_HEARTBEAT_S = 10  # a silent peer is given up after three of them

Serve = Callable[[AbstractConnection], Awaitable[None]]


def being_cancelled() -> bool:
    """Whether somebody cancels this task. aio-pika also raises CancelledError out of futures of a connection it lost."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Link:
    """`misfit` holds what an operator has to mend before this can work; it is tried again all the same."""

    def __init__(self, url: str, name: str) -> None:
        address = URL(url)
        self._url = address if "heartbeat" in address.query else address.update_query(heartbeat=_HEARTBEAT_S)
        self._name = name
        self.misfit: SettingsError | None = None
        self.tried = asyncio.Event()  # the first attempt has succeeded or failed
        self.ending = asyncio.Event()  # `serve` returns when it is set
        self._last = False
        self._keeper: asyncio.Task[None] | None = None

    def ready(self) -> None:
        """Called by `serve` once it can work."""
        self.misfit = None
        self.tried.set()

    def start(self, serve: Serve) -> None:
        """Gives each connection to `serve`, which returns or raises when the connection is of no more use."""
        self._keeper = asyncio.create_task(self._keep(serve))

    def make_last(self) -> None:
        """When the present connection ends, no other is made."""
        self._last = True

    async def end(self) -> None:
        """Closes the connection and stops connecting."""
        self._last = True
        self.ending.set()
        while self._keeper is not None and (await asyncio.wait({self._keeper}, timeout=_CLOSE_TIMEOUT_S))[1]:
            self._keeper.cancel()  # perhaps twice: aio-pika swallows a cancellation that meets an answer of the broker

    async def _keep(self, serve: Serve) -> None:
        failures = 0
        while not self._last:
            started = time.monotonic()
            try:
                await self._once(serve)
            except SettingsError as error:
                self.misfit = error
                log.error("broker.refused", connection=self._name, detail=str(error))
            except LOST as error:
                log.warning("broker.lost", connection=self._name, detail=f"{type(error).__name__}: {error}")
            except asyncio.CancelledError:
                if being_cancelled():
                    raise
                log.warning("broker.lost", connection=self._name, detail="the connection broke")
            except Exception as error:  # a bug; without its keeper the process would look alive and never work
                log.error("error.unexpected", component=f"connection {self._name}", exc_info=error)
            self.tried.set()
            failures = 0 if time.monotonic() - started > _STEADY_AFTER_S else failures + 1
            await either(self.ending.wait(), asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)]))

    async def _once(self, serve: Serve) -> None:
        async with asyncio.timeout(REPLY_TIMEOUT_S):
            connection = await aio_pika.connect(self._url, client_properties={"connection_name": self._name})
        try:
            await serve(connection)
        finally:
            await _close(connection)


async def _close(connection: AbstractConnection) -> None:
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await connection.close()
    except LOST as error:
        log.debug("connection.abandoned", detail=str(error))
    except asyncio.CancelledError:
        if being_cancelled():
            raise


async def either(*waits: Awaitable[object]) -> None:
    """Returns when the first of them is done."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def quietly(settling: Awaitable[object]) -> None:
    """Waits a short while for what does no harm if it fails on a connection that is lost."""
    try:
        async with asyncio.timeout(_SETTLE_TIMEOUT_S):
            await settling
    except LOST as error:
        log.debug("consignment.abandoned", detail=str(error))
    except asyncio.CancelledError:
        if being_cancelled():
            raise
