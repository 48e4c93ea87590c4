"""Places in foreign feeds, and who reads on from there."""

from datetime import datetime
from typing import Protocol

from contracts.agency import AgencyCode


class Marks(Protocol):
    """Texts by (agency, name). They are no evidence: a mark that is lost makes things come again, which is harmless."""

    async def mark(self, agency: AgencyCode, name: str) -> str:
        """ "" where nothing was kept."""
        ...

    async def set_mark(self, agency: AgencyCode, name: str, value: str) -> None: ...

    async def claim_mark(self, agency: AgencyCode, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """`holder` alone has it until `until`, longer if it claims it again. False: another one has it now. To give it up, claim
        it until `now`."""
        ...
