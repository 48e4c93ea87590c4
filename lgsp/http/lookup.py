"""Finding the envelope that a request names, for those who may know of it."""

from collections.abc import Callable

from aiohttp import web

from contracts.agency import AgencyCode, agency_code
from contracts.errors import ContractError
from contracts.text import is_plain_token
from lgsp.core.directory import Agency
from lgsp.http.parties import is_operator, is_party, is_sender
from lgsp.http.services import Services
from lgsp.ports import EnvelopeRecord

PATH = "/v1/envelopes/{sender}/{message_id}"
PATHS = {"sender": "code of the sender", "message_id": "id that the sender chose, percent-encoded"}


class Lookup:
    def __init__(self, services: Services) -> None:
        self._records = services.records
        self._directory = services.directory
        self._clock = services.clock

    async def of_party(self, request: web.Request, caller: Agency) -> EnvelopeRecord:
        """Raises ContractError "access.not_a_party" also for what does not exist: who may not see it, learns nothing."""
        return await self._found(request, lambda record: is_party(record, caller, self._directory.current))

    async def of_party_or_operator(self, request: web.Request, caller: Agency) -> EnvelopeRecord:
        """As `of_party`; the hub's own people see all."""
        return await self._found(request, lambda record: is_operator(caller) or is_party(record, caller, self._directory.current))

    async def _found(self, request: web.Request, may_see: Callable[[EnvelopeRecord], bool]) -> EnvelopeRecord:
        sender, message_id = request.match_info["sender"], request.match_info["message_id"]
        for code in self._codes(sender) if is_plain_token(message_id, 128) else ():
            record = await self._records.envelope(code, message_id)
            if record is not None and may_see(record):
                return record
        raise ContractError("access.not_a_party", "message_id")

    async def of_sender(self, request: web.Request, caller: Agency) -> EnvelopeRecord:
        """As `of_party`, but recipients are none of those who may know."""
        record = await self.of_party(request, caller)
        if not is_sender(record, caller, self._directory.current):
            raise ContractError("access.not_a_party", "message_id", "this belongs to the sender")
        return record

    def _codes(self, sender: str) -> tuple[AgencyCode, ...]:
        """As written, then the directory's own code for it."""
        try:
            code = agency_code(sender)
        except ContractError:
            return ()
        known = self._directory.current.known_as(code, self._clock().date())
        return (code,) if known is None or known.code == code else (code, known.code)
