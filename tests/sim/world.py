"""One run: processes of the hub over one journal and one broker, partners, people, and what goes wrong, as the plan has it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar

from lgsp.assembly import Hub, assemble
from lgsp.broker.embedded import EmbeddedBroker
from lgsp.core import replay
from lgsp.core.directory import Agency
from lgsp.core.hold import begun, ended
from lgsp.errors import JournalUnavailable
from lgsp.flow.log_keeper import LogKeeper
from lgsp.ports import Broker
from tests.fakes.examiners import indifferent
from tests.fakes.log_signer import SIGNER, RememberedHeads
from tests.sim.broker import BrokerLink, Exchange
from tests.sim.loop import Loop, Stuck
from tests.sim.outside import EPOCH, Machine, Outside
from tests.sim.partners import Knock, Partner, PartnerAdapter
from tests.sim.people import NoAnswer, Reader, Sender, mended
from tests.sim.plan import ADAPTER, HUB, Fault, Plan
from tests.sim.server import Line, Server

T = TypeVar("T")

REST_WITHIN_S = 240.0  # after peace came: longer than any lease, delay and grace that a run can have
_MAX_STEPS = 600_000
_ANSWER_S = 6.0


class Process:
    """One process of the hub and whoever starts it again (systemd)."""

    def __init__(self, world: "World", name: str, roles: tuple[str, ...]) -> None:
        self.world = world
        self.name = name
        self.roles: frozenset[Any] = frozenset(roles)
        self.machine: Machine
        self.hub: Hub | None = None
        self.link: BrokerLink | None = None
        self.calls: dict[asyncio.Future[Any], Loop] = {}
        self.wanted = True
        self.signed = RememberedHeads()
        self.start()

    def start(self) -> None:
        if not self.wanted or (hasattr(self, "machine") and self.machine.loop.alive):
            return
        self.machine = Machine(self.world.outside, self.name)
        self.machine.deaths.append(self._gone)
        self.world.outside.note(self.name, "starts")
        self.machine.loop.call_soon(self._main_task)

    def _main_task(self) -> None:
        self.machine.loop.create_task(self._main(self.machine))

    async def _main(self, machine: Machine) -> None:
        """What `bootstrap.serve` does, over lines that break."""
        world, settings = self.world, self.world.plan.settings
        store: Any = Line(world.server, machine, settings.journal_timeout_s)
        broker = self._broker(machine)
        adapters = {ADAPTER: PartnerAdapter(machine, world.partners, world.knocks)}
        blobs: Any = _NoBlobs()
        try:
            examiner, draw = indifferent(machine.clock), world.outside.chance.random
            keeper = await LogKeeper.open(store, SIGNER, self.signed, "sim") if "gateway" in self.roles else None
            hub = await assemble(
                settings, self.roles, store, broker, blobs, adapters, examiner, machine.clock, draw, keeper=keeper
            )
        except JournalUnavailable:
            self._exit(machine, again_s=0.5)
            return
        self.hub = hub
        try:
            await hub.run()
        except Exception as error:  # noqa: BLE001 - a loop of the hub ended, which none may
            world.outside.trouble.append(f"{self.name} ended: {error!r}")
        await broker.close()
        self._exit(machine, again_s=0.1)

    def _broker(self, machine: Machine) -> Broker:
        settings = self.world.plan.settings
        if self.world.plan.embedded:
            return EmbeddedBroker()
        exchange = self.world.exchange
        self.link = BrokerLink(exchange, machine, prefetch=settings.prefetch, timeout_s=settings.publish_timeout_s)
        return self.link

    def _exit(self, machine: Machine, again_s: float) -> None:
        self.world.outside.loop.call_later(again_s, self.start)
        machine.kill()

    def _gone(self) -> None:
        self.hub, self.link = None, None
        for answer, caller in self.calls.items():
            caller.call_soon(_fail, answer, NoAnswer(self.name))
        self.calls.clear()


class World:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.outside = Outside(Random(plan.seed + 1_000_000_007))
        self.server = Server(self.outside)
        self.exchange = Exchange(self.outside, plan.settings.broker_shards)
        self.partners = {
            agency.code: Partner(self.outside, agency.code, plan.refusing, plan.thinks_s) for agency in plan.agencies
        }
        self.senders = [Sender(self, case) for case in plan.cases]
        self.knocks: list[Knock] = []
        self.given_up: set[str] = set()  # expired before the hub ever took them
        self.withdrawn: list[tuple[float, int, str]] = []  # when it was answered, delivery, what was answered
        self.pauses: list[tuple[str, float, float]] = []
        self.quiet: list[tuple[str, float, float]] = []  # maintenance: whose, from when, until when
        self.processes: dict[str, Process] = {}
        self.rested_s: float | None = None
        self._pulling = {agency.code for agency in plan.agencies if agency.endpoint is None}
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._going_on: list[asyncio.Task[None]] = []  # what people have begun and want to see the end of
        self._enrol()

    def _enrol(self) -> None:
        hub = Agency(code=HUB, name_vi="Trục", level="hub")
        self.server.perform("save_agencies", ([hub, *self.plan.agencies],))
        for agency in self.plan.agencies:
            if agency.endpoint is not None:
                self.partners[agency.code].url = agency.endpoint.url

    def run(self) -> None:
        """Until everything is at rest. Afterwards `judge` says whether all promises were kept."""
        loop = self.outside.loop
        main = loop.create_task(self._main())
        try:
            self.outside.time.run(main, _MAX_STEPS)
            main.result()
        except Stuck as stuck:
            self.outside.trouble.append(f"stuck: {stuck}")

    async def _main(self) -> None:
        loop = self.outside.loop
        for name, roles in self.plan.processes:
            self.processes[name] = Process(self, name, roles)
        for fault in self.plan.faults:
            loop.call_later(fault.at_s, self._strike, fault)
        for code in sorted(self._pulling - self.plan.absent):
            self._reads(code)
        for sender in self.senders:
            self.also(sender.run())
        await asyncio.sleep(self.plan.peace_s)
        self._make_peace()
        self.rested_s = await self._rest()
        if self.plan.replays_at_last and self.rested_s is not None and self._replay_dead(None):
            self.rested_s = await self._rest()
        await self._stop_all()

    async def _stop_all(self) -> None:
        """Gracefully, and those that are just starting as soon as they have started."""
        deadline = self.outside.time.now + 2 * self.plan.settings.shutdown_grace_s + 10.0
        while alive := [process for process in self.processes.values() if process.machine.loop.alive]:
            if self.outside.time.now > deadline:
                self.outside.trouble.append(f"told to stop, does not end: {', '.join(process.name for process in alive)}")
                return
            for process in alive:
                process.wanted = False
                if process.hub is not None:
                    process.hub.stop.set()
            await asyncio.sleep(0.1)

    def also(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._going_on.append(self.outside.loop.create_task(coroutine))

    async def _rest(self) -> float | None:
        began, tables = self.outside.time.now, self.server.store.tables
        while self.outside.time.now < began + REST_WITHIN_S:
            replaying = any(one.state == "running" for one in tables.replays)
            if not tables.open and not replaying and all(task.done() for task in self._going_on):
                return self.outside.time.now - began
            await asyncio.sleep(0.25)
        return None

    # what goes wrong

    def _strike(self, fault: Fault) -> None:
        if self.outside.peace:
            return
        self.outside.note("chance", fault.trouble, fault.victim, fault.what, fault.amount, fault.for_s)
        getattr(self, "_" + fault.trouble.replace(" ", "_"))(fault)

    def _later(self, fault: Fault, action: Callable[[], object]) -> None:
        self.outside.loop.call_later(fault.for_s, action)

    def _kill(self, fault: Fault) -> None:
        process = self.processes[fault.victim]
        process.machine.deaths.append(partial(self._later, fault, process.start))
        process.machine.kill_after(int(fault.amount))

    def _kill_in_call(self, fault: Fault) -> None:
        process = self.processes[fault.victim]
        process.machine.deaths.append(partial(self._later, fault, process.start))
        process.machine.kill_in_call(fault.what, int(fault.amount))

    def _stop(self, fault: Fault) -> None:
        hub = self.processes[fault.victim].hub
        if hub is not None:
            hub.stop.set()

    def _pause(self, fault: Fault) -> None:
        machine = self.processes[fault.victim].machine
        now = self.outside.time.now
        self.pauses.append((fault.victim, now, now + fault.for_s))
        machine.loop.pause()
        self._later(fault, machine.loop.resume)

    def _clock(self, fault: Fault) -> None:
        machine = self.processes[fault.victim].machine
        machine.skew_s = fault.amount

    def _cut(self, fault: Fault) -> None:
        link = self.processes[fault.victim].link
        if link is not None:
            link.cut()
            self._later(fault, link.reconnect)

    def _journal_away(self, fault: Fault) -> None:
        away = self.server.away
        away[fault.victim] = away.get(fault.victim, 0) + 1
        self._later(fault, lambda: away.update({fault.victim: away[fault.victim] - 1}))

    def _journal_shaky(self, fault: Fault) -> None:
        shaky = self.server.shaky.setdefault(fault.victim, [])
        shaky.append(fault.amount)
        self._later(fault, partial(shaky.remove, fault.amount))

    def _broker_away(self, fault: Fault) -> None:
        self.exchange.troubles += 1
        for process in self.processes.values():
            if process.link is not None:
                process.link.cut()
        self._later(fault, self._broker_back)

    def _broker_wiped(self, fault: Fault) -> None:
        self.exchange.wipe()
        self._broker_away(fault)

    def _broker_back(self) -> None:
        self.exchange.troubles -= 1
        if self.exchange.away:
            return
        for process in self.processes.values():
            if process.link is not None:
                process.link.reconnect()

    def _broker_shaky(self, fault: Fault) -> None:
        self.exchange.shaky.append(fault.amount)
        self._later(fault, partial(self.exchange.shaky.remove, fault.amount))

    def _partner_bad(self, fault: Fault) -> None:
        ways = self.partners[fault.victim].ways
        ways.append(fault.what)
        self._later(fault, partial(ways.remove, fault.what))

    def _partner_moves(self, fault: Fault) -> None:
        partner = self.partners[fault.victim]
        if partner.url:
            partner.url = f"sim://{partner.code}/{self.outside.time.now:.0f}"
            self._later(fault, self._mend)

    def _partner_pulls(self, fault: Fault) -> None:
        if fault.victim not in self._pulling:
            self._pulling.add(fault.victim)
            self._mend()
            self._reads(fault.victim)

    def _maintenance(self, fault: Fault) -> None:
        now_s = self.outside.time.now
        if any(name == fault.victim and end_s > now_s for name, _, end_s in self.quiet):
            return
        self.quiet.append((fault.victim, now_s, now_s + fault.for_s))
        until = self._now(fault.for_s) if fault.amount else None
        hold = begun(fault.victim, until, "bảo trì", self._now())
        self.server.perform("change_hold", (fault.victim, lambda _: hold, self._now()))
        if until is None:
            self._later(fault, partial(self._end_maintenance, fault.victim))

    def _end_maintenance(self, name: str) -> None:
        now = self._now()
        self.server.perform("change_hold", (name, lambda hold: ended(hold, now), now))

    def _replay(self, fault: Fault) -> None:
        self._replay_dead(fault.amount or None)

    def _replay_dead(self, rate_per_s: float | None) -> bool:
        """Whether there is anything to replay."""
        now, which = self._now(), replay.DeadLetterFilter()
        count = self.server.perform("count_dead_letters", (which, now))
        self.outside.note("operator", "replay", count.letters, count.expired)
        if count.letters == count.expired:
            return False
        job = replay.begun(which, "vận hành", rate_per_s, count.letters, now)
        self.server.perform("start_replay", (job,))
        return True

    def _mend(self) -> None:
        self.server.perform("change_agencies", (mended(self.partners, self._pulling),))

    def _make_peace(self) -> None:
        self.outside.note("chance", "peace")
        self.outside.peace = True
        for process in self.processes.values():
            process.machine.recover()
            process.start()
            if process.link is not None:
                process.link.reconnect()
        self._mend()
        now_s = self.outside.time.now
        for name, _, end_s in self.quiet:
            if end_s > now_s:
                self._end_maintenance(name)
        self.quiet = [(name, start_s, min(end_s, now_s)) for name, start_s, end_s in self.quiet]

    # who asks

    async def ask(self, role: str, request: Callable[[Hub], Awaitable[T]]) -> T:
        """One request to one of the processes with that role. Raises NoAnswer, or what the hub raised."""
        outside = self.outside
        process = outside.chance.choice([one for one in self.processes.values() if role in one.roles])
        if process.hub is None:
            await asyncio.sleep(0.01)
            raise NoAnswer("connection refused")
        answer: asyncio.Future[T] = outside.loop.create_future()
        process.calls[answer] = outside.loop
        process.machine.loop.call_later(outside.latency_s(), self._begin, process, process.hub, request, answer)
        await asyncio.wait((answer,), timeout=_ANSWER_S)
        process.calls.pop(answer, None)
        if not answer.done():
            answer.cancel()
            raise NoAnswer("no answer in time")
        return answer.result()

    def _begin(self, process: Process, hub: Hub, request: Callable[[Hub], Awaitable[T]], answer: asyncio.Future[T]) -> None:
        process.machine.loop.create_task(self._serve(hub, request, answer))

    async def _serve(self, hub: Hub, request: Callable[[Hub], Awaitable[T]], answer: asyncio.Future[T]) -> None:
        back_s = self.outside.latency_s()
        try:
            result = await request(hub)
        except Exception as error:  # noqa: BLE001 - the caller's to handle
            self.outside.loop.call_later(back_s, _fail, answer, error)
        else:
            self.outside.loop.call_later(back_s, _succeed, answer, result)

    def _reads(self, code: str) -> None:
        reader = Reader(self, self.partners[code].code, self.partners[code])  # type: ignore[arg-type]
        self._readers[code] = self.outside.loop.create_task(reader.run())

    def _now(self, later_s: float = 0.0) -> datetime:
        return EPOCH + timedelta(seconds=self.outside.time.now + later_s)


class _NoBlobs:
    """Nothing is attached here."""

    async def sweep_uploads(self, older_than: object) -> int:
        return 0


def _succeed(answer: asyncio.Future[Any], result: Any) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
