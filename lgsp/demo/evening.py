"""After the day: one commune's mailbox is left to visitors, and one more case puts something into it.

The systems empty every mailbox as soon as something comes in, so whoever looks in later would never see one that
holds anything.
"""

import random
import secrets
from dataclasses import replace
from datetime import UTC, date, datetime

from contracts.receipt import Receipt
from lgsp.demo.day import PlannedMessage, case_messages, plan_day
from lgsp.demo.procedures import FIELDS
from lgsp.demo.province import Province
from lgsp.demo.sandbox import Sandbox, visitors_mailbox
from lgsp.demo.senders import octets_of
from lgsp.demo.systems import Systems

_SEQUENCE = "9001"  # of the commune's cases of the day; nobody has so many


async def leave_something(systems: Systems, sandbox: Sandbox, province: Province, day: date) -> list[Receipt]:
    """A case of the visitors' commune goes to the deciding agency and comes back with its result; what the commune is told about
    it waits in its mailbox. Receipts in the order sent. Raises HubUnreachable."""
    commune = visitors_mailbox(sandbox)
    await systems.pullers.leave(commune)
    receipts = []
    for message in evening_case(province, commune, day):
        reply = await systems.hubs[message.sender].send(octets_of(message, datetime.now(UTC), systems.seals))
        if isinstance(reply, Receipt):  # a hub that refuses has been found out by the checks of the day
            receipts.append(reply)
    return receipts


def evening_case(province: Province, commune: str, day: date) -> tuple[PlannedMessage, ...]:
    """File, progress and result, without the post, under a number of the commune's own and ids that were never used."""
    seed = secrets.randbits(64)
    cases = plan_day(len(FIELDS), seed=seed, day=day, province=province).cases  # fields come in equal parts: one of each
    case = replace(
        next(case for case in cases if case.field.decides),
        commune=commune,
        number=f"{commune}-{day:%y%m%d}-{_SEQUENCE}",
        item_in=None,
        item_out=None,
        is_onward=False,
        is_supplemented=False,
    )
    messages = tuple(case_messages(case, province, random.Random(seed), 1.0))  # noqa: S311 - ids of a demo, no secrets
    result = next(place for place, message in enumerate(messages) if message.kind == "case.result/1")
    return messages[: result + 1]
