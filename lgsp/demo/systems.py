"""All systems of the province in one program: put together here, opened and closed as one."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from lgsp.demo.bus_client import BusClient
from lgsp.demo.evidence import HubBalance
from lgsp.demo.files import Files
from lgsp.demo.hub_client import HubClient, HubUnreachable
from lgsp.demo.ledger import Ledger
from lgsp.demo.lessons import Lesson
from lgsp.demo.letters import DEPARTMENT
from lgsp.demo.office import Office
from lgsp.demo.recipients import Pullers, push_app
from lgsp.demo.sandbox import Member, Sandbox, pulling
from lgsp.demo.seals import Seals
from lgsp.demo.senders import Senders
from lgsp.demo.soap_client import SoapClient

_TAKEOVER_S, _LISTEN_AGAIN_S = 5.0, 0.2
_DIFFERENCE, _BY_STATE = "lgsp_balance_difference", "lgsp_deliveries"


class PortTaken(Exception):
    """Somebody else listens where the hub expects the simulated systems, and does not leave."""


@dataclass(frozen=True, slots=True)
class Systems:
    """`takeover` is set when another demo wants to take their place."""

    hubs: Mapping[str, HubClient]
    senders: Senders
    pullers: Pullers
    files: Files
    office: Office
    seals: Seals
    takeover: asyncio.Event

    async def balance(self) -> HubBalance | None:
        """What the hub says of itself; None when it does not."""
        try:
            text = await next(iter(self.hubs.values())).metrics()
        except HubUnreachable:
            return None
        return None if text is None else balance_in(text)

    async def log_keys(self) -> list[str]:
        """Of the hub's evidence log. Raises HubUnreachable."""
        return await next(iter(self.hubs.values())).log_keys()


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
    sandbox: Sandbox,
    ledger: Ledger,
    lessons: Mapping[str, tuple[Lesson, ...]],
    patience_s: float,
    *,
    insist: bool = True,
    unpolled: str | None = None,
) -> AsyncIterator[Systems]:
    """Signed in, listening and polling. `insist`: a demo that has the port and whose day is over is asked to leave it.

    `unpolled`: the mailbox of this one is left alone.

    Raises HubUnreachable when the hub lets nobody in, PortTaken.
    """
    takeover, seals = asyncio.Event(), Seals(Path(sandbox.pki))
    # No limit: each long poll holds a connection, and what is sent is bounded by its sender.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        hubs = {code: _client(member)(session, sandbox.hub_url, member, patience_s) for code, member in sandbox.members.items()}
        runner = web.AppRunner(push_app(sandbox, ledger, seals, takeover), access_log=None)
        await runner.setup()
        try:
            await _listen(runner, sandbox, session, insist=insist)
            await asyncio.gather(*(hub.sign_in() for hub in hubs.values()))
            async with asyncio.TaskGroup() as tasks:
                pullers = Pullers(hubs, ledger, seals)
                files = Files(hubs, ledger.evidence, tasks)
                ledger.collector = files.collect
                bus = BusClient(session, sandbox.hub_url, sandbox.members[DEPARTMENT], DEPARTMENT, patience_s)
                office = Office(bus, hubs, ledger, seals)
                ledger.clerks = office.arrived
                pulls = tasks.create_task(pullers.run(code for code in pulling(sandbox) if code != unpolled))
                senders = Senders(hubs, ledger, lessons, _batching(sandbox, ledger), seals, tasks)
                yield Systems(hubs, senders, pullers, files, office, seals, takeover)
                pulls.cancel()
                await asyncio.wait({pulls})
        finally:
            await runner.cleanup()


def _client(member: Member) -> type[HubClient]:
    return SoapClient if member.speaks == "soap" else HubClient


async def _listen(runner: web.AppRunner, sandbox: Sandbox, session: aiohttp.ClientSession, *, insist: bool) -> None:
    end = time.monotonic() + _TAKEOVER_S
    asked = not insist
    while True:
        try:
            await web.TCPSite(runner, "127.0.0.1", sandbox.listen_port).start()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise PortTaken(f"port {sandbox.listen_port}: {error.strerror}") from error
        asked = asked or await _ask_to_leave(sandbox, session)
        await asyncio.sleep(_LISTEN_AGAIN_S)


async def _ask_to_leave(sandbox: Sandbox, session: aiohttp.ClientSession) -> bool:
    headers = {"Authorization": f"Bearer {sandbox.takeover_token}"}
    try:
        async with session.post(f"{sandbox.push_base_url}/takeover", headers=headers) as response:
            return response.status == 204
    except (aiohttp.ClientError, TimeoutError):
        return False


def _batching(sandbox: Sandbox, ledger: Ledger) -> frozenset[str]:
    """Departments and the post have much to say at once."""
    communes = {commune.code for commune in ledger.province.communes}
    return frozenset(sandbox.members.keys() - communes)
