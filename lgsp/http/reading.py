"""Reading what callers send: with a limit before work, a pace they must keep, and a field named in every refusal."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from aiohttp import web

from contracts.errors import ContractError, what_and_where

# A body must keep this pace after a start: 64 kbit/s, far below any line in use, ends those who hold connections open on purpose.
_GRACE_S = 30.0
_MIN_BYTES_PER_S = 8 * 1024

RECEIVED = web.RequestKey("received", bytes)  # the whole body of this request, once it was read

MAX_ID = 2**63 - 1  # of the journal's integers
PLAIN_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"  # control characters but tab and line ends: what journals cannot keep

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A parameter of the query string. `schema` both reads it and describes it in the OpenAPI document."""

    name: str
    schema: Any
    default: T
    description: str

    def read(self, request: web.Request) -> T:
        """Raises ContractError "request.field_invalid" naming the parameter."""
        texts = request.query.getall(self.name, None)
        if texts is None:
            return self.default
        if len(texts) > 1:
            raise ContractError("request.field_invalid", self.name, "stands twice")
        try:
            value: T = msgspec.convert(texts[0], self.schema, strict=False)
        except msgspec.ValidationError as error:
            raise ContractError("request.field_invalid", self.name, str(error)) from None
        return value


async def read_body(request: web.Request, limit_bytes: int) -> bytes:
    """The whole body, at most `limit_bytes`.

    Raises ContractError "request.too_large", "request.timeout" or "request.media_type_unsupported" (a content coding).
    """
    check_plain(request)
    length = request.content_length
    if length is not None and length > limit_bytes:
        raise too_large(length, limit_bytes)
    payload = request.content
    if payload.is_eof():
        octets: bytes = payload.read_nowait()
        if len(octets) > limit_bytes:
            raise too_large(len(octets), limit_bytes)
        request[RECEIVED] = octets
        return octets
    chunks: list[bytes] = []
    total = 0
    async for chunk in paced(request):
        total += len(chunk)
        if total > limit_bytes:
            raise too_large(total, limit_bytes)
        chunks.append(chunk)
    octets = request[RECEIVED] = b"".join(chunks)
    return octets


async def paced(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises ContractError "request.timeout" when it comes slower than the pace, ConnectionError when
    the caller is gone, aiohttp.web.RequestPayloadError when its framing is broken."""
    payload = request.content
    start = asyncio.get_running_loop().time()
    total = 0
    while not payload.at_eof():
        try:
            async with asyncio.timeout_at(start + _GRACE_S + total / _MIN_BYTES_PER_S):
                chunk = await payload.readany()
        except TimeoutError:
            raise ContractError(
                "request.timeout", "", f"{total} bytes in {asyncio.get_running_loop().time() - start:.0f} s"
            ) from None
        if chunk:
            total += len(chunk)
            yield chunk


def check_plain(request: web.Request) -> None:
    """Bodies come without content coding: what is signed and counted is what was sent."""
    coding = request.headers.get("Content-Encoding")
    if coding is not None and coding.strip().lower() != "identity":
        raise ContractError("request.media_type_unsupported", "Content-Encoding", "send the body without content coding")


def check_type(request: web.Request, *allowed: str) -> None:
    """Raises ContractError "request.media_type_unsupported" naming what would do."""
    if request.headers.get("Content-Type") is None or request.content_type not in allowed:
        raise ContractError("request.media_type_unsupported", "Content-Type", f"send {' or '.join(allowed)}")


def too_large(size_bytes: int, limit_bytes: int) -> ContractError:
    return ContractError("request.too_large", "", f"{size_bytes} bytes or more, {limit_bytes} allowed")


def decoded(octets: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """A JSON body. Raises ContractError "request.malformed" or "request.field_invalid" with a JSON pointer."""
    try:
        return decoder.decode(octets)
    except msgspec.ValidationError as error:
        detail, field = what_and_where(error)
        raise ContractError("request.field_invalid", field, detail) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError("request.malformed", "", str(error)[:200]) from None
