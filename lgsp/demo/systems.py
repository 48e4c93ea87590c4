"""All systems of the province in one program: put together here, opened and closed as one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from lgsp.demo.evidence import HubBalance
from lgsp.demo.hub_client import HubClient, HubUnreachable
from lgsp.demo.ledger import Ledger
from lgsp.demo.lessons import Lesson
from lgsp.demo.recipients import Pullers, push_app
from lgsp.demo.sandbox import Sandbox, pulling
from lgsp.demo.senders import Senders

_DIFFERENCE, _BY_STATE = "lgsp_balance_difference", "lgsp_deliveries"


@dataclass(frozen=True, slots=True)
class Systems:
    hubs: Mapping[str, HubClient]
    senders: Senders

    async def balance(self) -> HubBalance | None:
        """What the hub says of itself; None when it does not."""
        try:
            text = await next(iter(self.hubs.values())).metrics()
        except HubUnreachable:
            return None
        return None if text is None else balance_in(text)


def balance_in(metrics: str) -> HubBalance | None:
    """Reads Prometheus text. None without a count by state: then nobody has looked yet, and a difference of 0 means nothing."""
    difference: int | None = None
    by_state: dict[str, int] = {}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == _DIFFERENCE:
                difference = int(sample.value)
            elif sample.name == _BY_STATE:
                by_state[sample.labels["state"]] = int(sample.value)
    return None if difference is None or not by_state else HubBalance(difference=difference, by_state=by_state)


@asynccontextmanager
async def open_systems(
    sandbox: Sandbox, ledger: Ledger, lessons: Mapping[str, tuple[Lesson, ...]], patience_s: float
) -> AsyncIterator[Systems]:
    """Signed in, listening and polling. Raises HubUnreachable when the hub lets nobody in, OSError when the port is taken."""
    # No limit: each long poll holds a connection, and what is sent is bounded by its sender.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        hubs = {code: HubClient(session, sandbox.hub_url, member, patience_s) for code, member in sandbox.members.items()}
        runner = web.AppRunner(push_app(sandbox, ledger), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", sandbox.listen_port).start()
            await asyncio.gather(*(hub.sign_in() for hub in hubs.values()))
            async with asyncio.TaskGroup() as tasks:
                pulls = tasks.create_task(Pullers(hubs, ledger).run(pulling(sandbox)))
                yield Systems(hubs, Senders(hubs, ledger, lessons, _batching(sandbox, ledger), tasks))
                pulls.cancel()
                await asyncio.wait({pulls})
        finally:
            await runner.cleanup()


def _batching(sandbox: Sandbox, ledger: Ledger) -> frozenset[str]:
    """Departments and the post have much to say at once."""
    communes = {commune.code for commune in ledger.province.communes}
    return frozenset(sandbox.members.keys() - communes)
