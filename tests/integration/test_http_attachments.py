"""Attachments over HTTP: tus 1.0 uploads that survive broken connections, and files that only parties may fetch."""

import asyncio
import base64
import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.http_hub import COMMUNE, LAND_OFFICE, STRANGER, HttpHub, Reply, http_hub
from tests.integration.test_http_envelopes import assert_problem

TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = TUS | {"Content-Type": "application/offset+octet-stream"}
FILE = random.Random(7).randbytes(200_000)
DIGEST = "sha256:" + hashlib.sha256(FILE).hexdigest()


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as running:
        yield running


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


async def create(hub: HttpHub, length: int, **headers: str) -> str:
    reply = await hub.call("POST", "/v1/attachments", headers=TUS | {"Upload-Length": str(length)} | headers)
    assert reply.status == 201, reply.octets
    return reply.headers["Location"]


async def patch(hub: HttpHub, place: str, offset: int, octets: bytes, **headers: str) -> Reply:
    return await hub.call("PATCH", place, data=octets, headers=CHUNK | {"Upload-Offset": str(offset)} | headers)


async def offset_of(hub: HttpHub, place: str) -> int:
    reply = await hub.call("HEAD", place, headers=TUS)
    assert (reply.status, reply.headers["Cache-Control"]) == (200, "no-store")
    return int(reply.headers["Upload-Offset"])


async def upload(hub: HttpHub, octets: bytes = FILE) -> str:
    reply = await patch(hub, await create(hub, len(octets)), 0, octets)
    assert reply.status == 204, reply.octets
    return reply.headers["Lgsp-Digest"]


async def test_the_hub_says_what_it_can(hub: HttpHub) -> None:
    """OPTIONS needs neither credentials nor a version."""
    reply = await hub.call("OPTIONS", "/v1/attachments", agency=None)
    assert reply.status == 204
    assert reply.headers["Tus-Version"] == "1.0.0"
    assert {"creation", "checksum", "termination"} <= set(reply.headers["Tus-Extension"].split(","))
    assert reply.headers["Tus-Max-Size"] == str(1024 * 1024)
    assert reply.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"


async def test_a_file_in_three_chunks_is_complete_and_attachable(hub: HttpHub) -> None:
    """The last chunk is answered with the digest; an envelope may name it, its recipient may fetch it, a stranger may not."""
    place = await create(hub, len(FILE), **{"Upload-Metadata": f"filename {b64('hồ sơ.pdf'.encode())},secret"})
    for start, end in ((0, 70_000), (70_000, 140_000), (140_000, len(FILE))):
        reply = await patch(hub, place, start, FILE[start:end])
        assert (reply.status, reply.headers["Upload-Offset"]) == (204, str(end)), reply.octets
        assert reply.headers.get("Lgsp-Digest") == (DIGEST if end == len(FILE) else None)
    head = await hub.call("HEAD", place, headers=TUS)
    assert (head.headers["Upload-Length"], head.headers["Lgsp-Digest"]) == (str(len(FILE)), DIGEST)
    assert head.headers["Upload-Metadata"] == f"filename {b64('hồ sơ.pdf'.encode())},secret"
    path = f"/v1/attachments/{DIGEST}"
    assert_problem(await hub.call("GET", path, agency=LAND_OFFICE), 404, "access.not_a_party", "digest")
    sent = await hub.send(hub.envelope(attachments=[{"digest": DIGEST, "size_bytes": len(FILE), "name": "hồ sơ.pdf"}]))
    assert sent.status == 202, sent.octets
    assert (await hub.call("GET", path, agency=LAND_OFFICE)).octets == FILE
    assert_problem(await hub.call("GET", path, agency=STRANGER), 404, "access.not_a_party", "digest")


async def test_an_attachment_of_another_size_than_stated_is_refused(hub: HttpHub) -> None:
    """422 names the attachment."""
    envelope = hub.envelope(attachments=[{"digest": await upload(hub), "size_bytes": 1}])
    assert_problem(await hub.send(envelope), 422, "attachment.size_mismatch", "/attachments/0/size_bytes")


async def test_a_broken_connection_is_resumed_where_it_broke(hub: HttpHub) -> None:
    """What was written is kept; HEAD tells from where to go on; a wrong offset is refused with 409."""
    octets = random.Random(8).randbytes(1_000_000)
    place = await create(hub, len(octets))
    host, port = hub.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"PATCH {place} HTTP/1.1\r\nHost: x\r\nAuthorization: {hub.headers()['Authorization']}\r\nUpload-Offset: 0\r\n"
    head += f"Tus-Resumable: 1.0.0\r\nContent-Type: {CHUNK['Content-Type']}\r\nContent-Length: {len(octets)}\r\n\r\n"
    writer.write(head.encode() + octets[:800_000])
    blobs = hub.hub.settings.blobs_path
    async with asyncio.timeout(10):
        while max(path.stat().st_size for path in blobs.rglob("*")) < 100_000:  # noqa: ASYNC110 - the event is the file's
            await asyncio.sleep(0.02)
    assert_problem(await patch(hub, place, 0, octets[:1]), 423, "upload.locked")
    writer.close()
    async with asyncio.timeout(10):
        while (wrong := await patch(hub, place, 999_999, b"x")).status == 423:  # noqa: ASYNC110 - the end of another request
            await asyncio.sleep(0.02)
    assert_problem(wrong, 409, "upload.offset_mismatch")
    offset = await offset_of(hub, place)
    assert 0 < offset <= 800_000
    reply = await patch(hub, place, offset, octets[offset:])
    assert (reply.status, reply.headers["Lgsp-Digest"]) == (204, "sha256:" + hashlib.sha256(octets).hexdigest())


async def test_a_repeated_last_chunk_is_harmless(hub: HttpHub) -> None:
    """The answer got lost: an empty chunk at the end is answered with the digest again."""
    place = await create(hub, len(FILE))
    first = await patch(hub, place, 0, FILE)
    again = await patch(hub, place, len(FILE), b"")
    assert (again.status, again.headers["Lgsp-Digest"]) == (first.status, first.headers["Lgsp-Digest"])


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_chunk_with_a_wrong_checksum_is_thrown_away(hub: HttpHub, algorithm: str) -> None:
    """460, the offset stays; the right checksum is taken."""
    place = await create(hub, len(FILE))
    wrong = f"{algorithm} {b64(hashlib.new(algorithm, b'other').digest())}"
    assert_problem(await patch(hub, place, 0, FILE, **{"Upload-Checksum": wrong}), 460, "upload.checksum_mismatch")
    assert await offset_of(hub, place) == 0
    right = f"{algorithm} {b64(hashlib.new(algorithm, FILE).digest())}"
    assert (await patch(hub, place, 0, FILE, **{"Upload-Checksum": right})).status == 204


async def test_a_file_other_than_announced_is_refused(hub: HttpHub) -> None:
    """The digest given in the metadata is checked; the upload is gone afterwards."""
    announced = "sha256:" + "0" * 64
    place = await create(hub, len(FILE), **{"Upload-Metadata": f"digest {b64(announced.encode())}"})
    assert_problem(await patch(hub, place, 0, FILE), 422, "attachment.digest_mismatch")
    assert (await hub.call("HEAD", place, headers=TUS)).status == 404


async def test_more_than_announced_is_refused(hub: HttpHub) -> None:
    """413 by the announced length, by the hub's limit, and when the chunk does not say its size."""
    place = await create(hub, 10)
    assert_problem(await patch(hub, place, 0, b"x" * 11), 413, "attachment.too_large")

    async def unannounced() -> AsyncIterator[bytes]:
        yield b"x" * 11

    reply = await hub.call("PATCH", place, data=unannounced(), headers=CHUNK | {"Upload-Offset": "0"})
    assert_problem(reply, 413, "attachment.too_large")
    reply = await hub.call("POST", "/v1/attachments", headers=TUS | {"Upload-Length": str(1024 * 1024 + 1)})
    assert_problem(reply, 413, "attachment.too_large", "Upload-Length")


async def test_creation_may_carry_the_first_chunk_and_a_file_may_be_empty(hub: HttpHub) -> None:
    """creation-with-upload answers the offset; a file of no bytes is complete when it is created."""
    headers = CHUNK | {"Upload-Length": str(len(FILE))}
    reply = await hub.call("POST", "/v1/attachments", data=FILE[:1000], headers=headers)
    assert (reply.status, reply.headers["Upload-Offset"]) == (201, "1000")
    reply = await patch(hub, reply.headers["Location"], 1000, FILE[1000:])
    assert reply.headers["Lgsp-Digest"] == DIGEST
    empty = await hub.call("POST", "/v1/attachments", headers=TUS | {"Upload-Length": "0"})
    assert (empty.status, empty.headers["Lgsp-Digest"]) == (201, "sha256:" + hashlib.sha256(b"").hexdigest())
    assert (await hub.call("GET", f"/v1/attachments/{empty.headers['Lgsp-Digest']}")).octets == b""


async def test_an_upload_can_be_given_up(hub: HttpHub) -> None:
    """DELETE ends it, also through X-HTTP-Method-Override; afterwards it does not exist."""
    for method, headers in (("DELETE", {}), ("POST", {"X-HTTP-Method-Override": "DELETE"})):
        place = await create(hub, 10)
        assert (await hub.call(method, place, headers=TUS | headers)).status == 204
        assert (await hub.call("HEAD", place, headers=TUS)).status == 404
        assert_problem(await hub.call("DELETE", place, headers=TUS), 404, "upload.unknown")


async def test_a_client_without_patch_uses_the_override(hub: HttpHub) -> None:
    """The tus core obliges the server to obey X-HTTP-Method-Override."""
    place = await create(hub, len(FILE))
    headers = CHUNK | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    reply = await hub.call("POST", place, data=FILE, headers=headers)
    assert (reply.status, reply.headers["Lgsp-Digest"]) == (204, DIGEST)
    reply = await hub.call("POST", place, headers=TUS | {"X-HTTP-Method-Override": "PUT"})
    assert_problem(reply, 422, "request.field_invalid", "X-HTTP-Method-Override")


async def test_an_upload_belongs_to_its_creator(hub: HttpHub) -> None:
    """For another agency it does not exist."""
    place = await create(hub, 10)
    for method in ("PATCH", "DELETE"):
        reply = await hub.call(method, place, agency=STRANGER, headers=CHUNK | {"Upload-Offset": "0"})
        assert_problem(reply, 404, "upload.unknown")
    assert await offset_of(hub, place) == 0


async def test_another_version_of_tus_is_refused(hub: HttpHub) -> None:
    """412 with the version spoken here."""
    reply = await hub.call("POST", "/v1/attachments", headers={"Tus-Resumable": "0.2.2", "Upload-Length": "1"})
    assert_problem(reply, 412, "upload.version_unsupported", "Tus-Resumable")
    assert reply.headers["Tus-Version"] == "1.0.0"


@pytest.mark.parametrize(
    ("headers", "status", "code", "field"),
    [
        ({}, 422, "request.field_invalid", "Upload-Length"),
        ({"Upload-Length": "-1"}, 422, "request.field_invalid", "Upload-Length"),
        ({"Upload-Length": "9" * 30}, 422, "request.field_invalid", "Upload-Length"),
        ({"Upload-Defer-Length": "1"}, 422, "request.field_invalid", "Upload-Defer-Length"),
        ({"Upload-Length": "1", "Upload-Metadata": "name %%%"}, 422, "request.field_invalid", "Upload-Metadata"),
        ({"Upload-Length": "1", "Upload-Metadata": "a,a"}, 422, "request.field_invalid", "Upload-Metadata"),
        ({"Upload-Length": "1", "Upload-Checksum": "md5 AAAA"}, 400, "request.malformed", "Upload-Checksum"),
    ],
)
async def test_a_wrong_creation_is_named(hub: HttpHub, headers: dict[str, str], status: int, code: str, field: str) -> None:
    """The header that is wrong is the field."""
    assert_problem(await hub.call("POST", "/v1/attachments", headers=TUS | headers), status, code, field)


async def test_a_chunk_of_another_media_type_is_refused(hub: HttpHub) -> None:
    """415 names the one that tus wants."""
    place = await create(hub, 10)
    reply = await hub.call("PATCH", place, data=b"x", headers=TUS | {"Upload-Offset": "0", "Content-Type": "text/plain"})
    assert_problem(reply, 415, "request.media_type_unsupported", "Content-Type")


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-99", 206, 0, 100),
        ("bytes=199990-", 206, 199_990, 200_000),
        ("bytes=199990-999999", 206, 199_990, 200_000),
        ("bytes=-10", 206, 199_990, 200_000),
        ("bytes=-999999", 206, 0, 200_000),
        ("bytes=5-4", 200, 0, 200_000),
        ("bytes=0-1,5-6", 200, 0, 200_000),
        ("lines=1-2", 200, 0, 200_000),
    ],
)
async def test_a_range_is_fetched(hub: HttpHub, asked: str, status: int, start: int, end: int) -> None:
    """One range of bytes is honoured; anything else gets the whole file (RFC 9110, section 14.2)."""
    reply = await hub.call("GET", f"/v1/attachments/{await upload(hub)}", headers={"Range": asked})
    assert (reply.status, reply.octets) == (status, FILE[start:end])
    assert reply.headers.get("Content-Range") == (f"bytes {start}-{end - 1}/200000" if status == 206 else None)
    assert reply.headers["ETag"] == f'"{DIGEST}"'


async def test_a_range_outside_the_file_is_refused(hub: HttpHub) -> None:
    """416 with the size; another ETag gets the whole file instead."""
    path = f"/v1/attachments/{await upload(hub)}"
    for asked in ("bytes=200000-", "bytes=300000-300001", "bytes=-0"):
        reply = await hub.call("GET", path, headers={"Range": asked})
        assert_problem(reply, 416, "request.range_unsatisfiable", "Range")
        assert reply.headers["Content-Range"] == "bytes */200000"
    reply = await hub.call("GET", path, headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert (reply.status, len(reply.octets)) == (200, 200_000)


async def test_head_tells_the_size(hub: HttpHub) -> None:
    """Without a body; 404 for what is not there or no digest."""
    reply = await hub.call("HEAD", f"/v1/attachments/{await upload(hub)}")
    assert (reply.status, reply.headers["Content-Length"]) == (200, "200000")
    for digest in ("sha256:" + "0" * 64, "x", "sha256%3A..%2F.."):
        assert (await hub.call("HEAD", f"/v1/attachments/{digest}")).status == 404


async def test_a_file_uploaded_by_two_is_open_to_both(hub: HttpHub) -> None:
    """The same bytes are stored once; each uploader proves to have them by uploading."""
    await upload(hub)
    assert_problem(await hub.call("GET", f"/v1/attachments/{DIGEST}", agency=STRANGER), 404, "access.not_a_party")
    headers = CHUNK | {"Upload-Length": str(len(FILE))}
    assert (await hub.call("POST", "/v1/attachments", agency=STRANGER, data=FILE, headers=headers)).status == 201
    for agency in (COMMUNE, STRANGER):
        assert (await hub.call("HEAD", f"/v1/attachments/{DIGEST}", agency=agency)).status == 200
