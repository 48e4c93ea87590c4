"""/v1/attachments: resumable upload by tus 1.0, for files too large for a body and lines too weak for one attempt."""

import re
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta

from contracts.errors import ContractError
from lgsp.core.directory import Agency
from lgsp.http import tus
from lgsp.http.reading import check_plain, check_type, paced
from lgsp.http.routes import Answer, Body, Header, Route
from lgsp.http.services import Services
from lgsp.log import get_logger
from lgsp.ports import Upload

log = get_logger()

_UPLOAD = "/v1/attachments/uploads/{upload_id}"
_PATHS = {"upload_id": "from the Location of the creation"}
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")

_Count = Annotated[int, Meta(ge=0, le=10**18 - 1)]
_Override = Literal["PATCH", "DELETE", "HEAD"]
_Checksum = Annotated[str, Meta(pattern="^(sha1 [A-Za-z0-9+/]{27}=|sha256 [A-Za-z0-9+/]{43}=)$")]

_RESUMABLE = Header(name="Tus-Resumable", description="version of the protocol", schema=Literal["1.0.0"], required=True)
_OFFSET = Header(name="Upload-Offset", description="where this chunk begins, in bytes", schema=_Count, required=True)
_CHECKSUM = Header(name="Upload-Checksum", description="of this chunk: sha1 or sha256, a space, base64", schema=_Checksum)
_PROGRESS = {
    "Tus-Resumable": "1.0.0",
    "Upload-Offset": "bytes that are safe",
    "Lgsp-Digest": "once complete: sha256:<hex>, to be named in the envelope's attachments",
}
_CHUNK_REFUSALS = (
    "upload.version_unsupported",
    "upload.offset_mismatch",
    "upload.locked",
    "upload.checksum_mismatch",
    "attachment.too_large",
    "attachment.digest_mismatch",
    "request.malformed",
    "request.field_invalid",
    "request.media_type_unsupported",
    "request.timeout",
)


class Uploads:
    """An upload belongs to the agency that created it; for others it does not exist."""

    def __init__(self, services: Services) -> None:
        self._blobs = services.blobs
        self._records = services.records
        self._clock = services.clock
        self._max_bytes = services.settings.max_attachment_bytes

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="OPTIONS",
                path="/v1/attachments",
                name="getUploadOptions",
                tag="Attachments",
                summary="What the hub can do of tus",
                public=self.options,
                answers={
                    204: Answer(
                        description="Versions, extensions and limits",
                        headers={
                            "Tus-Version": "1.0.0",
                            "Tus-Extension": tus.EXTENSIONS,
                            "Tus-Max-Size": "bytes",
                            "Tus-Checksum-Algorithm": "sha1,sha256",
                        },
                    )
                },
            ),
            Route(
                method="POST",
                path="/v1/attachments",
                name="createUpload",
                tag="Attachments",
                summary="Begin an upload (tus creation), optionally with its first chunk",
                description='Metadata `digest` ("sha256:<hex>") is checked against what arrives.',
                agency=self.create,
                headers=(
                    _RESUMABLE,
                    Header(name="Upload-Length", description="size of the whole file in bytes", schema=_Count, required=True),
                    Header(name="Upload-Metadata", description="key and base64 value, comma separated"),
                    _CHECKSUM,
                ),
                body=Body(media={tus.CHUNK: None}, description="The first chunk", required=False),
                answers={201: Answer(description="Created", headers={"Location": "where chunks go", **_PROGRESS})},
                refusals=_CHUNK_REFUSALS,
            ),
            Route(
                method="HEAD",
                path=_UPLOAD,
                name="getUploadOffset",
                tag="Attachments",
                summary="How far an upload is",
                agency=self.head,
                paths=_PATHS,
                headers=(_RESUMABLE,),
                answers={200: Answer(description="The offset to go on from", headers={**_PROGRESS, "Upload-Length": "bytes"})},
                refusals=("upload.unknown", "upload.version_unsupported"),
            ),
            Route(
                method="PATCH",
                path=_UPLOAD,
                name="appendChunk",
                tag="Attachments",
                summary="Send a chunk",
                description="What arrived before a broken connection is kept, unless a checksum was given.",
                agency=self.patch,
                paths=_PATHS,
                headers=(_RESUMABLE, _OFFSET, _CHECKSUM),
                body=Body(media={tus.CHUNK: None}),
                answers={204: Answer(description="Taken", headers=_PROGRESS)},
                refusals=("upload.unknown", *_CHUNK_REFUSALS),
            ),
            Route(
                method="DELETE",
                path=_UPLOAD,
                name="cancelUpload",
                tag="Attachments",
                summary="Give an upload up (tus termination)",
                agency=self.delete,
                paths=_PATHS,
                headers=(_RESUMABLE,),
                answers={204: Answer(description="Gone", headers={"Tus-Resumable": "1.0.0"})},
                refusals=("upload.unknown", "upload.version_unsupported"),
            ),
            Route(
                method="POST",
                path=_UPLOAD,
                name="overrideMethod",
                tag="Attachments",
                summary="PATCH or DELETE for clients that cannot send them",
                agency=self.override,
                paths=_PATHS,
                headers=(
                    _RESUMABLE,
                    Header(name="X-HTTP-Method-Override", description="the method meant", schema=_Override, required=True),
                    Header(name="Upload-Offset", description="with PATCH: where this chunk begins", schema=_Count),
                    _CHECKSUM,
                ),
                body=Body(media={tus.CHUNK: None}, required=False),
                answers={
                    200: Answer(description="As HEAD", headers=_PROGRESS),
                    204: Answer(description="As PATCH or DELETE", headers=_PROGRESS),
                },
                refusals=("upload.unknown", *_CHUNK_REFUSALS),
            ),
        )

    async def options(self, request: web.Request) -> web.Response:
        return web.Response(
            status=204,
            headers={
                "Tus-Resumable": tus.VERSION,
                "Tus-Version": tus.VERSION,
                "Tus-Extension": tus.EXTENSIONS,
                "Tus-Max-Size": str(self._max_bytes),
                "Tus-Checksum-Algorithm": "sha1,sha256",
                "Allow": "OPTIONS, POST",
            },
        )

    async def create(self, request: web.Request, caller: Agency) -> web.Response:
        tus.check_version(request)
        if "Upload-Defer-Length" in request.headers:
            raise ContractError("request.field_invalid", "Upload-Defer-Length", "not supported: give Upload-Length")
        length_bytes = tus.count(request, "Upload-Length")
        if length_bytes > self._max_bytes:
            raise ContractError("attachment.too_large", "Upload-Length", f"{length_bytes} bytes, {self._max_bytes} allowed")
        metadata = tus.read_metadata(request.headers.get("Upload-Metadata"))
        with_chunk = request.body_exists and request.content_length != 0
        if with_chunk:
            self._check_chunk(request, 0, length_bytes)
        checksum = tus.checksum(request)
        upload = await self._blobs.create_upload(caller.code, length_bytes, metadata, self._clock())
        if with_chunk or length_bytes == 0:
            upload = await self._blobs.append(upload.upload_id, 0, paced(request), checksum)
            await self._remember(upload)
            _report(upload)
        return web.Response(
            status=201, headers={"Location": f"/v1/attachments/uploads/{upload.upload_id}", **tus.progress(upload)}
        )

    async def head(self, request: web.Request, caller: Agency) -> web.Response:
        upload = await self._own(request, caller)
        await self._remember(upload)
        headers = {**tus.progress(upload), "Upload-Length": str(upload.length_bytes)}
        if upload.metadata:
            headers["Upload-Metadata"] = tus.write_metadata(upload.metadata)
        return web.Response(headers=headers)

    async def patch(self, request: web.Request, caller: Agency) -> web.Response:
        upload = await self._own(request, caller)
        offset_bytes = tus.count(request, "Upload-Offset")
        checksum = tus.checksum(request)
        self._check_chunk(request, offset_bytes, upload.length_bytes)
        after = await self._blobs.append(upload.upload_id, offset_bytes, paced(request), checksum)
        await self._remember(after)
        _report(after)
        return web.Response(status=204, headers=tus.progress(after))

    async def delete(self, request: web.Request, caller: Agency) -> web.Response:
        upload = await self._own(request, caller)
        await self._blobs.cancel_upload(upload.upload_id)
        return web.Response(status=204, headers={"Tus-Resumable": tus.VERSION})

    async def override(self, request: web.Request, caller: Agency) -> web.Response:
        """tus core: the server has to obey X-HTTP-Method-Override."""
        match request.headers.get("X-HTTP-Method-Override", "").upper():
            case "PATCH":
                return await self.patch(request, caller)
            case "DELETE":
                return await self.delete(request, caller)
            case "HEAD":
                return await self.head(request, caller)
            case _:
                tus.check_version(request)
                raise ContractError("request.field_invalid", "X-HTTP-Method-Override", "PATCH, DELETE or HEAD")

    async def _own(self, request: web.Request, caller: Agency) -> Upload:
        tus.check_version(request)
        upload_id = request.match_info["upload_id"]
        upload = await self._blobs.upload(upload_id) if _ID.fullmatch(upload_id) else None
        if upload is None or upload.owner != caller.code:
            raise ContractError("upload.unknown", "upload_id")
        return upload

    def _check_chunk(self, request: web.Request, offset_bytes: int, length_bytes: int) -> None:
        check_type(request, tus.CHUNK)
        check_plain(request)
        if offset_bytes + (request.content_length or 0) > length_bytes:
            raise ContractError("attachment.too_large", "Upload-Offset", f"the file was announced with {length_bytes} bytes")

    async def _remember(self, upload: Upload) -> None:
        """Once complete the owner may attach the file. Repeating it is harmless, so a lost answer mends itself. A file that was
        erased since it arrived has to be uploaded anew."""
        if upload.digest is not None:
            if await self._blobs.stat(upload.digest) is None:
                await self._blobs.cancel_upload(upload.upload_id)
                raise ContractError("upload.unknown", "upload_id")
            await self._records.record_upload(upload.digest, upload.length_bytes, upload.owner, self._clock())


def _report(upload: Upload) -> None:
    if upload.digest is not None:
        log.info("blob.stored", digest=upload.digest, size_bytes=upload.length_bytes, agency=upload.owner)
