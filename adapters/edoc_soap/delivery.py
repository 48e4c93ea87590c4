"""Handing documents and their statuses to a bus of the e-doc generation: SendDocument and UpdateTraces, SOAP with Attachments."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime

from adapters.answers import Answer
from adapters.calling import Caller, Unanswered, deadline_in
from adapters.edoc_soap import calls, mapping
from adapters.edoc_soap.calls import Call, Partner, partner_of
from adapters.edoc_soap.mapping import MAX_FILES_BYTES
from adapters.edoc_soap.names import ACTIONS
from adapters.edoc_soap.outcomes import outcome_of
from contracts.adapter import Endpoint, Files, Parcel
from contracts.edxml.envelopes import DOCUMENT_KIND, STATUS_KIND
from contracts.errors import ContractError
from contracts.outcome import Outcome, Refused, Retry

__all__ = ["MAX_FILES_BYTES", "EdocDelivery"]

_MAX_ANSWER_BYTES = 256 * 1024
_AT_ONCE = 2  # documents with large files in memory, of one bus: another that hangs is none of its business
_LARGE_BYTES = 8 * 2**20
_ENCODINGS = ("base64", "binary")
_OPTIONS = ("organ_id", "soap", "action", "to", "attachments")


class EdocDelivery:
    """`clock`: Unix time in seconds."""

    def __init__(self, files: Files, clock: Callable[[], float] = time.time) -> None:
        self._files, self._clock = files, clock
        self._caller = Caller()
        self._rooms: dict[str, asyncio.Semaphore] = {}

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        deadline = deadline_in(endpoint.timeout_s)
        try:
            partner, action = checked(endpoint)
        except ValueError as error:
            return Retry("delivery.internal", f"the endpoint is registered wrongly: {error}")
        try:
            answer = await self._answer(parcel, endpoint, partner, action, deadline)
        except TimeoutError:
            return Retry("delivery.timeout", "files could not be read in time")
        except ContractError as error:
            return Refused("delivery.refused_by_recipient", f"this bus cannot carry it: {error}"[:500])
        except Unanswered as trouble:
            return trouble.outcome
        return outcome_of(answer, self._clock(), endpoint.replies)

    async def close(self) -> None:
        await self._caller.close()

    async def _answer(self, parcel: Parcel, endpoint: Endpoint, partner: Partner, action: str, deadline: float) -> Answer:
        """Raises TimeoutError, ContractError or Unanswered. What has large files waits until others to that bus are through."""
        size = sum(one.size_bytes for one in parcel.envelope.attachments)
        async with contextlib.AsyncExitStack() as held:
            async with asyncio.timeout_at(deadline):
                if size > _LARGE_BYTES:
                    await held.enter_async_context(self._rooms.setdefault(endpoint.url, asyncio.Semaphore(_AT_ONCE)))
                call = await self._call(parcel, endpoint, partner, action)
            return await self._caller.ask(
                "POST", endpoint.url, call.body, call.headers, deadline=deadline, max_answer_bytes=_MAX_ANSWER_BYTES
            )

    async def _call(self, parcel: Parcel, endpoint: Endpoint, partner: Partner, action: str) -> Call:
        """Raises ContractError for what cannot be carried, or a file that is gone."""
        envelope = parcel.envelope
        if envelope.kind == STATUS_KIND:
            return calls.reporting(partner, mapping.record_of(envelope.body))
        if envelope.kind != DOCUMENT_KIND:
            raise ContractError("kind.unknown", "kind", f"documents and their statuses are carried, not {envelope.kind}")
        files = await mapping.files_of(envelope.attachments, self._files.read)
        now = datetime.fromtimestamp(self._clock(), UTC)
        as_binary = endpoint.options.get("attachments") == "binary"

        def make() -> Call:
            document = mapping.document_for(parcel, files, partner.organ_id, now)
            if "to" in endpoint.options:
                mapping.only_to(document.headers, (*endpoint.options["to"].split(","), parcel.addressed_as))
            return calls.sending(action, partner, document, "binary" if as_binary else "base64")

        return await asyncio.to_thread(make)


def check_endpoint(endpoint: Endpoint) -> None:
    """Raises ValueError, in words for whoever registers it."""
    checked(endpoint)


def checked(endpoint: Endpoint) -> tuple[Partner, str]:
    """As whom the hub calls there, and the action by which it sends. Raises ValueError for options that cannot be right."""
    unknown = endpoint.options.keys() - _OPTIONS
    if unknown:
        raise ValueError(f"there is no option {', '.join(sorted(unknown))}; there are {', '.join(_OPTIONS)}")
    action = endpoint.options.get("action", "SendDocument")
    if ACTIONS.get(action) != "SendDocument":
        raise ValueError("the option action is SendDocument or SendMessage")
    if endpoint.options.get("attachments", "base64") not in _ENCODINGS:
        raise ValueError("the option attachments is base64 or binary")
    return partner_of(endpoint.options, endpoint.secret), action
