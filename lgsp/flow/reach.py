"""Reaching recipients: so many attempts at once in this process, so many at one recipient, and the adapter that speaks to it."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping

from contracts.adapter import DeliveryAdapter, Endpoint, Parcel
from contracts.outcome import Outcome, Retry
from lgsp import metrics
from lgsp.flow.lines import Line
from lgsp.flow.turnstile import Turnstile
from lgsp.log import get_logger

log = get_logger()

_RESERVE = 8  # of so many slots of the process one is kept for what is urgent
_QUICK_S = 1.0
_OVERTIME_S = 10.0  # an adapter that does not keep to its time-out would keep a place of its recipient's for ever


class Reach:
    """At most `concurrency` attempts at once, at most `endpoint.max_in_flight` of them at one recipient.

    An attempt that lasts longer than _QUICK_S counts no more against `concurrency`: most likely it hangs, which costs next to
    nothing, and where a whole network is gone many of them would keep the others out until their time-outs. There are never
    more in all than the dispatcher holds.
    """

    def __init__(self, adapters: Mapping[str, DeliveryAdapter], *, concurrency: int) -> None:
        self._adapters = adapters
        self._concurrency = concurrency
        self._slots = Turnstile(reserve=concurrency // _RESERVE)
        self._lines: defaultdict[str, Line] = defaultdict(Line)

    async def ask(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        """What came of it. Raises PutOff when the recipient's line is too long."""
        priority = parcel.envelope.priority
        line = self._lines[parcel.recipient]
        async with line.turn(endpoint.max_in_flight, priority), self._slots.turn(self._concurrency, priority, _QUICK_S):
            with metrics.ATTEMPTS_RUNNING.track_inprogress(), metrics.ATTEMPT_S.time():
                try:
                    async with asyncio.timeout(max(0.0, endpoint.timeout_s) + _OVERTIME_S):
                        return await self._adapters[endpoint.adapter].deliver(parcel, endpoint)
                except Exception as error:
                    component = f"adapter {endpoint.adapter}"
                    log.error("error.unexpected", component=component, delivery_id=parcel.delivery_id, exc_info=error)
                    return Retry("delivery.internal", type(error).__name__)
