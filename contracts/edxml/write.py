"""Writing strictly: what every reader in service can read.

UTF-8 with a declaration; the literal prefix `edXML:` on everything inside the envelope, for some readers look for that text and
not for the namespace; `AttachmentEncoded` without one, as the root's last child; elements in the order of the national bus's own
library; a TraceHeaderList with Bussiness always; texts within the smallest limit of receivers in service.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from xml.sax.saxutils import escape

import msgspec

from contracts.edxml.ids import is_three_parts
from contracts.edxml.model import Attachment, Bussiness, Group, Packet, Reference, StaffInfo, Status
from contracts.edxml.names import PREFIX, QCVN
from contracts.edxml.places import FILES, HEADER, MANIFEST, TRACE
from contracts.edxml.shape import Element, elements
from contracts.edxml.when import When
from contracts.errors import ContractError

# What the national bus's library says where a sender gives no reason (clause 2.2.2), by business type.
REASONS = ("Văn bản điện tử mới", "Thu hồi văn bản điện tử", "Cập nhật văn bản điện tử", "Văn bản thay thế")

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NO_STAFF = "".join(f"<{PREFIX}:{name}/>" for name in ("Department", "Staff", "Mobile", "Email"))


def write_packet(packet: Packet, *, carried: bool = False) -> bytes:
    """The packet in the QCVN 102 dialect, files as they stand in `encoded`; those that are only kept are left out.

    `carried`: in its sender's words, which are neither cut nor refused for their length, under the sender's DocumentId.
    Raises ContractError "edxml.too_long" or "body.invalid", naming the element and the clause.
    """
    write = Writing(carried)
    if not carried and not is_three_parts(packet.header.document_id or ""):
        raise ContractError("body.invalid", f"{HEADER}/DocumentId", "OrganId,yyyy/MM/dd,number/notation; clause 1.14")
    trace = msgspec.structs.replace(packet.trace, bussiness=complete(packet.trace.bussiness))
    return "".join(
        (
            *_head(),
            *around("MessageHeader", write.group(packet.header, HEADER)),
            *around("TraceHeaderList", write.group(trace, TRACE)),
            *packet.others,
            f"</{PREFIX}:edXMLHeader>",
            *write.manifest(packet.references),
            f"</{PREFIX}:edXMLEnvelope>",
            *write.files(packet.attachments),
            "</edXML>\n",
        )
    ).encode()


def write_status(status: Status, *, carried: bool = False) -> bytes:
    """As `write_packet`. A status has neither trace, body nor files."""
    inside = around("MessageHeader", Writing(carried).group(status.header, HEADER))
    foot = f"</{PREFIX}:edXMLHeader></{PREFIX}:edXMLEnvelope></edXML>\n"
    return "".join((*_head(), *inside, *status.others, foot)).encode()


class Dialect(NamedTuple):
    """Names that differ, and in which of its two ways a date is written."""

    names: Mapping[str, str] = MappingProxyType({})
    dates: Literal["strict", "edoc"] = "strict"


QCVN_102 = Dialect()


class Writing:
    """Pieces of a packet as text. `carried` as in `write_packet`."""

    def __init__(self, carried: bool, dialect: Dialect = QCVN_102) -> None:
        self.carried, self.dialect = carried, dialect

    def group(self, group: Group, place: str, prefix: str = f"{PREFIX}:") -> Iterator[str]:
        for element in elements(type(group)):
            value = getattr(group, element.field)
            for one in value if element.many else () if value is None else (value,):
                inside = f"{place}/{element.name}"
                name = self.dialect.names.get(element.name, element.name)
                yield from around(name, self._value(one, element, inside, prefix), prefix)
        yield from group.others

    def manifest(self, references: Iterable[Reference]) -> Iterator[str]:
        rows = [around("Reference", self.group(one, f"{MANIFEST}[{n}]")) for n, one in enumerate(references, 1)]
        manifest = f'<{PREFIX}:edXMLManifest version="1.0">'
        yield from (f"<{PREFIX}:edXMLBody>{manifest}", *_flat(rows), f"</{PREFIX}:edXMLManifest></{PREFIX}:edXMLBody>")

    def files(self, attachments: Iterable[Attachment]) -> Iterator[str]:
        inside = [around("Attachment", self._file(one, f"{FILES}[{n}]"), "") for n, one in enumerate(attachments, 1)]
        if inside:
            yield from around("AttachmentEncoded", _flat(inside), "")

    def _file(self, attachment: Attachment, place: str) -> Iterator[str]:
        yield from self.group(attachment, place, "")
        if attachment.encoded is not None:
            yield from around("ContentTransferEncoded", (_text(attachment.encoded, place),), "")

    def _value(self, value: Any, element: Element, place: str, prefix: str) -> Iterator[str]:
        if isinstance(value, Group):
            yield _NO_STAFF if value == StaffInfo() else "".join(self.group(value, place, prefix))
            return
        written = str(getattr(value, self.dialect.dates)) if isinstance(value, When) else str(value)
        most = element.rule.most
        if most and len(written) > most and not self.carried:
            raise ContractError("edxml.too_long", place, f"at most {most} characters; clause {element.rule.clause}")
        yield _text(written, place)


def _head() -> tuple[str, ...]:
    return (
        _DECLARATION,
        f'<edXML xmlns="{QCVN}"><{PREFIX}:edXMLEnvelope xmlns:{PREFIX}="{QCVN}"><{PREFIX}:edXMLHeader>',
    )


def complete(bussiness: Bussiness) -> Bussiness:
    """With what readers expect to find (clauses 2.2.1, 2.2.2, 2.2.5): reason, paper and staff."""
    return msgspec.structs.replace(
        bussiness,
        bussiness_doc_reason=bussiness.bussiness_doc_reason or REASONS[bussiness.bussiness_doc_type],
        staff_info=bussiness.staff_info or StaffInfo(),
        paper=bussiness.paper or "0",
    )


def around(name: str, inside: Iterable[str], prefix: str = f"{PREFIX}:") -> Iterator[str]:
    yield f"<{prefix}{name}>"
    yield from inside
    yield f"</{prefix}{name}>"


def _flat(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    return (one for row in rows for one in row)


def _text(written: str, place: str) -> str:
    if _UNPRINTABLE.search(written):
        raise ContractError("body.invalid", place, "a character that XML 1.0 cannot carry")
    return escape(written, {"\r": "&#13;"})
