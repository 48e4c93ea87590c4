"""Refusals on record: who was refused what, and when, as entries of the log, many in one transaction.

A refusal is given whether or not it could be written down: the log's trouble is not the caller's. Then it leaves without a proof.
"""

import asyncio
from collections.abc import Sequence

from contracts.receipt import LogEntry, Refusal
from lgsp import metrics
from lgsp.core.log.answers import refused_record
from lgsp.core.log.placed import Logged
from lgsp.core.log.record import Refused
from lgsp.core.receipts import log_entry
from lgsp.errors import Unavailable
from lgsp.flow.group import Group
from lgsp.flow.log_keeper import LogKeeper
from lgsp.log import get_logger
from lgsp.ports import LogStore

log = get_logger()

_Noted = tuple[Logged, str]  # a record, and the signed head over it; "": there is none
_PATIENCE_S = 1.0
_LINGER_S = 0.004
_AT_ONCE, _CAPACITY = 250, 2000


class RefusalLog:
    """One per process that answers."""

    def __init__(self, store: LogStore, keeper: LogKeeper, *, patience_s: float = _PATIENCE_S) -> None:
        self._store = store
        self._keeper = keeper
        self._patience_s = patience_s
        self._group: Group[Refused, _Noted] = Group(self._commit, max_batch=_AT_ONCE, capacity=_CAPACITY, linger_s=_LINGER_S)

    async def entry(self, stated: Refusal, salt: bytes) -> LogEntry | None:
        """What proves the refusal: it names its sender, its time and the digest of what was refused. `salt`: 16 bytes; it is kept
        by whom it was told to, and nowhere else. None when it could not be written down in a moment."""
        one = refused_record(stated, salt)
        try:
            async with asyncio.timeout(self._patience_s):
                ((logged, note),) = await self._group.submit((one,), one.sender)
                if note:
                    return log_entry(logged.leaf, salt, logged.place.index, logged.hashes, note)
        except (Unavailable, TimeoutError):
            pass  # the journal has said so in the log
        metrics.REFUSALS_UNPROVED.inc()
        return None

    async def _commit(self, batch: Sequence[Refused]) -> Sequence[_Noted]:
        """One head for all of them; without it they are on record all the same."""
        logged = await self._store.note(batch)
        try:
            note = await self._keeper.sign(logged[0].before, logged[0].after)
        except Unavailable as error:
            log.error("evidence.unsigned", detail=str(error))
            note = ""
        return [(one, note) for one in logged]
