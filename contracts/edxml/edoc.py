"""The dialect of the e-doc generation and how it becomes QCVN 102 and back, field by field.

There a document is a SOAP message: `MessageHeader` and `TraceHeaderList` are header blocks, `Manifest` the body, the files MIME
parts named by `cid:`. Its namespace is another, dates are `dd/MM/yyyy`, `SignerInfo` is called `Author` and its `Position`
`Function`; all else has the same names. What QCVN 102 added (TypeDetail, SteeringType, the extensions of the common library) is
written too: readers of that generation pass over what they do not know.

| e-doc | QCVN 102 |
|---|---|
| SOAP header blocks `MessageHeader`, `TraceHeaderList` | the same, under `edXMLHeader` |
| `Author` / `Function` | `SignerInfo` / `Position` |
| `dd/MM/yyyy[ HH:mm:ss]` | `yyyy/MM/dd[ HH:mm:ss]` |
| SOAP body `Manifest/Reference @xlink:href` | `edXMLBody/edXMLManifest/Reference/ContentId` |
| MIME part | `AttachmentEncoded/Attachment` |
| SOAP body `Status` | a status packet |
"""

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

import msgspec
from lxml import etree

from contracts.edxml.attachments import File, plain_id
from contracts.edxml.media import media_type
from contracts.edxml.model import Attachment, Kept, Packet, Reference, Status
from contracts.edxml.names import E_DOC, PREFIX, XLINK
from contracts.edxml.opening import MAX_MARKUP
from contracts.edxml.places import HEADER, MANIFEST, TRACE, Places
from contracts.edxml.placing import placed, with_files
from contracts.edxml.read import packet_in, status_in
from contracts.edxml.tree import name_of
from contracts.edxml.write import Dialect, Writing, complete
from contracts.errors import ContractError
from contracts.safe_xml import parse
from contracts.soap.mime import Part

_DIALECT = Dialect(names={"SignerInfo": "Author", "Position": "Function"}, dates="edoc")
_DECLARED = f'xmlns:{PREFIX}="{E_DOC}" xmlns:xlink="{XLINK}"'


class Message(NamedTuple):
    """A document of the e-doc dialect: header blocks and body child for `contracts.soap.message`, MIME parts for `.mime`."""

    headers: tuple[etree._Element, ...]
    manifest: etree._Element
    parts: tuple[Part, ...]


def packet_from(headers: Sequence[etree._Element], manifest: etree._Element, parts: Sequence[Part]) -> Packet:
    """A document of the QCVN 102 dialect, files inside, out of a SOAP message.

    Raises ContractError "body.invalid", or "attachment.unknown" for an entry of the manifest whose MIME part is missing.
    """
    blocks = {name_of(block): block for block in reversed(headers)}
    header = blocks.get("MessageHeader")
    if header is None:
        raise ContractError("body.invalid", HEADER, "missing")
    packet = packet_in(Places(header, blocks.get("TraceHeaderList"), blocks.get("Signature"), manifest))
    packet = msgspec.structs.replace(packet, signed=False)  # the signature is over octets that end here
    if len(parts) < len(packet.references):
        raise ContractError("attachment.unknown", f"{MANIFEST}[{len(parts) + 1}]", "no MIME part for this entry of the manifest")
    files = [_file(part, packet.references) for part in parts]
    attachments = tuple(Attachment(content_id=one.content_id, kept=Kept(digest=one.digest)) for one in files)
    return with_files(msgspec.structs.replace(packet, attachments=attachments), files)


def message_of(packet: Packet, files: Sequence[File]) -> Message:
    """The SOAP message for a packet of the QCVN 102 dialect and the files kept beside it; dates and names as that generation has
    them, texts as their sender wrote them. The manifest names what is there: its readers refuse a name without a part.

    Raises ContractError as `attachments.placed`.
    """
    whole, contents = placed(packet, files)
    write = Writing(carried=True, dialect=_DIALECT)
    trace = msgspec.structs.replace(whole.trace, bussiness=complete(whole.trace.bussiness))
    parts = tuple(_part(one, file) for one, file in zip(whole.attachments, contents, strict=True) if file is not None)
    there = {part.content_id for part in parts}
    named = (one for one in whole.references if plain_id(one.content_id) in there)
    rows = (_reference(write, one, number) for number, one in enumerate(named, 1))
    return Message(
        headers=(
            _element("MessageHeader", "".join(write.group(whole.header, HEADER))),
            _element("TraceHeaderList", "".join(write.group(trace, TRACE))),
        ),
        manifest=_element("Manifest", "".join(rows)),
        parts=parts,
    )


def status_from(element: etree._Element) -> Status:
    """The body child `Status` of UpdateTraces, or one of the list that GetTraces answers. Raises ContractError "body.invalid"."""
    return status_in(Places(element))


def element_of(status: Status) -> etree._Element:
    """The same, written."""
    return _element("Status", "".join(Writing(carried=True, dialect=_DIALECT).group(status.header, HEADER)))


def _file(part: Part, references: Sequence[Reference]) -> File:
    mine = (one.attachment_name for one in references if plain_id(one.content_id) == part.content_id and one.attachment_name)
    name = next(mine, part.name)
    kind = media_type(part.octets, name, part.media_type)
    return File(name=name, media_type=kind, octets=part.octets, content_id=part.content_id)


def _part(attachment: Attachment, file: File) -> Part:
    name = attachment.attachment_name or file.name
    return Part(content_id=plain_id(attachment.content_id), media_type=file.media_type, name=name, octets=file.octets)


def _reference(write: Writing, reference: Reference, number: int) -> str:
    inside = "".join(write.group(reference, f"{MANIFEST}[{number}]"))
    href = quoteattr(f"cid:{plain_id(reference.content_id)}")
    return f"<{PREFIX}:Reference xlink:href={href}>{inside}</{PREFIX}:Reference>"


def _element(name: str, inside: str) -> etree._Element:
    return parse(f"<{PREFIX}:{name} {_DECLARED}>{inside}</{PREFIX}:{name}>".encode(), max_markup=MAX_MARKUP)
