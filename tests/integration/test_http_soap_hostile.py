"""Whatever is sent to /soap: a fault with a code of the catalogue, soon, and nothing of it stored."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from contracts.problems import CATALOGUE
from contracts.soap.message import Version
from contracts.soap.mime import Part, write_related
from lgsp.http.soap.answer_room import PLACES
from tests.integration.http_hub import COMMUNE, LAND_OFFICE, HttpHub, http_hub
from tests.integration.test_http_soap import addressed
from tests.soap_client import NAMESPACE, Raw, envelope, include, post, soap

KINDS = [
    "text/xml",
    "application/soap+xml; charset=utf-8",
    "multipart/related; boundary=b",
    "application/json",
    "text/xml; x=" + "y" * 3000,
]


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as running:
        yield running


async def told(hub: HttpHub, octets: bytes, kind: str, agency: str = COMMUNE) -> str:
    """The code of what came back; "" for an answer."""
    reply = await hub.call("POST", "/soap", agency=agency, data=octets, headers={"Content-Type": kind})
    assert reply.status in (200, 400, 500)
    if reply.status == 200:
        return ""
    code = reply.octets.partition(b"<lgsp:code>")[2].partition(b"<")[0].decode()
    assert code in CATALOGUE and code != "hub.internal", reply.octets
    return code


def good(hub: HttpHub) -> bytes:
    return envelope("sendEnvelope", {"envelope": addressed(hub), "file": {"content": "aGk=", "name": "a.txt"}})


async def test_mutated_messages_are_taken_or_refused_and_never_half(hub: HttpHub) -> None:
    """Octets cut out, doubled, swapped and overwritten anywhere; also the parts around them."""
    plain = good(hub)
    kind, related = write_related(plain, "text/xml", [Part(content_id="f@x", octets=b"\r\n--" * 20)])
    loop_calls: list[tuple[bytes, str]] = []

    @settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(
        which=st.sampled_from([(plain, "text/xml"), (related, kind)]),
        place=st.floats(0, 1),
        length=st.integers(0, 40),
        put=st.one_of(
            st.just(b""), st.binary(max_size=8), st.sampled_from([b"<", b"<!--", b"&#0;", b"\x00", b"</s:Body>", b"<?x?>"])
        ),
        other=st.sampled_from(KINDS),
        keeps=st.booleans(),
    )
    def draw(which: tuple[bytes, str], place: float, length: int, put: bytes, other: str, keeps: bool) -> None:
        octets, named = which
        at = int(place * len(octets))
        loop_calls.append((octets[:at] + put + octets[at + length :], named if keeps else other))

    draw()
    for octets, named in loop_calls:
        await told(hub, octets, named)
    assert await hub.stored() <= 1  # the same envelope where nothing of it was hit


@pytest.mark.parametrize(
    "operation", ["sendEnvelope", "sendBatch", "acknowledge", "listDeadLetters", "startReplay", "createUpload"]
)
async def test_any_tree_in_an_operation_is_refused_by_a_code(hub: HttpHub, operation: str) -> None:
    """Elements that the schema knows, in places where it does not, with values of other types."""
    names = st.sampled_from(
        ["envelope", "items", "delivery_id", "recipients", "limit", "which", "content", "file", "body", "identifiers", "x"]
    )
    tree: Any = st.recursive(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=10),
        lambda inner: st.lists(st.tuples(names, inner), max_size=4),
        max_leaves=8,
    )
    drawn: list[Any] = []

    @settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(tree)
    def draw(one: Any) -> None:
        drawn.append(one)

    draw()
    for one in drawn:
        octets = envelope(operation, {})
        inside = _written(one).encode()
        wrapper = f'<{operation} xmlns="{NAMESPACE}">'.encode()
        await told(hub, octets.replace(wrapper, wrapper + inside), "text/xml")
    assert await hub.stored() == 0


def _written(tree: Any) -> str:
    if isinstance(tree, str):
        return tree.replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"<{name}>{_written(inner)}</{name}>" for name, inner in tree)


SLOW = {
    "many attributes": b"<s:Envelope " + b" ".join(b'a%d=""' % number for number in range(30_000)) + b"/>",
    "many namespaces": envelope("sendEnvelope", {"envelope": Raw("".join(f'<a xmlns:p{n}="urn:{n}"/>' for n in range(8_000)))}),
    "many elements of one name": envelope("sendEnvelope", {"envelope": Raw("<recipients/>" * 15_000)}),
    "many parts": b"--b\r\n\r\n<x/>\r\n" * 10_000 + b"--b--",
    "many false boundaries": b"--b\r\n\r\n" + b"\r\n--bx" * 100_000,
    "many includes": envelope("sendBatch", {"envelope": [{"body_base64": include(f"{n}@x")} for n in range(1_500)]}),
    "much base64": envelope("createUpload", {"upload_length": 1, "content": "?" * 500_000}),
    "a signature that is none": envelope(
        "listMailbox",
        {},
        header='<w:Security xmlns:w="urn:w"><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></w:Security>',
    ),
}


@pytest.mark.parametrize("name", SLOW)
async def test_what_is_made_to_be_slow_is_refused_soon(hub: HttpHub, name: str) -> None:
    """The best of five; 50 ms on a machine that does nothing else, and this one does."""
    kind = "multipart/related; boundary=b" if SLOW[name].startswith(b"--b") else "text/xml"
    took = []
    for _ in range(5):
        started = time.perf_counter()
        assert await told(hub, SLOW[name], kind)
        took.append(time.perf_counter() - started)
    print(f"{name}: {min(took) * 1000:.1f} ms")
    assert min(took) < 0.2


async def test_a_file_of_megabytes_goes_and_comes_beside_the_message(tmp_path: Path) -> None:
    """As MTOM; in place it would be a third more."""
    content = bytes(range(256)) * 4096 * 8  # 8 MiB
    async with http_hub(tmp_path, max_attachment_bytes=16 * 2**20, max_packet_bytes=12 * 2**20) as hub:
        file = {"content": include("f@x"), "name": "bản đồ.tif", "media_type": "image/tiff"}
        sent = await soap(
            hub, "sendEnvelope", {"envelope": addressed(hub), "file": file}, parts=(Part(content_id="f@x", octets=content),)
        )
        assert sent.status == 200, sent.problem
        (delivery_id,) = (await soap(hub, "listMailbox", agency=LAND_OFFICE)).texts("result/entries/delivery_id")
        fetched = await soap(hub, "fetchDelivery", {"delivery_id": delivery_id}, agency=LAND_OFFICE)
        digest = fetched.text("result/envelope/attachments/digest")
        asked = envelope("fetchAttachment", {"digest": digest})
        got = await post(hub, asked, LAND_OFFICE, Version.SOAP_11, (Part(content_id="unused@x", octets=b"x"),))
        assert [one.octets for one in got.parts] == [content]
        too_large = (Part(content_id="f@x", octets=content * 2),)
        refused = await soap(hub, "sendEnvelope", {"envelope": addressed(hub), "file": file}, parts=too_large)
        assert refused.problem["code"] == "request.too_large"


async def test_an_answer_that_is_too_large_is_had_in_ranges(tmp_path: Path) -> None:
    content = b"0123456789" * 300_000
    async with http_hub(tmp_path, max_attachment_bytes=16 * 2**20, max_packet_bytes=2**21) as hub:
        created = await hub.call(
            "POST",
            "/v1/attachments",
            data=content,
            headers={
                "Tus-Resumable": "1.0.0",
                "Upload-Length": str(len(content)),
                "Content-Type": "application/offset+octet-stream",
            },
        )
        digest = created.headers["Lgsp-Digest"]
        whole = await soap(hub, "fetchAttachment", {"digest": digest}, agency=COMMUNE)
        assert whole.problem["code"] == "soap.answer_too_large"
        part = await soap(hub, "fetchAttachment", {"digest": digest, "range": "bytes=10-19"}, agency=COMMUNE)
        assert part.text("content") == "MDEyMzQ1Njc4OQ=="


async def test_a_message_with_very_many_bodies_takes_no_longer_than_they_are_many(hub: HttpHub) -> None:
    """Each is cut out of the message, which is looked through once for all of them."""
    one = '<envelope><message_id>m</message_id><body><a xmlns="urn:a"/></body></envelope>'
    batch = f'<s:sendBatch xmlns:s="{NAMESPACE}">{one * 900}</s:sendBatch>'
    octets = f'<e:Envelope xmlns:e="{Version.SOAP_11.value}"><e:Body>{batch}</e:Body></e:Envelope>'.encode()
    started = time.process_time()
    assert await told(hub, octets, "text/xml") == ""
    assert time.process_time() - started < 5


async def test_who_asks_for_much_and_reads_nothing_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have their large answers meanwhile, and it too once its connections were ended."""
    monkeypatch.setattr("lgsp.http.room._PATIENCE_S", 0.2)
    monkeypatch.setattr("lgsp.http.handing_over._PATIENCE_S", 1.0)
    async with http_hub(tmp_path, max_attachment_bytes=2**25) as hub:
        octets = b"x" * 2**24
        tus = {"Tus-Resumable": "1.0.0", "Upload-Length": str(2**24), "Content-Type": "application/offset+octet-stream"}
        assert (await hub.call("POST", "/v1/attachments", data=octets, headers=tus)).status == 201
        digest = f"sha256:{hashlib.sha256(octets).hexdigest()}"
        assert (await hub.send(hub.envelope(attachments=[{"digest": digest, "size_bytes": 2**24}]))).status == 202
        asked = envelope("fetchAttachment", {"digest": digest})
        head = "".join(f"{name}: {value}\r\n" for name, value in hub.headers(COMMUNE, Content_Type="text/xml").items())
        lazy = [await asyncio.open_connection("127.0.0.1", URL(hub.url).port, limit=1024) for _ in range(PLACES)]
        for _, writer in lazy:
            writer.write(f"POST /soap HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(asked)}\r\n\r\n".encode() + asked)
        for reader, _ in lazy:
            await reader.readexactly(12)  # an answer, or that there are too many
        async with asyncio.timeout(20):
            assert await told(hub, asked, "text/xml", LAND_OFFICE) == ""
            while await told(hub, asked, "text/xml"):
                pass
        for _, writer in lazy:
            writer.close()
