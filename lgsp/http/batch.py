"""POST /v1/envelopes:batch: NDJSON in, NDJSON out, one line for one line, as a stream in both directions."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.receipt import Receipt, Refusal
from contracts.wire import WireEnvelope
from lgsp.core.directory import Agency
from lgsp.flow.intake import Intake
from lgsp.http.answers import encode, streaming_headers
from lgsp.http.envelopes import envelope_limit_bytes, from_json
from lgsp.http.problems import refusal_of, unforeseen
from lgsp.http.reading import check_plain, check_type, paced
from lgsp.http.routes import Answer, Body, Lines, Route
from lgsp.http.services import Services
from lgsp.http.trace import TRACE, Trace
from lgsp.log import get_logger

log = get_logger()

NDJSON = "application/x-ndjson"
_SPELLINGS = (NDJSON, "application/ndjson", "application/jsonl", "application/x-jsonlines")
_WRITE_BYTES = 64 * 1024


class BatchLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the answer: exactly one of the two. `duplicate`: these bytes were accepted before."""

    receipt: Receipt | None = None
    refusal: Refusal | None = None
    duplicate: bool = False


class Batches:
    """Lines are taken as they arrive and submitted side by side, so that one commit takes many of them.

    Reading never waits for writing: a caller that sends everything before it reads anything is not left hanging. What this
    holds in memory is bounded by the limits of a batch.
    """

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._intake: Intake = services.intake
        self._line_bytes = envelope_limit_bytes(settings.max_body_bytes)
        self._max_bytes = settings.max_batch_bytes
        self._max_lines = settings.max_batch_envelopes
        self._window = min(settings.commit_batch, settings.intake_capacity)

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
                    f" alone. At most {self._max_lines} lines and {self._max_bytes} bytes; what is beyond is refused in one last"
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
        response = web.StreamResponse(headers=streaming_headers(request, NDJSON))
        await response.prepare(request)
        answers: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_write(response, answers))
            await self._read(request, caller, answers, tasks)
            answers.put_nowait(None)
        await response.write_eof()
        return response

    async def _read(
        self, request: web.Request, caller: Agency, answers: "asyncio.Queue[asyncio.Task[bytes] | None]", tasks: asyncio.TaskGroup
    ) -> None:
        room = asyncio.Semaphore(self._window)
        trace = request[TRACE]
        try:
            count = 0
            async for line in self._lines(request):
                count += 1
                if count > self._max_lines:
                    raise ContractError("request.too_large", "", f"more than {self._max_lines} lines")
                await room.acquire()
                task = tasks.create_task(self._submit(line, trace, caller))
                task.add_done_callback(lambda _: room.release())
                answers.put_nowait(task)
                if b'"attachments"' in line:  # its admission asks the journal: the lines behind it must not overtake it
                    await asyncio.wait((task,))
        except (ContractError, web.RequestPayloadError) as error:
            answers.put_nowait(tasks.create_task(_refused(error)))
        except ConnectionError:
            pass  # the caller is gone; what it sent in whole lines is submitted, and a resend gets the same receipts

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

    async def _submit(self, line: bytes, trace: Trace, caller: Agency) -> bytes:
        """The line of the answer. Never raises: what goes wrong with one line is said in its line."""
        envelope: Envelope | None = None
        try:
            envelope = from_json(line, trace)
            answer = await self._intake.submit(envelope, caller)
        except Exception as error:  # one line must not end the others
            message_id, sender = (envelope.message_id, envelope.sender) if envelope is not None else (None, None)
            refusal = refusal_of(error, message_id, sender)
            if refusal is None:
                log.error("error.unexpected", component="batch", message_id=message_id, exc_info=error)
                refusal = unforeseen(message_id, sender)
            return _line(BatchLine(refusal=refusal))
        return _line(BatchLine(receipt=answer.receipt, duplicate=not answer.fresh))


def _line(line: BatchLine) -> bytes:
    return encode(line) + b"\n"


async def _refused(error: Exception) -> bytes:
    return _line(BatchLine(refusal=refusal_of(error)))


async def _write(response: web.StreamResponse, answers: "asyncio.Queue[asyncio.Task[bytes] | None]") -> None:
    """Answers in the order of the lines; several at once where they are ready."""
    buffer = bytearray()

    async def flush() -> None:
        if buffer:
            await response.write(bytes(buffer))
            buffer.clear()

    try:
        while True:
            if answers.empty() or len(buffer) >= _WRITE_BYTES:
                await flush()
            task = await answers.get()
            if task is None:
                break
            if not task.done():
                await flush()
            buffer += await task
        await flush()
    except ConnectionError:
        pass  # nobody reads any more; the submissions under way come to their end all the same
