"""Calling a recipient's web service. The address comes from the directory only, never from its WSDL; nobody else is asked."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import lru_cache, partial
from weakref import WeakValueDictionary

from adapters.calling import Caller, Unanswered, deadline_in
from adapters.soap import mapping, replies
from adapters.soap.registration import MAX_FILES_BYTES, Plan, plan_of
from adapters.soap.wsdl import WsdlError, read_wsdl
from contracts.adapter import Endpoint, Files, Parcel
from contracts.errors import ContractError
from contracts.outcome import Outcome, Refused, Retry

_HEAVY_BYTES = 1 << 16  # an answer that is parsed beside the loop
_LARGE_BYTES = 1 << 20
_LARGE_AT_ONCE = 6  # messages with that much in them, being made or on their way; one for each recipient


class SoapDelivery:
    """`clock`: Unix time in seconds."""

    def __init__(self, files: Files, clock: Callable[[], float] = time.time) -> None:
        self._files, self._clock = files, clock
        self._caller = Caller()
        self._room = asyncio.Semaphore(_LARGE_AT_ONCE)
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        deadline = deadline_in(endpoint.timeout_s)
        try:
            async with asyncio.timeout_at(deadline):
                plan = await asyncio.to_thread(
                    _plan, endpoint.wsdl, tuple(sorted(endpoint.options.items())), parcel.envelope.kind
                )
            files_bytes = sum(one.size_bytes for one in parcel.envelope.attachments) if plan.wants_files else 0
            if files_bytes + len(parcel.envelope.body) < _LARGE_BYTES:
                return await self._call(plan, parcel, endpoint, deadline)
            async with self._turn(endpoint.url, deadline):
                return await self._call(plan, parcel, endpoint, deadline)
        except TimeoutError:
            return Retry("delivery.timeout", f"not under way within {endpoint.timeout_s:g} s")
        except WsdlError as error:
            return Retry("delivery.internal", f"the endpoint is registered wrongly: {error}"[:500])
        except ContractError as error:
            return Refused(error.code, f"{error.field}: {error.detail}"[:500])
        except Unanswered as trouble:
            return trouble.outcome

    async def close(self) -> None:
        await self._caller.close()

    @asynccontextmanager
    async def _turn(self, url: str, deadline: float) -> AsyncIterator[None]:
        """Of a large message: a recipient that hangs takes one place, not all. Raises TimeoutError where none was free."""
        line = self._lines.setdefault(url, asyncio.Lock())
        async with AsyncExitStack() as held:
            async with asyncio.timeout_at(deadline):
                await held.enter_async_context(line)
                await held.enter_async_context(self._room)
            yield

    async def _call(self, plan: Plan, parcel: Parcel, endpoint: Endpoint, deadline: float) -> Outcome:
        async with asyncio.timeout_at(deadline):
            files = await self._read_files(plan, parcel)
            nonce = secrets.token_bytes(16)
            request = await asyncio.to_thread(mapping.request_of, plan, parcel, files, endpoint.secret, self._clock(), nonce)
        answer = await self._caller.ask(
            "POST",
            endpoint.url,
            request.body,
            request.headers,
            deadline=deadline,
            max_answer_bytes=replies.MAX_ANSWER_BYTES,
        )
        read = partial(replies.outcome_of, answer, plan, endpoint.replies, self._clock())
        return await asyncio.to_thread(read) if len(answer.body) > _HEAVY_BYTES else read()

    async def _read_files(self, plan: Plan, parcel: Parcel) -> Mapping[str, bytes]:
        """Raises ContractError "attachment.too_large" before anything is read."""
        wanted = {one.digest: one.size_bytes for one in parcel.envelope.attachments} if plan.wants_files else {}
        if sum(wanted.values()) > MAX_FILES_BYTES:
            raise ContractError("attachment.too_large", "/attachments", f"more than {MAX_FILES_BYTES} bytes together")
        return {digest: await self._read(digest, size) for digest, size in wanted.items()}

    async def _read(self, digest: str, size_bytes: int) -> bytes:
        """Raises Unanswered where the store has another file or none: a disk that is away may come back."""
        found = bytearray()
        try:
            async for piece in self._files.read(digest):
                found += piece
                if len(found) > size_bytes:
                    break
        except ContractError as error:
            raise Unanswered(error.code, digest) from None
        if len(found) != size_bytes:
            raise Unanswered("attachment.size_mismatch", f"{digest} is not {size_bytes} bytes")
        return bytes(found)


@lru_cache(maxsize=256)
def _plan(wsdl: str, options: tuple[tuple[str, str], ...], kind: str) -> Plan:
    """Raises WsdlError, ContractError "kind.unknown"."""
    if not wsdl:
        raise WsdlError("it has no WSDL: lgsp agency endpoint CODE --wsdl FILE")
    return plan_of(read_wsdl(wsdl), dict(options), kind)
