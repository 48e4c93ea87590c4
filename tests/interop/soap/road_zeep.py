"""zeep makes its client from the hub's WSDL and goes the whole road, in SOAP 1.1 and 1.2: `python -m tests.interop.soap.road_zeep
FILE`, a file in JSON as tests/interop/soap_roads.py writes it. Raises when anything is not as it should be."""

import hashlib
import json
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from email.mime.application import MIMEApplication
from pathlib import Path
from typing import Any

import requests
import xmlsec
import zeep
from lxml import etree
from zeep import ns
from zeep.transports import Transport
from zeep.wsse import utils as wsse
from zeep.wsse.signature import BinarySignature

NAMESPACE = "urn:lgsp:soap:1"
XOP = "http://www.w3.org/2004/08/xop/include"
FILE = b"%PDF " + "Giấy chứng nhận quyền sử dụng đất\n".encode() * 500 + b"%%EOF"  # zeep strips line ends off what stands beside


class BesideTheMessage(Transport):
    """zeep reads MTOM but writes none: what stands in `content` as base64 is moved beside the message."""

    def post_xml(self, address: str, envelope: Any, headers: dict[str, str]) -> Any:
        import base64

        parts = []
        for element in envelope.iter(f"{{{NAMESPACE}}}content"):
            parts.append(base64.b64decode(element.text))
            element.text = None
            etree.SubElement(element, f"{{{XOP}}}Include", href=f"cid:{len(parts)}@zeep")
        kind = headers.pop("Content-Type").partition(";")[0]
        pieces = [_part(f'application/xop+xml; charset=UTF-8; type="{kind}"', "root@zeep", etree.tostring(envelope))]
        pieces += [_part("application/octet-stream", f"{number}@zeep", octets) for number, octets in enumerate(parts, 1)]
        body = b"".join(b"--zeep\r\n" + piece + b"\r\n" for piece in pieces) + b"--zeep--\r\n"
        related = f'multipart/related; type="application/xop+xml"; start="<root@zeep>"; start-info="{kind}"; boundary=zeep'
        return self.post(address, body, headers | {"Content-Type": related})


def _part(kind: str, content_id: str, octets: bytes) -> bytes:
    part = MIMEApplication(b"", _encoder=lambda message: None)
    part.replace_header("Content-Type", kind)
    part["Content-Transfer-Encoding"], part["Content-ID"] = "binary", f"<{content_id}>"
    head = "".join(f"{name}: {value}\r\n" for name, value in part.items() if name != "MIME-Version")
    return head.encode() + b"\r\n" + octets


class Signs(BinarySignature):
    """With the Timestamp that BinarySignature signs where there is one. Nothing is asked of answers."""

    def apply(self, envelope: Any, headers: Any) -> tuple[Any, Any]:
        now = datetime.now(UTC)
        stamp = etree.SubElement(wsse.get_security_header(envelope), etree.QName(ns.WSU, "Timestamp"))
        etree.SubElement(stamp, etree.QName(ns.WSU, "Created")).text = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        signed: tuple[Any, Any] = super().apply(envelope, headers)
        return signed

    def verify(self, envelope: Any) -> Any:
        return envelope


def client(given: dict[str, Any], token: str, port: str, *, mtom: bool = False, signs: bool = False) -> Any:
    """The service of this port, at the address that is asked and not the one that the settings name."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    session.trust_env = False
    security = None
    if signs:
        methods = {"signature_method": xmlsec.Transform.RSA_SHA256, "digest_method": xmlsec.Transform.SHA256}
        security = Signs(given["key"], given["certificate"], **methods)
    transport = (BesideTheMessage if mtom else Transport)(session=session)
    made = zeep.Client(f"{given['url']}/soap?wsdl", wsse=security, transport=transport)
    return made.create_service(f"{{{NAMESPACE}}}{port}", f"{given['url']}/soap")


def envelope(given: dict[str, Any], name: str, body: str) -> dict[str, Any]:
    return {
        "message_id": f"zeep-{name}-{uuid.uuid4()}",
        "sender": given["sender"],
        "recipients": [given["recipient"]],
        "kind": "case.progress/1",
        "created_at": datetime.now(UTC),
        "media_type": "application/json",
        "body_base64": body.encode(),
    }


def refused(call: Callable[[], object]) -> zeep.exceptions.Fault:
    try:
        call()
    except zeep.exceptions.Fault as fault:
        return fault
    raise AssertionError("a fault was expected")


def code_of(fault: zeep.exceptions.Fault) -> str:
    return str(next(fault.detail.iter(f"{{{NAMESPACE}}}code")).text)


def road(given: dict[str, Any], port: str, number: int) -> None:
    sender, recipient = (client(given, given[token], port) for token in ("senderToken", "recipientToken"))
    sent = envelope(given, port, given["bodies"][number])
    file = {"content": FILE, "name": "giấy chứng nhận.pdf", "media_type": "application/pdf"}
    receipt = sender.sendEnvelope(envelope=sent, file=[file])
    assert receipt.result.message_id == sent["message_id"]
    again = client(given, given["senderToken"], port, mtom=True).sendEnvelope(envelope=sent, file=[file])
    assert (again.lgsp_duplicate, again.result.sequence) == ("true", receipt.result.sequence)

    entry = next(one for one in recipient.listMailbox(limit=100).entries if one.message_id == sent["message_id"])
    fetched = recipient.fetchDelivery(delivery_id=str(entry.delivery_id))
    assert fetched.envelope.body_base64 == sent["body_base64"]
    (attachment,) = fetched.envelope.attachments
    assert (attachment.name, attachment.digest) == (file["name"], f"sha256:{hashlib.sha256(FILE).hexdigest()}")
    assert recipient.fetchAttachment(digest=attachment.digest).content == FILE
    beside = client(given, given["recipientToken"], port, mtom=True).fetchAttachment(digest=attachment.digest)
    assert beside.content == FILE  # who sends MTOM gets MTOM
    (done,) = recipient.acknowledge(items=[{"delivery_id": entry.delivery_id}])
    assert (done.applied, done.state) == (True, "delivered")

    named = {"sender": given["sender"], "message_id": sent["message_id"]}
    assert [one.state for one in sender.getEnvelope(**named).deliveries] == ["delivered"]
    assert sender.getReceipt(**named, form="application/jose").content.count(b".") == 2
    fault = refused(lambda: sender.sendEnvelope(envelope=envelope(given, port, given["bodies"][0]) | {"recipients": ["H01.NO"]}))
    assert code_of(fault) == "route.unknown_recipient"
    assert fault.code.endswith("Client" if port.endswith("11") else "Sender"), fault.code


def signed(given: dict[str, Any], port: str, number: int) -> None:
    """The Body and the Timestamp by the sender's seal; a document in XML inside keeps its octets."""
    sender = client(given, given["senderToken"], port, signs=True)
    sent = envelope(given, "signed", given["bodies"][number])
    assert sender.sendEnvelope(envelope=sent).result.message_id == sent["message_id"]
    found = sender.getSignatures(sender=given["sender"], message_id=sent["message_id"])
    (finding,) = found.examination.findings
    assert (finding.part, finding.integrity, finding.bound) == ("message", "intact", True)
    document = etree.fromstring(given["document"].encode())
    with_xml = envelope(given, "xml", "") | {"body_base64": None, "body": {"_value_1": document}, "media_type": "application/xml"}
    assert sender.sendEnvelope(envelope=with_xml).result.message_id == with_xml["message_id"]


def main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for number, port in enumerate(("LgspSoap11", "LgspSoap12")):
        road(given, port, number)
        signed(given, port, number + 2)
    print("zeep: 4 roads as they should be")


if __name__ == "__main__":
    main()
