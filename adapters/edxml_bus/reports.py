"""A business status told about a docId, as the packet that it is in QCVN 102:2016. Pure."""

from datetime import datetime

from contracts.edxml.ids import sent_doc_id
from contracts.edxml.model import Code, Organization, Packet, ResponseFor, Status, StatusHeader
from contracts.edxml.when import moment
from contracts.edxml.write import write_status

RECALL = "13"  # the only one that comes from who sent the document


def is_business(status: str) -> bool:
    return len(status) == 2 and status.isascii() and status.isdigit()


def report(about: Packet, status: str, author: str, addressee: str, at: datetime) -> bytes:
    """A status packet (QCVN 102, status): `author` says `status` of a document to `addressee`."""
    header = about.header
    return write_status(
        Status(
            header=StatusHeader(
                from_=Organization(organ_id=author),
                response_for=ResponseFor(
                    organ_id=addressee,
                    code=notation_of(header.code),
                    document_id=header.document_id,
                    promulgation_date=header.promulgation_info.promulgation_date if header.promulgation_info else None,
                ),
                status_code=status,
                timestamp=moment(at),
            )
        ),
        carried=True,
    )


def report_id(doc_id: str, author: str, status: str) -> str:
    """One report for a packet, an author and a status, however often it is told."""
    return sent_doc_id(doc_id, author, status)


def notation_of(code: Code | None) -> str | None:
    """Number and notation in one, "7816/VPCP-TTĐT"."""
    return "/".join(part for part in (code.code_number, code.code_notation) if part) or None if code else None
