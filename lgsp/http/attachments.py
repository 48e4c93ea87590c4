"""GET /v1/attachments/{digest}: a file as a stream, whole or in ranges (RFC 9110, section 14)."""

import re
from typing import NamedTuple

from aiohttp import web

from contracts.errors import ContractError
from lgsp.core.directory import Agency
from lgsp.http.answers import foreign_headers, streaming_headers
from lgsp.http.problems import ANSWER_HEADERS
from lgsp.http.routes import Answer, Header, Route
from lgsp.http.services import Services
from lgsp.ports import BlobInfo

_OCTETS = "application/octet-stream"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RANGE = re.compile(r"bytes=(?:(?P<first>\d{1,18})-(?P<last>\d{1,18})?|-(?P<tail>\d{1,18}))", re.ASCII)


class Part(NamedTuple):
    """Bytes start..end of the file, end excluded."""

    start: int
    end: int


class Attachments:
    """Open to whoever uploaded the file, and to the parties of an accepted envelope that attaches it."""

    def __init__(self, services: Services) -> None:
        self._blobs = services.blobs
        self._records = services.records

    def routes(self) -> tuple[Route, ...]:
        path = "/v1/attachments/{digest}"
        paths = {"digest": "sha256:<64 hex>, as in the envelope"}
        headers = (
            Header(name="Range", description="one range of bytes: to go on after a broken connection"),
            Header(name="If-Range", description="the ETag: send the whole file if it is another one"),
        )
        told = {"ETag": "the digest", "Accept-Ranges": "bytes", "Content-Length": "bytes"}
        return (
            Route(
                method="GET",
                path=path,
                name="fetchAttachment",
                tag="Attachments",
                summary="Fetch a file, whole or a range of it",
                agency=self.get,
                paths=paths,
                headers=headers,
                answers={
                    200: Answer(description="The file", media={_OCTETS: None}, headers=told),
                    206: Answer(
                        description="A part of the file", media={_OCTETS: None}, headers={**told, "Content-Range": "which part"}
                    ),
                },
                refusals=("access.not_a_party", "envelope.erased", "request.range_unsatisfiable"),
            ),
            Route(
                method="HEAD",
                path=path,
                name="checkAttachment",
                tag="Attachments",
                summary="Whether the hub has the file, and its size",
                agency=self.head,
                paths=paths,
                answers={200: Answer(description="It has", headers=told)},
                refusals=("access.not_a_party", "envelope.erased"),
            ),
        )

    async def head(self, request: web.Request, caller: Agency) -> web.Response:
        info = await self._info(request, caller)
        return web.Response(headers=_headers(info) | {"Content-Length": str(info.size_bytes)})

    async def get(self, request: web.Request, caller: Agency) -> web.StreamResponse:
        info = await self._info(request, caller)
        request[ANSWER_HEADERS] = {"Content-Range": f"bytes */{info.size_bytes}"}
        part = _part(request, info)
        response = web.StreamResponse(
            status=200 if part is None else 206, headers=_headers(info) | streaming_headers(request, _OCTETS)
        )
        if part is not None:
            response.headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{info.size_bytes}"
        start, end = part or Part(0, info.size_bytes)
        response.content_length = end - start
        await response.prepare(request)
        async for chunk in self._blobs.read(info.digest, start, end):
            await response.write(chunk)
        await response.write_eof()
        return response

    async def _info(self, request: web.Request, caller: Agency) -> BlobInfo:
        digest = request.match_info["digest"]
        if _DIGEST.fullmatch(digest) and await self._records.attachment_open_to(digest, caller.code):
            info = await self._blobs.stat(digest)
            if info is not None:
                return info
        if _DIGEST.fullmatch(digest) and await self._records.file_erased(digest, caller.code):
            raise ContractError("envelope.erased", "digest")
        raise ContractError("access.not_a_party", "digest")


def _headers(info: BlobInfo) -> dict[str, str]:
    return foreign_headers(_OCTETS) | {
        "ETag": f'"{info.digest}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=31536000, immutable",
    }


def _part(request: web.Request, info: BlobInfo) -> Part | None:
    """None for the whole file: no range, several ranges, or one that is not written as bytes (RFC 9110 lets us ignore those).

    Raises ContractError "request.range_unsatisfiable".
    """
    found = _RANGE.fullmatch(request.headers.get("Range", ""))
    if found is None or request.headers.get("If-Range", f'"{info.digest}"') != f'"{info.digest}"':
        return None
    if found["tail"] is not None:
        part = Part(max(0, info.size_bytes - int(found["tail"])), info.size_bytes)
    else:
        last = int(found["last"]) if found["last"] else info.size_bytes - 1
        if found["last"] and last < int(found["first"]):
            return None
        part = Part(int(found["first"]), min(last + 1, info.size_bytes))
    if part.start >= part.end:
        raise ContractError("request.range_unsatisfiable", "Range", f"the file has {info.size_bytes} bytes")
    return part
