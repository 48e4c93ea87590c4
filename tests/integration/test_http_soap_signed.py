"""SOAP messages signed by WS-Security: what is verified is acted on, once, and its verdict is kept with the envelope."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from contracts.kinds import find
from contracts.kinds.xml import to_xml
from contracts.soap.message import Version
from contracts.soap.mime import Part
from lgsp.evidence.findings import State
from tests.integration.http_hub import COMMUNE, LAND_OFFICE, HttpHub
from tests.integration.test_http_evidence import checked
from tests.integration.test_http_evidence import given as brought
from tests.integration.test_http_soap import addressed
from tests.signatures import PLAIN, agency, by_xmlsec, stranger
from tests.soap import Message, by_xmlsec_soap, wrapped
from tests.soap_client import NAMESPACE, XOP, Said, element, post, sealed_hub, soap


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with sealed_hub(tmp_path) as running:
        yield running


def message(operation: str, values: dict[str, Any], version: Version = Version.SOAP_11, *, age_s: int = 0) -> Message:
    inside = "".join(element(name, one) for name, one in values.items())
    created = datetime.now(UTC) - timedelta(seconds=age_s)
    return Message(
        version=version.value,
        body=f'<{operation} xmlns="{NAMESPACE}">{inside}</{operation}>',
        created=created.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        expires=(created + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    )


def signed(operation: str, values: dict[str, Any], version: Version = Version.SOAP_11, *, age_s: int = 0) -> bytes:
    return by_xmlsec_soap(agency(), message(operation, values, version, age_s=age_s))


@pytest.mark.parametrize("version", Version)
async def test_a_signed_message_is_acted_on_and_its_verdict_kept(hub: HttpHub, version: Version) -> None:
    """Part `message` among the findings, with the certificate as evidence."""
    given = addressed(hub)
    sent = await post(hub, signed("sendEnvelope", {"envelope": given}, version), COMMUNE, version)
    assert sent.text("result/sequence"), sent.octets
    found = (await hub.call("GET", f"/v1/envelopes/{COMMUNE}/{given['message_id']}/signatures")).json["examination"]
    (finding,) = found["findings"]
    assert (finding["part"], finding["place"], finding["profile"]) == ("message", "/Envelope/Header/Security", "soap/2")
    assert (finding["bound"], finding["holder"], finding["integrity"]) == (True, "seal", "intact")
    assert {one["what"] for one in finding["covered"]} == {"soap_body", "soap_timestamp"}
    assert finding["evidence"]


async def test_an_envelope_after_a_signed_message_has_a_verdict_of_its_own(hub: HttpHub) -> None:
    """On the same connection, too."""
    assert (await post(hub, signed("sendEnvelope", {"envelope": addressed(hub)}), COMMUNE, Version.SOAP_11)).status == 200
    given = addressed(hub)
    await soap(hub, "sendEnvelope", {"envelope": given})
    assert (await hub.call("GET", f"/v1/envelopes/{COMMUNE}/{given['message_id']}/signatures")).json["examination"] is None


async def told(hub: HttpHub, octets: bytes, *, caller: str | None = COMMUNE) -> dict[str, str]:
    refused = await post(hub, octets, caller, Version.SOAP_11)
    assert refused.status == 500
    return refused.problem


async def test_a_second_copy_changes_nothing_and_is_refused(hub: HttpHub) -> None:
    """Signed anew, the same envelope gets its receipt; reading may be repeated."""
    given = addressed(hub)
    octets = signed("sendEnvelope", {"envelope": given})
    assert (await post(hub, octets, COMMUNE, Version.SOAP_11)).text("result/sequence")
    assert (await told(hub, octets))["code"] == "soap.replayed"
    again = await post(hub, signed("sendEnvelope", {"envelope": given}), COMMUNE, Version.SOAP_11)
    assert again.text("lgsp_duplicate") == "true"
    wrong = signed("sendEnvelope", {"envelope": addressed(hub, recipients=["H99"])})
    assert [(await told(hub, wrong))["code"] for _ in range(2)] == ["route.unknown_recipient"] * 2  # it changed nothing
    read = signed("listMailbox", {})
    assert [(await post(hub, read, COMMUNE, Version.SOAP_11)).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("age_s", [3600, -3600])
async def test_an_old_or_early_message_is_refused(hub: HttpHub, age_s: int) -> None:
    problem = await told(hub, signed("sendEnvelope", {"envelope": addressed(hub)}, age_s=age_s))
    assert (problem["code"], problem["field"]) == ("signature.not_verified", "/Envelope/Header/Security")
    assert "soap.timestamp" in problem["detail"]


async def test_what_was_changed_or_wrapped_is_refused_and_nothing_stored(hub: HttpHub) -> None:
    octets = signed("sendEnvelope", {"envelope": addressed(hub)})
    changed = octets.replace(LAND_OFFICE.encode(), COMMUNE.encode())
    assert changed != octets and (await told(hub, changed))["code"] == "signature.not_verified"
    for name, one in wrapped(octets).items():
        reply = await hub.call("POST", "/soap", data=one, headers={"Content-Type": "text/xml"})
        assert reply.status == 500, name
        assert b"hub.internal" not in reply.octets
    assert await hub.stored() == 0


async def test_whose_signature_it_is_decides(hub: HttpHub) -> None:
    """Of an authority nobody trusts; of the commune, in the hands of another agency; of nobody who calls."""
    values = {"envelope": addressed(hub)}
    assert (await told(hub, by_xmlsec_soap(stranger(), message("sendEnvelope", values))))["code"] == "signature.not_trusted"
    assert (await told(hub, signed("sendEnvelope", values), caller=LAND_OFFICE))["code"] == "signature.wrong_signer"
    assert (await told(hub, signed("sendEnvelope", values), caller=None))["code"] == "auth.missing"


async def test_a_signed_body_of_xml_keeps_its_octets(hub: HttpHub) -> None:
    """The document has a signature of its own, inside the message's: both hold."""
    kind = find("case.progress/1")
    inner = by_xmlsec(to_xml(kind, kind.examples[0].body), agency(), PLAIN).partition(b"?>")[2].strip()
    given = addressed(hub)
    del given["body_base64"]
    values = element("envelope", given).replace("</envelope>", f"<body>{inner.decode()}</body></envelope>")
    body = f'<sendEnvelope xmlns="{NAMESPACE}">{values}</sendEnvelope>'
    octets = by_xmlsec_soap(agency(), replace(message("sendEnvelope", {}), body=body))
    sent = await post(hub, octets, COMMUNE, Version.SOAP_11)
    assert sent.status == 200, sent.problem
    findings = (await hub.call("GET", f"/v1/envelopes/{COMMUNE}/{given['message_id']}/signatures")).json["examination"][
        "findings"
    ]
    assert [(one["part"], one["integrity"]) for one in findings] == [("message", "intact"), ("body", "intact")]
    (delivery_id,) = (await soap(hub, "listMailbox", agency=LAND_OFFICE)).texts("result/entries/delivery_id")
    fetched = await soap(hub, "fetchBody", {"delivery_id": delivery_id}, agency=LAND_OFFICE)
    assert base64.b64decode(fetched.text("content") or "") == inner


def mtom_of(octets: bytes, text: str) -> tuple[bytes, tuple[Part, ...]]:
    """The base64 in place moved beside the message, as a stack that signs first and optimises afterwards does."""
    replaced = octets.replace(f">{text}<".encode(), f'><xop:Include xmlns:xop="{XOP}" href="cid:b@x"/><'.encode())
    assert replaced != octets
    return replaced, (Part(content_id="b@x", octets=base64.b64decode(text)),)


async def test_with_mtom_the_signature_covers_what_stands_beside_the_message(hub: HttpHub) -> None:
    given = addressed(hub)
    octets, parts = mtom_of(signed("sendEnvelope", {"envelope": given}), given["body_base64"])
    other = (Part(content_id="b@x", octets=json.dumps({"case_number": "another"}).encode()),)
    changed = await post(hub, octets, COMMUNE, Version.SOAP_11, other)
    assert changed.problem["code"] == "signature.not_verified"
    assert (await post(hub, octets, COMMUNE, Version.SOAP_11, parts)).text("result/sequence")


async def test_more_than_a_signature_is_verified_over_is_refused_before_it_is_put_together(hub: HttpHub) -> None:
    given = addressed(hub)
    octets, _ = mtom_of(signed("sendEnvelope", {"envelope": given}), given["body_base64"])
    large = (Part(content_id="b@x", octets=bytes(9 * 2**20)),)
    assert (await post(hub, octets, COMMUNE, Version.SOAP_11, large)).problem["code"] == "request.too_large"


async def test_files_beside_a_signed_message_that_it_does_not_cover_are_not_taken(hub: HttpHub) -> None:
    given = addressed(hub) | {"body_base64": "cid:b@x"}
    beside = (Part(content_id="b@x", octets=b"{}"),)
    refused = await post(hub, signed("sendEnvelope", {"envelope": given}), COMMUNE, Version.SOAP_11, beside, mtom=False)
    assert refused.problem["code"] == "soap.attachment_missing"


async def test_a_security_block_that_must_be_understood_and_is_not_signed_is_refused(hub: HttpHub) -> None:
    """A user name is no proof of anything here."""
    wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
    block = f'<w:Security xmlns:w="{wsse}" s:mustUnderstand="1"><w:UsernameToken/></w:Security>'
    assert (await soap(hub, "listMailbox", header=block)).problem["code"] == "soap.must_understand"


async def test_the_answer_to_a_signed_message_is_read_as_any_other(hub: HttpHub) -> None:
    sent: Said = await post(hub, signed("getKeys", {}), COMMUNE, Version.SOAP_11)
    assert etree.QName(sent.content).localname == "getKeysResponse"


async def test_evidence_of_an_envelope_in_a_signed_message_says_that_the_message_is_not_in_it(hub: HttpHub) -> None:
    """The verdict is there with its certificate; what it was about was never kept, and everything else fits."""
    given = addressed(hub)
    assert (await post(hub, signed("sendEnvelope", {"envelope": given}), COMMUNE, Version.SOAP_11)).status == 200
    bundle = await hub.call("GET", f"/v1/envelopes/{COMMUNE}/{given['message_id']}/evidence")
    result = checked(bundle, await brought(hub))
    missing = [one.place for one in result.findings if one.state is State.NOT_HERE]
    assert [one for one in missing if one.endswith("/Envelope/Header/Security")]
    assert not [one for one in result.findings if one.state is State.WRONG]
