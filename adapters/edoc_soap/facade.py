"""The hub as a SOAP bus of the e-doc generation: existing clients connect by changing endpoint and token, and nothing else."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

from lxml import etree

from adapters.edoc_soap import mapping, replies
from adapters.edoc_soap.codes import error_of, missing
from adapters.edoc_soap.names import ACTIONS
from adapters.edoc_soap.report import OK, Report, written
from adapters.edoc_soap.request import Request, credentials_of, named_action, read_request, read_without_files, version_in
from contracts.adapter import Parcel
from contracts.desk import Desk
from contracts.edxml.envelopes import DOCUMENT_KIND as DOCUMENT
from contracts.edxml.envelopes import STATUS_KIND as STATUS
from contracts.errors import ContractError
from contracts.facade import Answer, Call, Credentials, Operation
from contracts.receipt import Refusal

MAX_PENDING = 1000  # ids in one answer; more are listed once these were confirmed
MAX_TRACES = 200
# No call of this bus at all: a SOAP fault says so.
_NO_CALL = frozenset(
    {"soap.malformed", "soap.version_mismatch", "soap.must_understand", "soap.operation_unknown"}
    | {"request.media_type_unsupported"}
)
_GONE = frozenset({"delivery.recalled", "envelope.erased"})
_AT_ONCE = 4  # documents in memory on their way out, with all their files
_LARGE_BYTES = 8 * 2**20  # takes five times its size while it is converted: one at a time
_SMALL_BYTES = 8 * 1024  # such messages are read in a millisecond

_Made = TypeVar("_Made")
_XML = {"text/xml": None, "multipart/related": None}


def _operation(name: str, path: str) -> Operation:
    return Operation(
        method="POST",
        path=path,
        name=name,
        summary=f"SOAP 1.1 and 1.2 with Attachments; SOAPAction is one of {', '.join(ACTIONS)}",
        body={**_XML, "application/soap+xml": None},
        answers={200: _XML, 500: {"text/xml": None}},
        may_be_large=True,
        credentials_in_body=True,
    )


class EdocFacade:
    """Dispatches on SOAPAction. Says no as this bus does: a Report with codes, or a SOAP fault for what is no call at all."""

    name = "edoc"
    prefix = "/bus/edoc"
    operations = (_operation("edoc", ""), _operation("dynamic_service", "/services/DynamicService"))

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._converting = asyncio.Semaphore(1)

    def credentials(self, call: Call) -> Credentials:
        return credentials_of(read_without_files(call.headers, call.body))

    async def answer(self, call: Call, desk: Desk) -> Answer:
        request = await _made(call, lambda: read_request(call.headers, call.body))
        if request.organ_id and request.organ_id not in desk.caller_codes:
            raise ContractError("auth.invalid", "OrganId", "it is no code of the agency that the token belongs to")
        match request.action:
            case "SendDocument":
                return await self._send(call, request, desk)
            case "UpdateTraces":
                return await self._update_traces(request, desk)
            case "GetPendingDocumentIds":
                waiting = await desk.waiting((DOCUMENT,), 0, MAX_PENDING)
                return _reply(request, replies.document_ids(one.delivery_id for one in waiting))
            case "GetDocument":
                return await self._get_document(request, desk)
            case "ConfirmReceived":
                return await self._confirm(request, desk)
            case "GetTraces":
                return await self._traces(request, desk)
            case "CheckPermission":
                return _reply(request, written(OK))
            case "GetOrganizations":
                today = desk.now().date()
                living = [one for one in await desk.agencies() if one.closed_on is None or one.closed_on > today]
                return await asyncio.to_thread(lambda: _reply(request, replies.organizations(living)))

    def refuse(self, call: Call, refusal: Refusal, signed: str | None) -> Answer:
        version, asked_as = version_in(call.headers), named_action(call.headers)
        action = ACTIONS.get(asked_as)
        if action is None or refusal.code in _NO_CALL:
            return replies.fault(version, refusal, signed)
        return replies.refused(version, asked_as, Report(False, (error_of(refusal, action),)), refusal, signed)

    async def _send(self, call: Call, request: Request, desk: Desk) -> Answer:
        """In this order: tags, token (before we are called), message header, trace list, attachments, duplicate, store."""
        today = mapping.day_of(desk.now())

        def read() -> mapping.Sent:
            return mapping.document_sent(request.message, desk.caller, desk.caller_codes, today)

        async with self._converting if len(call.body) > _LARGE_BYTES else contextlib.nullcontext():
            sent = await _made(call, read)
        for file in sent.files:
            await desk.keep(file.octets)
        submitted = await desk.submit(sent.envelope)
        return _reply(request, written(OK), replies.document_id(submitted.receipt.sequence))

    async def _update_traces(self, request: Request, desk: Desk) -> Answer:
        record = request.content("Status")
        if record is None:
            raise missing("Status")
        await desk.submit(mapping.status_sent(record, desk.caller, desk.caller_codes, mapping.day_of(desk.now())))
        return _reply(request, written(OK))

    async def _get_document(self, request: Request, desk: Desk) -> Answer:
        parcel = await _document(request.document_id, desk)
        async with self._room:
            files = await mapping.files_of(parcel.envelope.attachments, desk.file)

            def make() -> Answer:
                return replies.document(request.message.version, mapping.document_for(parcel, files, desk.hub, desk.now()))

            return await asyncio.to_thread(make)

    async def _confirm(self, request: Request, desk: Desk) -> Answer:
        """Again is harmless; of what is not the caller's, nothing is confirmed."""
        number = request.document_id
        try:
            await _document(number, desk)
        except ContractError as error:
            if error.code not in _GONE:
                raise
        else:
            await desk.acknowledge(number)
        return _reply(request, written(OK))

    async def _traces(self, request: Request, desk: Desk) -> Answer:
        """Each once: what was acknowledged here is handed out, whatever came in the way of the others."""
        waiting = await desk.waiting((STATUS,), 0, MAX_TRACES)
        found = [(one.delivery_id, await _status(one.delivery_id, desk)) for one in waiting]
        bodies = {number: body for number, body in found if body is not None}
        records = await asyncio.to_thread(lambda: {number: mapping.record_of(body) for number, body in bodies.items()})
        done = await asyncio.gather(*(desk.acknowledge(number) for number in records), return_exceptions=True)
        handed_out = [record for record, taken in zip(records.values(), done, strict=True) if taken is True]
        trouble = [one for one in done if isinstance(one, BaseException)]
        if trouble and not handed_out:
            raise trouble[0]
        return _reply(request, replies.traces(handed_out))


async def _document(number: int, desk: Desk) -> Parcel:
    """A document that was sent to the caller. Raises ContractError "access.not_a_party" for anything else."""
    if not number:
        raise missing("DocumentId")
    parcel = await desk.fetch(number)
    if parcel.envelope.kind != DOCUMENT:
        raise ContractError("access.not_a_party", "DocumentId")
    return parcel


async def _status(number: int, desk: Desk) -> bytes | None:
    """Its body; None for one that was taken back or erased while it waited."""
    try:
        return (await desk.fetch(number)).envelope.body
    except ContractError as error:
        if error.code not in _GONE:
            raise
        return None


async def _made(call: Call, make: Callable[[], _Made]) -> _Made:
    """Beside the event loop where it takes its time."""
    return await asyncio.to_thread(make) if len(call.body) > _SMALL_BYTES else make()


def _reply(request: Request, *content: etree._Element) -> Answer:
    return replies.reply(request.message.version, request.asked_as, *content)
