"""What the sender is told of an ending: `core.notices` with the directory and the clock of this process."""

from collections.abc import Callable
from datetime import datetime

from contracts.adapter import Parcel
from lgsp.core.admission import Admitted
from lgsp.core.notices import NoticeRules, notice_of
from lgsp.core.retry import Verdict
from lgsp.flow.directory import DirectoryCache
from lgsp.log import get_logger
from lgsp.ports import Work

log = get_logger()


class Notices:
    def __init__(self, directory: DirectoryCache, rules: NoticeRules, clock: Callable[[], datetime]) -> None:
        self._directory = directory
        self._rules = rules
        self._clock = clock

    def about(self, work: Work, verdict: Verdict) -> Admitted | None:
        """The notice for the settlement that ends this delivery; None when its sender does not want one, or for a copy, which is
        none of the sender's business. Reads no body."""
        if work.copy:
            return None
        rules = (self._directory.current, self._rules, self._clock())
        try:
            return notice_of(parcel_of(work), work.attempt, work.replays, verdict, *rules)
        except Exception as error:
            log.error("error.unexpected", component="notices", delivery_id=work.delivery_id, exc_info=error)
            return None


def parcel_of(work: Work) -> Parcel:
    """The delivery as adapters and notices see it."""
    return Parcel(
        delivery_id=work.delivery_id,
        attempt=work.tries,
        recipient=work.recipient,
        addressed_as=work.addressed_as,
        sequence=work.sequence,
        envelope=work.envelope,
        order_key=work.order_key,
        identifiers=work.identifiers,
        number=work.number,
    )
