"""The SOAP bus of the e-doc generation passes what every adapter promises, in all three roles."""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from lxml import etree
from multidict import CIMultiDict

from adapters.edoc_soap.collector import EdocCollector
from adapters.edoc_soap.delivery import MAX_FILES_BYTES, EdocDelivery
from adapters.edoc_soap.facade import EdocFacade
from contracts.adapter import DeliveryAdapter, Endpoint, Files, Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope
from contracts.facade import Answer, Call, Facade
from contracts.feed import Collector, Feed
from contracts.kinds import find, read_body
from contracts.kinds.document import DocumentPacket
from tests.compliance.adapter_suite import (
    CarryingSuite,
    CollectorKit,
    CollectorSuite,
    DeliveryKit,
    FacadeKit,
    FacadeSuite,
    Held,
    Said,
)
from tests.fakes.desk import MemoryHub
from tests.fakes.edoc_bus import EdocBus, document_of
from tests.fakes.edoc_client import (
    Doc,
    EdocClient,
    Request,
    manifest,
    message_header,
    read_reply,
    trace_list,
)

BUS, US, THEM = "000.00.00.W29", "000.00.10.H01", "000.00.15.H01"
TOKEN = "hub+token/of=W29"
NOW = datetime(2026, 11, 18, 3, 0, tzinfo=UTC)
_CODE = re.compile(r"\[([a-z_]+\.[a-z_]+)\]|\(([a-z_]+\.[a-z_]+)\)")


def document(number: int, *, receiver: str = US, files: tuple[tuple[str, str, bytes], ...] = Doc().files) -> Doc:
    return Doc(
        receivers=(receiver,),
        document_id=f"{THEM},2026/11/12,{number}/STP-HCTP",
        number=str(number),
        subject=f"V/v hồ sơ đất đai <&> số {number}",
        files=files,
    )


def number_of(document_id: str) -> int:
    return int(document_id.rpartition(",")[2].partition("/")[0])


class EdocDeliveryKit(DeliveryKit):
    status_decides = False
    may_read_bytes = MAX_FILES_BYTES

    def adapter(self, files: Files) -> DeliveryAdapter:
        return EdocDelivery(files)

    def far_side(self) -> AbstractAsyncContextManager[EdocBus]:
        return EdocBus({THEM: "t", BUS: TOKEN})

    def endpoint(self, url: str) -> Endpoint:
        return Endpoint(adapter="edoc_soap", url=url, secret=TOKEN, options={"organ_id": BUS})

    def parcel(self, number: int, attachments: tuple[Attachment, ...] = ()) -> Parcel:
        body = f"""<?xml version="1.0" encoding="UTF-8"?><edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016">
          <edXML:edXMLEnvelope xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXML:edXMLHeader><edXML:MessageHeader>
          <edXML:From><edXML:OrganId>{US}</edXML:OrganId></edXML:From><edXML:To><edXML:OrganId>{THEM}</edXML:OrganId></edXML:To>
          <edXML:DocumentId>{US},2026/11/18,{number}/SNN</edXML:DocumentId><edXML:Code><edXML:CodeNumber>{number}</edXML:CodeNumber>
          <edXML:CodeNotation>SNN</edXML:CodeNotation></edXML:Code><edXML:Subject>{escape(_subject(number))}</edXML:Subject>
          </edXML:MessageHeader></edXML:edXMLHeader></edXML:edXMLEnvelope></edXML>""".encode()
        envelope = Envelope(
            message_id=f"m-{number}",
            sender=AgencyCode(US),
            recipients=(AgencyCode(THEM),),
            kind="document.packet/1",
            created_at=NOW,
            body=body,
            media_type="application/edxml+xml",
            attachments=attachments,
        )
        to = AgencyCode(THEM)
        return Parcel(delivery_id=number, attempt=1, recipient=to, addressed_as=to, sequence=number, envelope=envelope)

    def held(self, parcel: Parcel, files: Mapping[str, bytes]) -> Held:
        number = parcel.delivery_id
        held = {one.name: files[one.digest] for one in parcel.envelope.attachments}
        return Held(f"{US},2026/11/18,{number}/SNN", (_subject(number), held))

    def holds(self, far: EdocBus) -> Sequence[Held]:
        return [Held(one.text("DocumentId"), (one.text("Subject"), one.files)) for one in far.documents.values()]


def _subject(number: int) -> str:
    return f"V/v hồ sơ của bà Nguyễn Thị Hồng Đào <&> số {number}"


class EdocFacadeKit(FacadeKit):
    caller = THEM
    client = EdocClient("a secret", THEM)

    def facade(self) -> Facade:
        return EdocFacade()

    def hub(self) -> MemoryHub:
        return MemoryHub.of(THEM, US)

    def call(self, number: int) -> Call:
        return called(self.client.send(document(number)))

    def huge(self, payload_bytes: int) -> Call:
        return called(self.client.send(document(1, files=(("a.pdf", "application/pdf", b"%PDF" + b"x" * payload_bytes),))))

    def anonymous(self) -> Call:
        return called(EdocClient("", THEM).send(document(1)))

    def malformed(self) -> Mapping[str, Call]:
        sent = self.client.send(document(1))

        def changed(old: str, new: str) -> Call:
            assert old.encode() in sent.body, old
            return called(Request(sent.headers, sent.body.replace(old.encode(), new.encode())))

        return {
            "no subject": changed("V/v hồ sơ đất đai &lt;&amp;&gt; số 1", ""),
            "no receiver": changed(US, ""),
            "a priority that there is not": changed("<edXML:Priority>1<", "<edXML:Priority>9<"),
            "a file that is not beside it": changed("Content-ID: <file-0>", "Content-ID: <file-7>"),
            "a file that the manifest does not name": changed("cid:file-0", "cid:file-8"),
            "an encoding that nobody knows": changed("Transfer-Encoding: binary", "Transfer-Encoding: uuencode"),
            "no trace list": changed("TraceHeaderList", "TraceList"),
            "no manifest": changed("Manifest", "Register"),
            "no number": changed("<edXML:CodeNumber>1<", "<edXML:CodeNumber><"),
            "of tomorrow": changed("12/11/2026</edXML:PromulgationDate>", "12/11/2096</edXML:PromulgationDate>"),
            "a page amount that is none": changed("<edXML:PageAmount>1<", "<edXML:PageAmount>một<"),
            "in the name of another": changed(f"<edXML:KeyInfo><edXML:OrganId>{THEM}", f"<edXML:KeyInfo><edXML:OrganId>{US}"),
        }

    def message(self, envelope: Envelope) -> int:
        return number_of(document_id(envelope))

    def said(self, answer: Answer) -> Said:
        reply = read_reply(answer.status, answer.headers["Content-Type"], answer.body)
        if etree.QName(reply.body).localname != "Fault" and "false" not in reply.texts("IsSuccess"):
            return Said()
        text = " ".join(reply.body.itertext())
        found = _CODE.search(text)
        if found is not None:
            return Said(found[1] or found[2], text)
        subcode = re.search(r"problem:(\S+)", text)
        assert subcode is not None, text
        return Said(subcode[1], text)


class EdocCollectorKit(CollectorKit):
    caller = "W29"
    tells_refusals = True

    def collector(self) -> Collector:
        return EdocCollector()

    def far_side(self) -> AbstractAsyncContextManager[EdocBus]:
        return EdocBus({US: TOKEN})

    def feed(self, url: str) -> Feed:
        return Feed(adapter="edoc_soap", url=url, secret=TOKEN, options={"organ_id": US})

    def hub(self) -> MemoryHub:
        hub = MemoryHub.of("W29", US)
        hub.max_file_bytes = 1000
        return hub

    def offer(self, far: EdocBus, number: int) -> None:
        offer(far, document(number))

    def offer_wrong(self, far: EdocBus, number: int) -> None:
        offer(far, document(number, files=(("a.pdf", "application/pdf", b"%PDF" + b"x" * 2000),)))

    def confirmed(self, far: EdocBus) -> Sequence[int]:
        refused = self.refused(far)
        done = [number_of(one.text("DocumentId")) for name, one in far.documents.items() if name not in far.pending[US]]
        return [number for number in done if number not in refused]

    def refused(self, far: EdocBus) -> Sequence[int]:
        return [
            number_of(one.findtext("ResponseFor/DocumentId") or "") for one in far.updates if one.findtext("StatusCode") == "02"
        ]

    def message(self, envelope: Envelope) -> int:
        return number_of(document_id(envelope))


def offer(far: EdocBus, doc: Doc) -> int:
    files = {f"file-{place}": (kind, octets) for place, (_, kind, octets) in enumerate(doc.files)}
    return far.put(document_of(message_header(doc), trace_list(doc), manifest(doc), files), *doc.receivers)


def called(request: Request) -> Call:
    return Call(operation="edoc", path={}, query={}, headers=CIMultiDict(request.headers), body=request.body)


def document_id(envelope: Envelope) -> str:
    body = read_body(find(envelope.kind), envelope.body, envelope.media_type).model
    assert isinstance(body, DocumentPacket)
    return body.document_id


class TestEdocDelivery(CarryingSuite):
    kit = EdocDeliveryKit()


class TestEdocFacade(FacadeSuite):
    kit = EdocFacadeKit()


class TestEdocCollector(CollectorSuite):
    kit = EdocCollectorKit()
