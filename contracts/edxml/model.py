"""A packet of QCVN 102:2016/BTTTT (amendment 1:2022) as values.

The model is the schema: a field is the element of the same name in capitals (`organ_id` is `OrganId`), the order of the fields is
the one in which packets are written, that of the national bus's own library. `shape` derives reading and writing from it. Texts
are trimmed and never empty; what a text may be on the wire at most, and its clause, says its `Rule`.
"""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import msgspec

from contracts.edxml.when import When


class Rule(NamedTuple):
    """`clause` of QCVN 102:2016/BTTTT. `most`: characters that are written at most, the smallest limit of receivers in service;
    0: none is known."""

    clause: str
    most: int = 0


class Group(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Elements that stand together. `others`: those that are none of ours, as exclusive canonical XML, verbatim."""

    others: tuple[str, ...] = ()


class Organization(Group, frozen=True, kw_only=True):
    """Clauses 1.1 and 1.2."""

    organ_id: Annotated[str | None, Rule("1.1 OrganId", 50)] = None
    organization_in_charge: Annotated[str | None, Rule("1.1", 200)] = None
    organ_name: Annotated[str | None, Rule("1.1", 200)] = None
    organ_add: Annotated[str | None, Rule("1.1", 250)] = None
    email: Annotated[str | None, Rule("1.1", 100)] = None
    telephone: Annotated[str | None, Rule("1.1", 20)] = None
    fax: Annotated[str | None, Rule("1.1", 20)] = None
    website: Annotated[str | None, Rule("1.1", 20)] = None


class Code(Group, frozen=True, kw_only=True):
    code_number: Annotated[str | None, Rule("1.3.1", 11)] = None
    code_notation: Annotated[str | None, Rule("1.3.2", 30)] = None


class PromulgationInfo(Group, frozen=True, kw_only=True):
    place: Annotated[str | None, Rule("1.4.1", 50)] = None
    promulgation_date: Annotated[When | None, Rule("1.4.2")] = None


class DocumentType(Group, frozen=True, kw_only=True):
    """Clause 1.5. `codes.document_type` says what it means: by name first, for the codes are used in several ways."""

    type: Annotated[str | None, Rule("1.5.1", 10)] = None
    type_detail: Annotated[str | None, Rule("1.5", 10)] = None
    type_name: Annotated[str | None, Rule("1.5.2", 100)] = None


class SignerInfo(Group, frozen=True, kw_only=True):
    competence: Annotated[str | None, Rule("1.8.1", 100)] = None
    position: Annotated[str | None, Rule("1.8.2", 100)] = None
    full_name: Annotated[str | None, Rule("1.8.3", 50)] = None


class Appendixes(Group, frozen=True, kw_only=True):
    appendix: Annotated[tuple[str, ...], Rule("1.11.6", 250)] = ()


class OtherInfo(Group, frozen=True, kw_only=True):
    priority: Annotated[int, msgspec.Meta(ge=0, le=4), Rule("1.11.1")] = 0
    sphere_of_promulgation: Annotated[str | None, Rule("1.11.2", 100)] = None
    typer_notation: Annotated[str | None, Rule("1.11.3", 10)] = None
    promulgation_amount: Annotated[str | None, Rule("1.11.4", 10)] = None
    page_amount: Annotated[str | None, Rule("1.11.5", 10)] = None
    direction: Annotated[str | None, Rule("1.11", 5)] = None
    appendixes: Annotated[Appendixes | None, Rule("1.11.6")] = None
    reply_fors: Annotated[str | None, Rule("1.11")] = None
    reference_codes: Annotated[str | None, Rule("1.11")] = None


class ResponseFor(Group, frozen=True, kw_only=True):
    """Clause 1.12: the document that is answered; in a status packet the one that is reported on."""

    organ_id: Annotated[str | None, Rule("1.12", 50)] = None
    code: Annotated[str | None, Rule("1.12", 100)] = None
    document_id: Annotated[str | None, Rule("1.12", 200)] = None
    promulgation_date: Annotated[When | None, Rule("1.12")] = None


class ResponseForTask(Group, frozen=True, kw_only=True):
    task_code: Annotated[tuple[str, ...], Rule("1.12")] = ()


class ToPlaces(Group, frozen=True, kw_only=True):
    place: Annotated[tuple[str, ...], Rule("1.10", 150)] = ()


class MessageHeader(Group, frozen=True, kw_only=True):
    """Clause 1. Of a document."""

    from_: Annotated[Organization, Rule("1.1")] = Organization()
    to: Annotated[tuple[Organization, ...], Rule("1.2")] = ()
    document_id: Annotated[str | None, Rule("1.14", 200)] = None
    code: Annotated[Code | None, Rule("1.3")] = None
    promulgation_info: Annotated[PromulgationInfo | None, Rule("1.4")] = None
    document_type: Annotated[DocumentType | None, Rule("1.5")] = None
    subject: Annotated[str | None, Rule("1.6", 500)] = None
    content: Annotated[str | None, Rule("1.7", 500)] = None
    signer_info: Annotated[SignerInfo | None, Rule("1.8")] = None
    due_date: Annotated[When | None, Rule("1.9")] = None
    other_info: Annotated[OtherInfo, Rule("1.11")] = OtherInfo()
    response_for: Annotated[tuple[ResponseFor, ...], Rule("1.12")] = ()
    steering_type: Annotated[str | None, Rule("1.13", 1)] = None
    response_for_task: Annotated[ResponseForTask | None, Rule("1.12")] = None
    application_type: Annotated[str | None, Rule("1")] = None
    to_places: Annotated[ToPlaces | None, Rule("1.10")] = None


class TraceHeader(Group, frozen=True, kw_only=True):
    """Clause 2.1: one hop. Every hub on the way appends its own."""

    organ_id: Annotated[str | None, Rule("2.1", 50)] = None
    timestamp: Annotated[When | None, Rule("2.1")] = None


class StaffInfo(Group, frozen=True, kw_only=True):
    department: Annotated[str | None, Rule("2.2.5", 250)] = None
    staff: Annotated[str | None, Rule("2.2.5", 100)] = None
    mobile: Annotated[str | None, Rule("2.2.5", 100)] = None
    email: Annotated[str | None, Rule("2.2.5", 100)] = None
    department_id: Annotated[str | None, Rule("2.2.5", 100)] = None
    staff_id: Annotated[str | None, Rule("2.2.5", 100)] = None


class Receiver(Group, frozen=True, kw_only=True):
    organ_id: Annotated[str | None, Rule("2.2.3", 50)] = None
    receiver_type: Annotated[str | None, Rule("2.2.3", 1)] = None


class ReceiverList(Group, frozen=True, kw_only=True):
    receiver: Annotated[tuple[Receiver, ...], Rule("2.2.3")] = ()


class BussinessDocumentInfo(Group, frozen=True, kw_only=True):
    """Clause 2.2.3: what an update changes."""

    document_info: Annotated[str | None, Rule("2.2.3", 1)] = None
    document_receiver: Annotated[str | None, Rule("2.2.3", 1)] = None
    receiver_list: Annotated[ReceiverList | None, Rule("2.2.3")] = None


class OrganIdList(Group, frozen=True, kw_only=True):
    organ_id: Annotated[tuple[str, ...], Rule("2.2.8", 50)] = ()


class ReplacementInfo(Group, frozen=True, kw_only=True):
    """Clause 2.2.8: a document that is replaced, and the bodies at which it is; no bodies: everywhere."""

    document_id: Annotated[str | None, Rule("2.2.8", 200)] = None
    organ_id_list: Annotated[OrganIdList | None, Rule("2.2.8")] = None


class ReplacementInfoList(Group, frozen=True, kw_only=True):
    replacement_info: Annotated[tuple[ReplacementInfo, ...], Rule("2.2.8")] = ()


class Bussiness(Group, frozen=True, kw_only=True):
    """Clause 2.2, spelt as the standard spells it. A packet without it is a new document."""

    bussiness_doc_type: Annotated[int, msgspec.Meta(ge=0, le=3), Rule("2.2.1")] = 0
    bussiness_doc_reason: Annotated[str | None, Rule("2.2.2")] = None
    bussiness_document_info: Annotated[BussinessDocumentInfo | None, Rule("2.2.3")] = None
    document_id: Annotated[str | None, Rule("2.2.4", 200)] = None
    staff_info: Annotated[StaffInfo | None, Rule("2.2.5")] = None
    paper: Annotated[str | None, Rule("2.2", 1)] = None
    replacement_info_list: Annotated[ReplacementInfoList | None, Rule("2.2.8")] = None


class TraceHeaderList(Group, frozen=True, kw_only=True):
    """Clause 2."""

    trace_header: Annotated[tuple[TraceHeader, ...], Rule("2.1")] = ()
    bussiness: Annotated[Bussiness, Rule("2.2")] = Bussiness()


class Reference(Group, frozen=True, kw_only=True):
    """A file as the manifest names it."""

    content_id: Annotated[str | None, Rule("3")] = None
    content_type: Annotated[str | None, Rule("3")] = None
    description: Annotated[str | None, Rule("3")] = None
    attachment_name: Annotated[str | None, Rule("3", 200)] = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file was, in a body of the hub: its digest ("sha256:" + hex), and whether it had come as an archive of its own."""

    digest: str
    zipped: bool = False


class Attachment(Group, frozen=True, kw_only=True):
    """A file inside. `encoded`: base64 as it stands there; `kept`: the mark of a file that the hub keeps beside the packet."""

    content_id: Annotated[str | None, Rule("3")] = None
    attachment_name: Annotated[str | None, Rule("3", 200)] = None
    description: Annotated[str | None, Rule("3")] = None
    content_type: Annotated[str | None, Rule("3")] = None
    format: Annotated[str | None, Rule("3")] = None
    field_name: Annotated[str | None, Rule("3")] = None
    mime_type: Annotated[str | None, Rule("3")] = None
    encoded: str | None = msgspec.field(default=None)
    kept: Kept | None = None

    @property
    def has_file(self) -> bool:
        return self.encoded is not None or self.kept is not None


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """A document (edoc). `signed`: its header bears a signature that says something, so its octets are never written anew.
    `repairs`: what reading put right. `others`: elements of header, body and root that are none of ours."""

    header: MessageHeader
    trace: TraceHeaderList = TraceHeaderList()
    references: tuple[Reference, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    signed: bool = False
    repairs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def business_type(self) -> int:
        """0 new, 1 recall, 2 update, 3 replace (clause 2.2.1)."""
        return self.trace.bussiness.bussiness_doc_type

    @property
    def recipients(self) -> tuple[str, ...]:
        """Codes of the addressees, each once."""
        return tuple(dict.fromkeys(_organs(self.header.to)))

    @property
    def complete(self) -> bool:
        """It carries every file that its manifest names, and one at least."""
        return sum(1 for one in self.attachments if one.has_file) >= max(1, len(self.references))


class StatusHeader(Group, frozen=True, kw_only=True):
    """Of a status packet. It has no addressee: that is the body in `response_for`."""

    from_: Annotated[Organization, Rule("1.1")] = Organization()
    response_for: Annotated[ResponseFor, Rule("1.12")] = ResponseFor()
    staff_info: Annotated[StaffInfo | None, Rule("2.2.5")] = None
    status_code: Annotated[str | None, Rule("status packet")] = None
    description: Annotated[str | None, Rule("status packet", 1000)] = None
    timestamp: Annotated[When | None, Rule("status packet")] = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a document at one of its addressees."""

    header: StatusHeader
    signed: bool = False
    repairs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def _organs(bodies: tuple[Organization, ...]) -> Iterator[str]:
    return (body.organ_id for body in bodies if body.organ_id is not None)
