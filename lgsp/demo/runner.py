"""Runs a day against a hub, as an outsider: everything it knows of the hub came over HTTP."""

import asyncio
import gc
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime

from lgsp.demo.cases import VIETNAM
from lgsp.demo.day import A_MONDAY, plan_day
from lgsp.demo.evening import leave_something
from lgsp.demo.evidence import HubBalance
from lgsp.demo.hub_client import HubUnreachable
from lgsp.demo.ledger import Ledger
from lgsp.demo.lessons import plan_lessons
from lgsp.demo.province import POST, TWO_LEVELS_SINCE, load_province
from lgsp.demo.result import DemoResult, result_of
from lgsp.demo.sandbox import Sandbox, visitors_mailbox
from lgsp.demo.show import Screen
from lgsp.demo.systems import PortTaken, Systems, open_systems

_TICK_S = 0.02  # finer than any step of the day; waking for each of 300 messages a second would cost more
_BALANCE_TRIES, _BALANCE_PAUSE_S = 20, 0.5  # a hub counts its own books now and then
_COME_BACK_S = 2.0  # long enough for the other one to find the port free
PATIENCE_S = 60.0  # a hub may be killed and started again in the middle of the day


class DemoFailed(Exception):
    """The day could not begin. `vi` and `en` say why and what to do."""

    def __init__(self, vi: str, en: str) -> None:
        self.vi = vi
        self.en = en
        super().__init__(en)


def today() -> date:
    """The day it is in Viet Nam, unless that is before there were any of these communes."""
    now = datetime.now(VIETNAM).date()
    return now if now >= TWO_LEVELS_SINCE else A_MONDAY


async def run_demo(
    sandbox: Sandbox,
    screen: Screen,
    *,
    cases: int = 2700,
    duration_s: float = 60.0,
    seed: int | None = None,
    day: date | None = None,
    patience_s: float = PATIENCE_S,
    stay: Callable[[DemoResult], None] | None = None,
) -> DemoResult:
    """One day, checked. `seed` None: another one every time, as message ids may not be used twice in one hub. Raises DemoFailed.

    `stay`: is given the result; then the systems go on answering until this is cancelled.
    """
    seed = secrets.randbelow(10**6) if seed is None else seed
    day = day or today()
    screen.say("Đang lập kế hoạch trong ngày ...", "Planning the day ...")
    province = load_province()
    plan = await asyncio.to_thread(plan_day, cases, seed=seed, duration_s=duration_s, day=day)
    gc.freeze()  # the plan stays to the end: the collector need not walk through it again and again
    ledger = Ledger(plan, province, duration_s)
    screen.say(f"{len(sandbox.members)} hệ thống đăng nhập vào trục ...", f"{len(sandbox.members)} systems sign in ...")
    try:
        async with open_systems(sandbox, ledger, plan_lessons(plan, province), patience_s) as systems:
            trouble = await _live(ledger, systems, screen, patience_s)
            ledger.evidence.hub = await _balance(systems)
            screen.say("Đối soát với bưu điện cuối ngày ...", "The post's account of the day is reconciled ...")
            ledger.evidence.account = await systems.hubs[POST].postal_account(day)
            if vkeys := await systems.log_keys():
                screen.say("Bên gửi tự kiểm tra bằng chứng của biên nhận ...", "Senders verify the proofs in their receipts ...")
                await asyncio.to_thread(ledger.prove, vkeys)
            result = result_of(ledger, day=day, seed=seed, trouble=trouble)
            if stay is not None and not trouble:
                await leave_something(systems, sandbox, province, day)
            screen.summary(result, ledger, sandbox, stays=stay is not None and result.passed)
            if stay is not None:
                stay(result)
                ledger.visitors = lambda arrival: screen.visited(arrival, ledger)
                await systems.takeover.wait()
    except (HubUnreachable, PortTaken) as error:
        raise _failed(error, sandbox) from error
    if stay is not None:
        await _come_back(sandbox, ledger, patience_s)
    return result


async def _come_back(sandbox: Sandbox, ledger: Ledger, patience_s: float) -> None:
    """Answers again whenever the demo that took over has gone. Until cancelled."""
    while True:
        await asyncio.sleep(_COME_BACK_S)
        with suppress(HubUnreachable, PortTaken):
            unpolled = visitors_mailbox(sandbox)
            async with open_systems(sandbox, ledger, {}, patience_s, insist=False, unpolled=unpolled) as systems:
                await systems.takeover.wait()


def _failed(error: HubUnreachable | PortTaken, sandbox: Sandbox) -> DemoFailed:
    if isinstance(error, PortTaken):
        return DemoFailed(
            f"Cổng {sandbox.listen_port} của các hệ thống mô phỏng đang bị chiếm; có thể một lần chạy thử khác chưa xong.",
            f"The port of the simulated systems is taken; maybe another demo is not over yet ({error}).",
        )
    return DemoFailed(
        f"Các hệ thống không vào được trục tại {sandbox.hub_url}.", f"The systems cannot get into the hub: {error}."
    )


async def _live(ledger: Ledger, systems: Systems, screen: Screen, patience_s: float) -> str:
    """From opening until everything has arrived; returns what went wrong when it never does."""
    trouble = ""
    ledger.start()
    office = asyncio.create_task(systems.office.run())
    with screen.following(ledger):
        while not (ledger.pace.finished and office.done()) and not trouble:
            for message in ledger.pace.take(ledger.now_s):
                systems.senders.send(message)
            screen.tick(ledger)
            await asyncio.sleep(_TICK_S)
            trouble = ledger.stalled(patience_s)
        if trouble:
            office.cancel()
            await asyncio.wait({office})
        else:
            await office
            await systems.senders.drained()
            await systems.files.drained()
        ledger.end()
    return trouble


async def _balance(systems: Systems) -> HubBalance | None:
    """The hub's own account, once it has caught up."""
    balance = await systems.balance()
    for _ in range(_BALANCE_TRIES):
        if balance is None or balance.difference == 0:
            break
        await asyncio.sleep(_BALANCE_PAUSE_S)
        balance = await systems.balance()
    return balance
