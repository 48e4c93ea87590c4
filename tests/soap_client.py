"""Messages to our own SOAP surface, written by hand: what a client of the WSDL would send, and what none would."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from contracts.soap.message import Version, read_message
from contracts.soap.mime import Part, write_related
from lgsp.core.signers import Signer
from lgsp.http.soap.operations import NAMESPACE
from tests.integration.http_hub import AGENCIES, COMMUNE, HttpHub, http_hub
from tests.signatures import agency, authority

XOP = "http://www.w3.org/2004/08/xop/include"


@asynccontextmanager
async def sealed_hub(folder: Path) -> AsyncIterator[HttpHub]:
    """The commune's seal is that of `tests.signatures.agency`; who certified it is trusted."""
    anchors = folder / "trust" / "anchors" / "documents"
    anchors.mkdir(parents=True)
    (anchors / "root.pem").write_bytes(authority().pem)
    seal = Signer(holder="seal", certificate_sha256=agency().certificate.fingerprint(SHA256()).hex())
    commune = msgspec.structs.replace(AGENCIES[0], signers=(seal,))
    async with http_hub(folder, agencies=(commune, *AGENCIES[1:])) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: what stands in the Body, and the files beside it."""

    status: int
    headers: Mapping[str, str]
    octets: bytes
    content: etree._Element
    parts: tuple[Part, ...]

    def text(self, path: str) -> str | None:
        """Of the element below the wrapper, such as "result/sequence"."""
        return self.content.findtext("/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/")))

    def texts(self, path: str) -> list[str]:
        steps = "/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/"))
        return [one.text or "" for one in self.content.findall(steps)]

    @property
    def problem(self) -> dict[str, str]:
        """What the fault says, by the names of the REST side's problem documents."""
        (found,) = self.content.iter(f"{{{NAMESPACE}}}problem")
        return {etree.QName(one).localname: one.text or "" for one in found}


def element(name: str, value: Any) -> str:
    """A value as a client would write it; lists are repeated, None is left out. `Raw` stands as it is."""
    match value:
        case None:
            return ""
        case list() | tuple():
            return "".join(element(name, one) for one in value)
        case dict():
            return f"<{name}>{''.join(element(key, one) for key, one in value.items())}</{name}>"
        case Raw(text):
            return f"<{name}>{text}</{name}>"
        case bool():
            return f"<{name}>{str(value).lower()}</{name}>"
        case _:
            return f"<{name}>{escape(str(value))}</{name}>"


@dataclass(frozen=True, slots=True)
class Raw:
    text: str


def include(content_id: str) -> Raw:
    return Raw(f'<xop:Include xmlns:xop="{XOP}" href="cid:{content_id}"/>')


def envelope(operation: str, values: Mapping[str, Any], version: Version = Version.SOAP_11, header: str = "") -> bytes:
    inside = "".join(element(name, one) for name, one in values.items())
    head = f"<s:Header>{header}</s:Header>" if header else ""
    body = f'<{operation} xmlns="{NAMESPACE}">{inside}</{operation}>'
    return f'<s:Envelope xmlns:s="{version.value}">{head}<s:Body>{body}</s:Body></s:Envelope>'.encode()


async def soap(
    hub: HttpHub,
    operation: str,
    values: Mapping[str, Any] | None = None,
    *,
    agency: str | None = COMMUNE,
    version: Version = Version.SOAP_11,
    parts: tuple[Part, ...] = (),
    mtom: bool = True,
    header: str = "",
) -> Said:
    """Calls an operation; with `parts` as MTOM, or as SOAP with attachments."""
    return await post(hub, envelope(operation, values or {}, version, header), agency, version, parts, mtom)


async def post(
    hub: HttpHub, octets: bytes, agency: str | None, version: Version, parts: tuple[Part, ...] = (), mtom: bool = True
) -> Said:
    kind = f"{version.media_type}; charset=utf-8"
    if parts:
        root = f'application/xop+xml; charset=UTF-8; type="{version.media_type}"' if mtom else kind
        kind, octets = write_related(octets, root, parts, start_info=version.media_type if mtom else "")
    reply = await hub.call("POST", "/soap", agency=agency, data=octets, headers={"Content-Type": kind})
    message = read_message(reply.headers["Content-Type"], reply.octets)
    return Said(reply.status, reply.headers, reply.octets, message.content, message.related.parts)
