"""POST /v1/envelopes:batch: NDJSON in, NDJSON out, one line for one line, as a stream in both directions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
from aiohttp import web

from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.receipt import Receipt, Refusal
from contracts.wire import WireEnvelope
from lgsp.core.directory import Agency
from lgsp.core.fairness import cost_of
from lgsp.errors import Overloaded, Unavailable
from lgsp.flow.intake import Answer as Accepted
from lgsp.flow.intake import Intake, Outcome
from lgsp.http.answers import encode, streaming_headers
from lgsp.http.envelopes import envelope_limit_bytes, from_json
from lgsp.http.problems import refusal_of, unforeseen
from lgsp.http.reading import check_plain, check_type, paced
from lgsp.http.routes import Answer, Body, Lines, Route
from lgsp.http.services import Services
from lgsp.http.trace import NOTES, TRACE, Trace
from lgsp.log import get_logger

log = get_logger()

NDJSON = "application/x-ndjson"
_AT_ONCE = 8  # batches of one sender that are read at once; with more of them its own do not get through faster
_PATIENCE_S = 10.0  # of a batch that waits for its turn
_SPELLINGS = (NDJSON, "application/ndjson", "application/jsonl", "application/x-jsonlines")


class Line(NamedTuple):
    """What stands in a line, or why it cannot be read; and the line itself, whose digest stands in what a refusal says."""

    read: Envelope | Exception
    octets: bytes | None = None


class BatchLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the answer: exactly one of the first two. `duplicate`: these bytes were accepted before. `retry_after_s`: this
    line and those behind it were not taken over; the same bytes may come again after so many seconds. `signed`: the refusal as
    the hub signed it, a compact JWS."""

    receipt: Receipt | None = None
    refusal: Refusal | None = None
    duplicate: bool = False
    retry_after_s: int | None = None
    signed: str | None = None


class Batches:
    """Lines are read while those before them are being taken over; all that has arrived by then goes into the next transaction.

    A caller resends what was answered with a retryable refusal, and it must not find itself overtaken by later lines of the
    same case: so the lines are taken over in their order, and behind such a refusal nothing more of the batch is.

    Reading never waits for writing: a caller that sends everything before it reads anything is not left hanging. What this
    holds in memory is bounded by the limits of a batch, and by how many batches of one sender are read at once; the others wait
    unread, which costs next to nothing, so that however many one sender begins, nobody else is slowed down by reading them.
    """

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._intake: Intake = services.intake
        self._signed = services.signed
        self._line_bytes = envelope_limit_bytes(settings.max_body_bytes)
        self._max_bytes = settings.max_batch_bytes
        self._max_lines = settings.max_batch_envelopes
        self._window = services.intake.portion
        self._turns: dict[str, asyncio.Semaphore] = {}  # by sender

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path="/v1/envelopes:batch",
                name="sendBatch",
                tag="Sending",
                summary="Hand over many envelopes, one JSON document a line",
                description=(
                    "One line comes back for each line, in the same order: a receipt or a refusal. A broken line is refused"
                    " alone. From the line on for which there is no room (`hub.overloaded`) or no quota left (`quota.exceeded`)"
                    " the lines say `retry_after_s`: nothing of them was taken over, and they come again in their order."
                    f" At most {self._max_lines} lines and {self._max_bytes} bytes; what is beyond is refused in one last"
                    " line and not read."
                ),
                agency=self.post,
                body=Body(media={NDJSON: Lines(WireEnvelope)}, description="One envelope a line"),
                answers={200: Answer(description="One line for each line", media={NDJSON: Lines(BatchLine)})},
                refusals=("request.media_type_unsupported", "request.too_large"),
            ),
        )

    async def post(self, request: web.Request, caller: Agency) -> web.StreamResponse:
        check_type(request, *_SPELLINGS)
        check_plain(request)
        if (request.content_length or 0) > self._max_bytes:
            raise ContractError("request.too_large", "", f"{request.content_length} bytes, {self._max_bytes} allowed")
        async with self._turn(caller):
            return await self._answered(request, caller)

    @asynccontextmanager
    async def _turn(self, caller: Agency) -> AsyncIterator[None]:
        """Raises Overloaded when others of the sender's batches take too long."""
        turns = self._turns.setdefault(caller.code, asyncio.Semaphore(_AT_ONCE))
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await turns.acquire()
        except TimeoutError:
            raise Overloaded(f"{_AT_ONCE} batches of {caller.code} are being read") from None
        try:
            yield
        finally:
            turns.release()

    async def _answered(self, request: web.Request, caller: Agency) -> web.StreamResponse:
        response = web.StreamResponse(headers=streaming_headers(request, NDJSON))
        await response.prepare(request)
        lines: asyncio.Queue[Line | None] = asyncio.Queue(self._window)
        answers: asyncio.Queue[bytes | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(request, lines))
            tasks.create_task(_write(response, answers))
            await self._take_over(lines, answers, caller, request[NOTES])
        await response.write_eof()
        return response

    async def _read(self, request: web.Request, lines: "asyncio.Queue[Line | None]") -> None:
        trace = request[TRACE]
        try:
            count = 0
            async for octets in self._lines(request):
                count += 1
                if count > self._max_lines:
                    raise ContractError("request.too_large", "", f"more than {self._max_lines} lines")
                await lines.put(_read_line(octets, trace))
        except (ContractError, web.RequestPayloadError) as error:
            await lines.put(Line(error))
        except ConnectionError:
            pass  # the caller is gone; what it sent in whole lines is taken over, and a resend gets the same receipts
        await lines.put(None)

    async def _take_over(
        self,
        lines: "asyncio.Queue[Line | None]",
        answers: "asyncio.Queue[bytes | None]",
        caller: Agency,
        notes: dict[str, object],
    ) -> None:
        failure: Exception | None = None
        count, more = 0, True
        while more:
            chunk = [await lines.get()]
            left = self._window - _cost(chunk[0])
            while left > 0 and not lines.empty():
                chunk.append(lines.get_nowait())
                left -= _cost(chunk[-1])
            more = chunk[-1] is not None
            outcomes = await self._outcomes([line for line in chunk if line is not None], caller, failure)
            answers.put_nowait(await self._answers(outcomes, caller))
            if failure is None and (failure := _first_failure(outcomes)) is not None:
                notes["code"] = (refusal_of(failure) or unforeseen()).code
            _report(caller, [outcome for _, outcome in outcomes])
            count += len(outcomes)
        answers.put_nowait(None)
        notes["envelopes"] = count

    async def _outcomes(self, lines: list[Line], caller: Agency, failure: Exception | None) -> list[tuple[Line, Outcome]]:
        """`failure`: why an earlier line was not taken over; then none of these is."""
        envelopes = [line.read for line in lines if isinstance(line.read, Envelope)]
        taken = iter([failure] * len(envelopes) if failure is not None else await self._intake.submit_many(envelopes, caller))
        return [(line, next(taken) if isinstance(line.read, Envelope) else line.read) for line in lines]

    async def _answers(self, outcomes: list[tuple[Line, Outcome]], caller: Agency) -> bytes:
        """A line for each; refusals go on record together."""
        wrong = [(line, one) for line, one in outcomes if isinstance(one, Exception)]
        refused = iter(await asyncio.gather(*(self._refused(line, one, caller) for line, one in wrong)))
        return b"".join(next(refused) if isinstance(one, Exception) else _accepted(one) for _, one in outcomes)

    async def _refused(self, line: Line, outcome: Exception, caller: Agency) -> bytes:
        """What goes wrong with one line is said in its line."""
        message_id, sender = (line.read.message_id, line.read.sender) if isinstance(line.read, Envelope) else (None, None)
        refusal = refusal_of(outcome, message_id, sender) or unforeseen(message_id, sender)
        if isinstance(outcome, Unavailable):
            return encode(BatchLine(refusal=refusal, retry_after_s=outcome.retry_after_s)) + b"\n"
        refusal, signed = await self._signed.refusal(refusal, caller.code, line.octets)
        return encode(BatchLine(refusal=refusal, signed=signed)) + b"\n"

    async def _lines(self, request: web.Request) -> AsyncIterator[bytes]:
        """Lines without their ends; empty ones are skipped. Raises ContractError "request.too_large" or "request.timeout"."""
        rest = bytearray()
        total = 0
        async for chunk in paced(request):
            total += len(chunk)
            if total > self._max_bytes:
                raise ContractError("request.too_large", "", f"more than {self._max_bytes} bytes")
            *whole, last = chunk.split(b"\n")
            for piece in whole:
                line = bytes(rest) + piece
                rest.clear()
                if line.strip():
                    yield line
            rest += last
            if len(rest) > self._line_bytes:
                raise ContractError("request.too_large", "", f"a line of more than {self._line_bytes} bytes")
        if rest.strip():
            yield bytes(rest)


def _accepted(answer: Accepted) -> bytes:
    return encode(BatchLine(receipt=answer.receipt, duplicate=not answer.fresh)) + b"\n"


def _cost(line: Line | None) -> int:
    return cost_of(line.read) if line is not None and isinstance(line.read, Envelope) else 1


def _read_line(octets: bytes, trace: Trace) -> Line:
    try:
        return Line(from_json(octets, trace), octets)
    except Exception as error:  # one line must not end the others
        if refusal_of(error) is None:
            log.error("error.unexpected", component="batch", exc_info=error)
        return Line(error, octets)


def _first_failure(outcomes: list[tuple[Line, Outcome]]) -> Exception | None:
    """Why lines were not taken over though nothing is wrong with them. A bug is logged here, once for all of them."""
    for line, outcome in outcomes:
        if isinstance(line.read, Envelope) and isinstance(outcome, Exception) and not isinstance(outcome, ContractError):
            if refusal_of(outcome) is None:
                log.error("error.unexpected", component="batch", message_id=line.read.message_id, exc_info=outcome)
            return outcome
    return None


def _report(caller: Agency, outcomes: list[Outcome]) -> None:
    """One line for all that was taken over together: which envelopes the hub accepted stands in its log."""
    receipts = [one.receipt for one in outcomes if not isinstance(one, Exception) and one.fresh]
    resent = sum(not isinstance(one, Exception) and not one.fresh for one in outcomes)
    if receipts or resent:
        log.info(
            "batch.committed",
            sender=caller.code,
            envelopes=len(receipts),
            message_ids=[receipt.message_id for receipt in receipts],
            sequence=receipts[0].sequence if receipts else None,
            resent=resent,
            refused=len(outcomes) - len(receipts) - resent,
        )


async def _write(response: web.StreamResponse, answers: "asyncio.Queue[bytes | None]") -> None:
    try:
        while (octets := await answers.get()) is not None:
            await response.write(octets)
    except ConnectionError:
        pass  # nobody reads any more; what is under way comes to its end all the same
