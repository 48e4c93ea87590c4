"""Messages as they are met in the wild, and as they are made by people who mean harm: taken, or refused with a code; never an
error of ours, never a stored half, and in no time."""

import io
import random
import re
import time
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from adapters.edoc_soap.facade import EdocFacade
from contracts.errors import ContractError
from contracts.facade import Call
from contracts.problems import CATALOGUE
from contracts.receipt import Refusal
from tests.fakes.desk import MemoryHub
from tests.fakes.edoc_client import Doc, EdocClient, Reply, Request, read_reply, status_record

OFFICE, FARMS = "000.00.15.H01", "000.00.10.H01"
PDF = Doc().files[0][2]
MAX_REFUSAL_S = 0.05
CLIENT = EdocClient("a secret", OFFICE)


async def ask(hub: MemoryHub, request: Request) -> Reply:
    call = Call(operation="edoc", path={}, query={}, headers=CIMultiDict(request.headers), body=request.body)
    facade = EdocFacade()
    try:
        facade.credentials(call)
        answer = await facade.answer(call, hub.desk(OFFICE))
    except ContractError as error:
        assert error.code in CATALOGUE
        answer = facade.refuse(call, Refusal.of(error.code, error.field, error.detail), None)
    return read_reply(answer.status, answer.headers["Content-Type"], answer.body)


def zipped(name: str, octets: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, octets)
    return made.getvalue()


def root_changed(change: Callable[[bytes], bytes], sent: Request | None = None) -> Request:
    """The SOAP part alone, in its frame."""
    sent = sent or CLIENT.send()
    before, envelope = sent.body.split(b"\r\n\r\n", 1)
    envelope, rest = envelope.split(b"\r\n--Boundary", 1)
    return Request(sent.headers, before + b"\r\n\r\n" + change(envelope) + b"\r\n--Boundary" + rest)


def replaced(old: bytes, new: bytes) -> Request:
    assert old in CLIENT.send().body
    return root_changed(lambda xml: xml.replace(old, new))


def typed(content_type: str) -> Request:
    sent = CLIENT.send()
    return Request({**sent.headers, "Content-Type": content_type}, sent.body)


SENT = CLIENT.send()
TAKEN = {
    "junk before the markup": root_changed(lambda xml: b"1212" + xml),
    "a byte order mark": root_changed(lambda xml: b"\xef\xbb\xbf" + xml),
    "a declaration that says UTF-16 and is not": root_changed(lambda xml: b'<?xml version="1.0" encoding="utf-16"?>' + xml),
    "UTF-16": root_changed(lambda xml: (xml.decode()).encode("utf-16")),
    "xlink without its declaration": replaced(b' xmlns:xlink="http://www.w3.org/1999/xlink"', b""),
    "an impossible date": replaced(b"12/11/2026</edXML:PromulgationDate", b"30/02/2014</edXML:PromulgationDate"),
    "dates of the newer dialect": replaced(b"12/11/2026", b"2026/11/12"),
    "elements in another namespace": replaced(b"http://www.e-doc.vn/Schema/", b"http://www.mic.gov.vn/TBT/QCVN_102_2016"),
    "elements that nobody knows": replaced(b"<edXML:Subject>", b"<edXML:Secret>1</edXML:Secret><edXML:Subject>"),
    "spaces in everything": replaced(b"<edXML:OrganId>000.00.1", b"<edXML:OrganId>\n   000.00.1"),
    "the older spelling": replaced(b"edXML:Business", b"edXML:Bussiness"),
    "no business at all": root_changed(lambda xml: re.sub(rb"<edXML:Business>.*</edXML:Business>", b"", xml)),
    "a namespace prefix of its own": root_changed(lambda xml: xml.replace(b"edXML:", b"n:").replace(b"xmlns:edXML", b"xmlns:n")),
    "lines that end in LF": Request(SENT.headers, SENT.body.replace(b"\r\n", b"\n")),
    "angle brackets in start": typed('multipart/related; type="text/xml"; boundary=Boundary; start="<Start>"'),
    "no start": typed("multipart/related; boundary=Boundary"),
    "a file in an archive of its own, under a wrong type": CLIENT.send(
        Doc(files=(("904.pdf", "application/pdf", zipped("3f2504e0.pdf", PDF)),))
    ),
    "a type that is home-made": CLIENT.send(Doc(files=(("904.pdf", "application/xslx", PDF),))),
    "a name with folders": CLIENT.send(Doc(files=(("C:\\Van ban\\904.pdf", "application/pdf", PDF),))),
    "no file": CLIENT.send(Doc(files=())),
    "an id that is percent-encoded": Request(SENT.headers, SENT.body.replace(b"cid:file-0", b"cid:t%E1%BB%87p%200").replace(
        b"<file-0>", "<tệp 0>".encode())),
    "an id with cid:": Request(SENT.headers, SENT.body.replace(b"<file-0>", b"<cid:file-0>")),
    "no id where the manifest has one": Request(SENT.headers, SENT.body.replace(b"Content-ID: <file-0>", b"X-Nothing: 0")),
    "neither id nor reference": Request(SENT.headers, SENT.body.replace(b"cid:file-0", b"").replace(
        b"Content-ID: <file-0>", b"X-Nothing: 0")),
}  # fmt: skip


@pytest.mark.parametrize("request_", TAKEN.values(), ids=TAKEN)
async def test_what_systems_in_service_get_wrong_is_put_right(request_: Request) -> None:
    hub = MemoryHub.of(OFFICE, FARMS)
    reply = await ask(hub, request_)
    assert reply.succeeded, reply.texts("Description")
    [envelope] = hub.envelopes
    assert [hub.files[one.digest] for one in envelope.attachments] == ([PDF] if envelope.attachments else [])
    assert all("\\" not in one.name for one in envelope.attachments)


BOMB = b'<!DOCTYPE a [<!ENTITY a "' + b"a" * 1000 + b'"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
GROWING = zipped("a.pdf", b"%PDF" + b"\0" * 30_000_000)
TWO_FILES = CLIENT.send(Doc(files=Doc().files * 2))
ONE_MORE = b"<edXML:To><edXML:OrganId>H%d</edXML:OrganId></edXML:To>"
REFUSED = {
    "entities": root_changed(lambda xml: BOMB + xml.replace(b"V/v", b"&b;")),
    "an external entity": root_changed(lambda xml: b'<!DOCTYPE a SYSTEM "file:///etc/passwd">' + xml),
    "entities in UTF-16": root_changed(lambda xml: (BOMB + xml).decode().encode("utf-16")),
    "deeper than anything": replaced(b"<edXML:Content/>", b"<a>" * 5000 + b"</a>" * 5000),
    "tags without measure": replaced(b"<edXML:Content/>", b"<a/>" * 300_000),
    "receivers just as many": replaced(b"<edXML:To>", b"".join(ONE_MORE % number for number in range(500)) + b"<edXML:To>"),
    "a message that is as large as files may be": root_changed(lambda xml: xml + b" " * 2_000_000),
    "a text without measure": replaced(b"<edXML:Content/>", b"<edXML:Content>" + b"x" * 2_000_000 + b"</edXML:Content>"),
    "receivers without measure": replaced(b"<edXML:To>", b"".join(ONE_MORE % number for number in range(4000)) + b"<edXML:To>"),
    "two bodies": replaced(b"</SOAP-ENV:Body>", b"</SOAP-ENV:Body><SOAP-ENV:Body/>"),
    "two ids of one document": replaced(b"<edXML:DocumentId>", b"<edXML:DocumentId>x</edXML:DocumentId><edXML:DocumentId>"),
    "two parts of one name": Request(SENT.headers, TWO_FILES.body.replace(b"<file-1>", b"<file-0>")),
    "two parts and entries of no name": Request(SENT.headers, re.sub(rb"Content-ID: <file-.>|cid:file-.", b"", TWO_FILES.body)),
    "two headers of one message": replaced(b"<edXML:TraceHeaderList>", b"<edXML:MessageHeader/><edXML:TraceHeaderList>"),
    "two manifests": replaced(b"</SOAP-ENV:Body>", b"<edXML:Manifest/></SOAP-ENV:Body>"),
    "parts without measure": CLIENT.framed("SendDocument", b"<a/>", [("a", "text/plain", b"x")] * 2000),
    "an archive that grows without measure": CLIENT.send(Doc(files=(("a.pdf", "application/pdf", GROWING),))),
    "more files than an envelope may have": CLIENT.send(Doc(files=Doc().files * 100)),
    "a boundary that never comes": typed('multipart/related;type="text/xml";boundary="none"'),
    "a boundary of nonsense": typed(f'multipart/related;boundary="{"x" * 900}"'),
    "headers of a part without end": Request(SENT.headers, b"--Boundary\r\n" + b"X: " + b"y" * 100_000),
    "no type at all": Request({"SOAPAction": "SendDocument"}, SENT.body),
    "a status in place of a document": CLIENT.request("SendDocument", body=status_record()),
}  # fmt: skip


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_meant_well_is_refused_and_leaves_nothing(request_: Request) -> None:
    hub = MemoryHub.of(OFFICE, FARMS)
    started = time.process_time()
    reply = await ask(hub, request_)
    assert time.process_time() - started < 20 * MAX_REFUSAL_S  # once, on a busy machine
    assert not reply.succeeded and not hub.envelopes and not hub.files


async def test_refusing_takes_less_than_fifty_milliseconds() -> None:
    """On average, the worst of them included."""
    hub = MemoryHub.of(OFFICE, FARMS)
    started = time.process_time()
    for request in REFUSED.values():
        await ask(hub, request)
    assert time.process_time() - started < MAX_REFUSAL_S * len(REFUSED)


@settings(max_examples=400, deadline=None)
@given(st.data())
async def test_whatever_is_cut_swapped_or_doubled_it_is_taken_whole_or_refused(data: st.DataObject) -> None:
    """Pieces of the message between tags and lines, which is where systems break them."""
    sent = CLIENT.send()
    pieces = sent.body.replace(b">", b">\0").replace(b"\r\n", b"\r\n\0").split(b"\0")
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(pieces))
        match chance.randrange(4):
            case 0:
                del pieces[place]
            case 1:
                pieces.insert(place, pieces[chance.randrange(len(pieces))])
            case 2:
                other = chance.randrange(len(pieces))
                pieces[place], pieces[other] = pieces[other], pieces[place]
            case _:
                pieces[place] = pieces[place][: chance.randrange(len(pieces[place]) + 1)]
    hub = MemoryHub.of(OFFICE, FARMS)
    reply = await ask(hub, Request(sent.headers, b"".join(pieces)))
    assert reply.succeeded == (len(hub.envelopes) == 1)
    assert hub.envelopes or not hub.files


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["GetPendingDocumentIds", "GetDocument", "ConfirmReceived", "GetTraces", "UpdateTraces", "CheckPermission"]),
    st.text(max_size=80),
)
async def test_texts_of_strangers_in_any_request_are_answered(action: str, text: str) -> None:
    hub = MemoryHub.of(OFFICE, FARMS)
    inside = "".join(char for char in text if char.isprintable()).replace("&", "&amp;").replace("<", "&lt;")
    body = f"<{action}><Token>t</Token><OrganId>{OFFICE}</OrganId><DocumentId>{inside}</DocumentId></{action}>"
    reply = await ask(hub, CLIENT.request(action, body=body))
    assert reply.status in (200, 500, 503) and not hub.envelopes
